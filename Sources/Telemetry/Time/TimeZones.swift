import Bytes
import Glibc

/// The time zones of the system, by name.
package enum TimeZones {
    /// Where their files are.
    package static let directory = "/usr/share/zoneinfo"
    private static let largestFile = 1 << 20

    /// `UTC`, `Local` (the host's own: `$TZ`, else /etc/localtime), or a name such as `Europe/Oslo`. Nil where there is no
    /// such zone on this host.
    package static func zone(named name: String, directory: String = directory) -> ZoneFile? {
        switch name {
        case "", "UTC": return .utc
        case "Local": return local(directory: directory)
        default:
            let parts = name.split(separator: "/", omittingEmptySubsequences: false)
            guard !parts.contains(where: { $0.isEmpty || $0 == "." || $0 == ".." }), !name.utf8.contains(0) else {
                return nil
            }
            return file(directory + "/" + name)
        }
    }

    private static func local(directory: String) -> ZoneFile? {
        if let text = getenv("TZ").map({ String(cString: $0) }) {
            let name = text.hasPrefix(":") ? String(text.dropFirst()) : text
            if name.isEmpty { return .utc }
            if name.hasPrefix("/") { return file(name) }
            if name != "Local", let zone = zone(named: name, directory: directory) { return zone }
        }
        // A host without the file runs on Greenwich's time.
        return file("/etc/localtime") ?? .utc
    }

    private static func file(_ path: String) -> ZoneFile? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var contents: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16 << 10)
        while contents.count <= largestFile {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            if count < 0 { return nil }
            if count == 0 { return ZoneFile(contents.span.bytes) }
            contents += chunk[..<count]
        }
        return nil
    }
}
