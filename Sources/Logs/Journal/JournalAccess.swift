import CLinux
import Glibc

/// Which files of a journal there are, and whether they may be read: libsystemd opens what it can and says nothing
/// of the rest.
struct JournalAccess: Sendable, Equatable {
    /// Directories that exist.
    var directories: [String] = []
    private(set) var files: [String] = []
    var readable = 0
    /// Files and directories that may not be read.
    var denied: [String] = []
    /// Files under a journal's name that are none; libsystemd passes over them.
    var foreign: [String] = []
    /// What is configured and not there, as a sentence with what to do; it may still come.
    private(set) var absence: String?

    /// Where the host's journals are.
    static let bases = ["/var/log/journal", "/run/log/journal"]

    /// The namespaces of which there is a journal on this host, the default one by an empty name.
    static func namespaces(root: String = "") -> [String] {
        let machine = firstLine(of: root + "/etc/machine-id")
        var access = JournalAccess()
        var found: Set<String> = []
        for name in bases.flatMap({ access.list(root + $0) ?? [] }) {
            let parts = name.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts[0].utf8.count == 32, machine.isEmpty || parts[0] == machine else { continue }
            found.insert(parts.count == 2 ? String(parts[1]) : "")
        }
        return found.sorted()
    }

    private init() {}

    /// Looks through the directories in which libsystemd looks.
    init(_ place: JournalPlace, root: String = "") {
        if place.directory.isEmpty {
            let machine = Self.firstLine(of: root + "/etc/machine-id")
            for base in Self.bases {
                add(root + base) { name in Self.isWanted(name, machine: machine, namespace: place.namespace) }
            }
            let hasOwn = directories.contains { $0.hasSuffix("." + place.namespace) }
            if !place.namespace.isEmpty, !hasOwn, denied.isEmpty {
                absence =
                    "the journal namespace \"\(place.namespace)\" is not there: expected the directory "
                    + "/var/log/journal/\(machine).\(place.namespace) or the same under /run/log/journal; it comes with "
                    + "the first unit that has LogNamespace=\(place.namespace), else correct the name under journal: "
                    + "namespace:"
            }
        } else {
            add(place.directory) { _ in true }
            if directories.isEmpty, denied.isEmpty {
                absence =
                    "there is no journal directory \(place.directory): create it, or correct journal: path:"
            }
        }
    }

    /// What to say where nothing can be read, or nil.
    var failure: String? {
        if directories.isEmpty, denied.isEmpty {
            return "there is no journal: expected files under /var/log/journal or /run/log/journal, or those of the "
                + "configured path or namespace; is systemd-journald running here?"
        }
        guard readable == 0 else { return nil }
        if denied.isEmpty, let file = foreign.first {
            return "\(file) is not a journal file: expected it to begin with LPKSHHRH; move it away or correct the path"
        }
        guard let first = denied.first else { return nil }
        return "no journal file can be read: permission denied for \(first)\(others); \(Self.remedy)"
    }

    /// What to say where there is nothing to read yet, or nil.
    var emptiness: String? {
        guard failure == nil, readable == 0 else { return nil }
        return
            "no journal file in \(directories.joined(separator: ", ")) yet: entries are read when there are some; is "
            + "systemd-journald running here, with this path or namespace?"
    }

    /// What to say where a part cannot be read, or nil.
    var warning: String? {
        guard readable > 0, let first = denied.first else { return nil }
        return "a part of the journal cannot be read: permission denied for \(first)\(others); \(Self.remedy)"
    }

    private var others: String { denied.count > 1 ? " and \(denied.count - 1) more" : "" }

    private static let remedy =
        "add the agent's user to the group systemd-journal (SupplementaryGroups=systemd-journal in its unit, or "
        + "usermod -aG systemd-journal USER) and start it again"

    private static func isWanted(_ name: String, machine: String, namespace: String) -> Bool {
        let parts = name.split(separator: ".", maxSplits: 1)
        guard let head = parts.first, machine.isEmpty || head == machine else { return false }
        return namespace.isEmpty ? parts.count == 1 : parts.count == 2 && parts[1] == namespace
    }

    private mutating func add(_ base: String, _ isWanted: (String) -> Bool) {
        guard let names = list(base) else { return }
        for name in names {
            if name.hasSuffix(".journal") || name.hasSuffix(".journal~") {
                probe("\(base)/\(name)")
            } else if isWanted(name), let inner = list("\(base)/\(name)") {
                for file in inner where file.hasSuffix(".journal") || file.hasSuffix(".journal~") {
                    probe("\(base)/\(name)/\(file)")
                }
            }
        }
    }

    private mutating func probe(_ path: String) {
        let descriptor = clinux_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0)
        if descriptor >= 0 {
            defer { close(descriptor) }
            var magic = [UInt8](repeating: 0, count: 8)
            // One that journald has just made may still be empty.
            if read(descriptor, &magic, magic.count) == magic.count, magic != Array("LPKSHHRH".utf8) {
                foreign.append(path)
            } else {
                readable += 1
                files.append(path)
            }
        } else if -descriptor == EACCES || -descriptor == EPERM {
            denied.append(path)
        }
    }

    /// The names in a directory, or nil.
    private mutating func list(_ path: String) -> [String]? {
        guard let directory = opendir(path) else {
            if errno == EACCES || errno == EPERM { denied.append(path) }
            return nil
        }
        defer { closedir(directory) }
        directories.append(path)
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }

    private static func firstLine(of path: String) -> String {
        let descriptor = clinux_open(path, O_RDONLY | O_CLOEXEC, 0)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 64)
        let length = read(descriptor, &bytes, bytes.count)
        guard length > 0 else { return "" }
        return String(decoding: bytes.prefix(length).prefix { $0 != 0x0a }, as: UTF8.self)
    }
}
