import Bytes
import CLinux
import Glibc
import Telemetry

/// Where entries go that a destination will never take: one JSON line each, with the reason, in one file per
/// destination. At 16 MiB the file becomes `….1`, replacing the one before it.
struct Quarantine: ~Copyable {
    static let sizeLimit: Int64 = 16 << 20
    let path: String
    private let directory: String
    private var writer = JSONWriter()

    struct Entry {
        var destination: String
        var tenant: String
        var stream: String
        var time: Timestamp
        var reason: String
        var line: [UInt8]
        var metadata: [(name: String, value: String)]
    }

    init(directory: String, destination: String) {
        self.directory = directory
        let name = destination.utf8.map { byte -> Character in
            let isPlain = (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
            return isPlain || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
                ? Character(Unicode.Scalar(byte)) : "_"
        }
        path = "\(directory)/\(String(name)).jsonl"
    }

    /// Appends `entries`. Returns nil, or the sentence that says why they could not be kept.
    mutating func append(_ entries: [Entry]) -> String? {
        guard !entries.isEmpty else { return nil }
        mkdir(directory, 0o750)
        writer.buffer.removeAll()
        for entry in entries { Self.encode(entry, into: &writer) }
        let descriptor = clinux_open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { return "cannot open \(path): \(String(cString: strerror(-descriptor)))" }
        defer { close(descriptor) }
        defer { writer.buffer.release(downTo: 64 << 10) }
        let problem = Self.write(writer.buffer, to: descriptor, path)
        var status = clinux_file_status()
        if clinux_status_of_descriptor(descriptor, &status) == 0, status.size > UInt64(Self.sizeLimit) {
            rename(path, path + ".1")
        }
        return problem
    }

    private static func write(_ content: borrowing ByteBuffer, to descriptor: Int32, _ path: String) -> String? {
        content.bytes.withUnsafeBytes { bytes in
            var written = 0
            while written < bytes.count {
                let count = Glibc.write(descriptor, bytes.baseAddress.map { $0 + written }, bytes.count - written)
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { return "cannot write \(path): \(String(cString: strerror(errno)))" }
                written += count
            }
            return nil
        }
    }

    private static func encode(_ entry: Entry, into writer: inout JSONWriter) {
        writer.beginObject()
        let fields = [
            ("destination", entry.destination), ("reason", entry.reason), ("tenant", entry.tenant),
            ("stream", entry.stream), ("timestamp", "\(entry.time.nanoseconds)"),
            ("line", String(decoding: entry.line, as: UTF8.self)),
        ]
        for (name, value) in fields {
            writer.key(name)
            writer.string(value)
        }
        writer.key("structured_metadata")
        writer.beginObject()
        for (name, value) in entry.metadata {
            writer.key(name)
            writer.string(value)
        }
        writer.endObject()
        writer.endObject()
        writer.endLine()
    }
}
