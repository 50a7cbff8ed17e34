import Configuration
import Glibc

/// A file of fail2ban's configuration under all that overrides it: `X.conf`, `X.d/*.conf`, `X.local`, `X.d/*.local`, and what each of them
/// includes, merged option by option, the later one winning.
package struct ConfigurationLayers: Sendable {
    struct Value: Sendable, Equatable {
        var text: String
        var file: String
        var line: Int
    }

    typealias Options = [String: Value]

    /// As they were first met, without `DEFAULT` and `INCLUDES`.
    private(set) var names: [String] = []
    private(set) var sections: [String: Options] = [:]
    private(set) var defaults: Options = [:]
    /// What the options of a section were before the last file that set them.
    private(set) var known: [String: Options] = [:]
    /// The files, in the order in which they were merged.
    package private(set) var files: [String] = []
    /// The path without its ending, for what no file is to blame for.
    let stem: String

    static let longestInclusion = 32
    static let mostFiles = 1000

    /// - Parameter stem: the path without `.conf`, such as `/etc/fail2ban/filter.d/sshd`.
    package init(stem: String, surroundings: ConfigurationSurroundings = .process) throws(JailConfigurationError) {
        self.stem = stem
        let directory = stem + ".d"
        let parts = Self.names(in: directory)
        var wanted: [String] = []
        for ending in [".conf", ".local"] {
            wanted.append(stem + ending)
            wanted += parts.filter { $0.hasSuffix(ending) }.map { directory + "/" + $0 }
        }
        wanted = wanted.filter(Self.isFile)
        guard !wanted.isEmpty else {
            throw JailConfigurationError(file: stem + ".conf", message: "there is no such file")
        }
        var inclusion = Inclusion(surroundings: surroundings)
        for path in wanted { try inclusion.add(path, named: wanted, by: []) }
        for (path, document) in inclusion.documents { merge(document, file: path) }
    }

    private mutating func merge(_ document: INIDocument, file: String) {
        files.append(file)
        for section in document.sections {
            var options: Options = [:]
            var name = section.name
            var condition = ""
            // `[Init?family=inet6]` is about options of [Init].
            if let mark = name.utf8.firstIndex(of: UInt8(ascii: "?")) {
                condition = String(name[mark...])
                name = String(name[..<mark])
            }
            for option in section.options {
                options[option.name + condition] = Value(text: option.value, file: file, line: option.line)
            }
            switch name {
            case "INCLUDES": continue
            case "DEFAULT": defaults.merge(options) { $1 }
            default:
                if let old = sections[name] {
                    for key in options.keys { if let value = old[key] { known[name, default: [:]][key] = value } }
                } else {
                    names.append(name)
                }
                sections[name, default: [:]].merge(options) { $1 }
            }
        }
    }

    /// Sets an option of a section, as if a last file said so.
    mutating func set(_ option: String, in section: String, to value: Value) {
        sections[section, default: [:]][option] = value
    }

    mutating func setDefault(_ option: String, to value: Value) { defaults[option] = value }

    static func isFile(_ path: String) -> Bool { access(path, F_OK) == 0 && !isDirectory(path) }

    private static func isDirectory(_ path: String) -> Bool {
        guard let directory = opendir(path) else { return false }
        closedir(directory)
        return true
    }

    /// The names of files in a directory, sorted by bytes; none where there is no directory.
    static func names(in path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
}

/// Follows `[INCLUDES] before` and `after`, and the `.local` beside every file.
private struct Inclusion {
    let surroundings: ConfigurationSurroundings
    var documents: [(path: String, document: INIDocument)] = []

    init(surroundings: ConfigurationSurroundings) { self.surroundings = surroundings }

    /// - Parameters:
    ///   - named: files that come in their own turn.
    ///   - chain: the files that include this one.
    mutating func add(_ path: String, named: [String], by chain: [String]) throws(JailConfigurationError) {
        guard chain.count < ConfigurationLayers.longestInclusion else {
            throw JailConfigurationError(file: path, message: "included through \(chain.count) files; is it a circle?")
        }
        let document = try read(path)
        for target in includes(document, "before", of: path) { try follow(target, from: path, named, chain) }
        documents.append((path, document))
        guard documents.count <= ConfigurationLayers.mostFiles else {
            throw JailConfigurationError(
                file: path, message: "more than \(ConfigurationLayers.mostFiles) files are included")
        }
        for target in includes(document, "after", of: path) { try follow(target, from: path, named, chain) }
        if path.hasSuffix(".conf") {
            let local = path.dropLast(5) + ".local"
            if !named.contains(String(local)), ConfigurationLayers.isFile(String(local)) {
                try add(String(local), named: named, by: chain + [path])
            }
        }
    }

    private mutating func follow(
        _ target: String, from path: String, _ named: [String], _ chain: [String]
    ) throws(JailConfigurationError) {
        // What is not there is not included: `after = common.local` is a place for the user's file.
        if chain.contains(target) || target == path || !ConfigurationLayers.isFile(target) { return }
        try add(target, named: named, by: chain + [path])
    }

    private func includes(_ document: INIDocument, _ option: String, of path: String) -> [String] {
        guard let section = document.sections.first(where: { $0.name == "INCLUDES" }),
            let value = section.options.first(where: { $0.name == option })?.value
        else { return [] }
        let directory = path.utf8.lastIndex(of: 0x2f).map { String(path[...$0]) } ?? ""
        return value.lines.filter { !$0.isEmpty }.map { $0.hasPrefix("/") ? $0 : directory + $0 }
    }

    private func read(_ path: String) throws(JailConfigurationError) -> INIDocument {
        switch surroundings.read(path) {
        case .success(let bytes): return try INIDocument(bytes, file: path)
        case .failure(let failure):
            throw JailConfigurationError(file: path, message: "cannot be read: \(failure.reason)")
        }
    }
}
