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
    private var line = ByteBuffer()

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
        line.removeAll()
        for entry in entries { Self.encode(entry, into: &line) }
        let descriptor = clinux_open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { return "cannot open \(path): \(String(cString: strerror(-descriptor)))" }
        defer { close(descriptor) }
        defer { line.release(downTo: 64 << 10) }
        let problem = Self.write(line, to: descriptor, path)
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

    private static func encode(_ entry: Entry, into output: inout ByteBuffer) {
        output.append("{\"destination\":")
        append(json: entry.destination, to: &output)
        output.append(",\"reason\":")
        append(json: entry.reason, to: &output)
        output.append(",\"tenant\":")
        append(json: entry.tenant, to: &output)
        output.append(",\"stream\":")
        append(json: entry.stream, to: &output)
        output.append(",\"timestamp\":\"\(entry.time.nanoseconds)\",\"line\":")
        append(json: String(decoding: entry.line, as: UTF8.self), to: &output)
        output.append(",\"structured_metadata\":{")
        for (index, pair) in entry.metadata.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            append(json: pair.name, to: &output)
            output.append(UInt8(ascii: ":"))
            append(json: pair.value, to: &output)
        }
        output.append("}}\n" as StaticString)
    }

    private static func append(json text: String, to output: inout ByteBuffer) {
        let digits = Array("0123456789abcdef".utf8)
        output.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): output.append("\\\"" as StaticString)
            case UInt8(ascii: "\\"): output.append("\\\\" as StaticString)
            case 0x0a: output.append("\\n" as StaticString)
            case 0..<0x20:
                output.append("\\u00" as StaticString)
                output.append(digits[Int(byte >> 4)])
                output.append(digits[Int(byte & 15)])
            default: output.append(byte)
            }
        }
        output.append(UInt8(ascii: "\""))
    }
}
