import Bytes
import Glibc
import Loki
import Telemetry

/// Prints entries: JSON lines, or for people the local time, the labels and the line.
struct EntryPrinter {
    let json: Bool
    private let isTerminal = isatty(STDOUT_FILENO) == 1

    func print(_ entries: [FoundEntry]) {
        guard !entries.isEmpty else { return }
        var output = JSONWriter(capacity: 64 << 10)
        for entry in entries {
            if json { entry.write(to: &output) } else { write(entry, to: &output.buffer) }
        }
        Self.write(output.written())
    }

    /// Prints entries that came as JSON lines.
    func print(jsonLines bytes: [UInt8]) {
        print(bytes.split(separator: 0x0a).compactMap { FoundEntry(json: Array($0)) })
    }

    /// Bytes to standard output, whole.
    static func write(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            guard written > 0 || errno == EINTR else { exit(1) }
            if written > 0 { rest = rest.dropFirst(written) }
        }
    }

    private func write(_ entry: FoundEntry, to buffer: inout ByteBuffer) {
        if isTerminal { buffer.append("\u{1b}[2m" as StaticString) }
        buffer.append(Self.localTime(entry.timestamp))
        buffer.append(" " as StaticString)
        buffer.append(entry.labels.description)
        if isTerminal { buffer.append("\u{1b}[0m" as StaticString) }
        buffer.append(" " as StaticString)
        // A log line must not drive the terminal: control characters are shown, not sent.
        for byte in entry.line.utf8 {
            if byte < 0x20 && byte != 0x09 && isTerminal {
                buffer.append(UInt8(ascii: "^"))
                buffer.append(byte + 0x40)
            } else {
                buffer.append(byte)
            }
        }
        buffer.append(UInt8(ascii: "\n"))
    }

    /// `2026-01-31 12:00:00.123` in the local time zone.
    private static func localTime(_ timestamp: Timestamp) -> String {
        var seconds = time_t(timestamp.parts.seconds)
        var parts = tm()
        localtime_r(&seconds, &parts)
        var text = [CChar](repeating: 0, count: 32)
        strftime(&text, text.count, "%Y-%m-%d %H:%M:%S", &parts)
        let milliseconds = String(timestamp.parts.nanoseconds / 1_000_000)
        let date = text.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
        return date + "." + String(repeating: "0", count: 3 - milliseconds.utf8.count) + milliseconds
    }
}
