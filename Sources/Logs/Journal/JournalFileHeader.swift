import Bytes
import CLinux
import Glibc

/// What a journal file says of itself (systemd, `JOURNAL_FILE_FORMAT.md`); little-endian.
struct JournalFileHeader: Sendable, Equatable {
    /// Not closed by its writer: it may change at any time.
    var isOnline: Bool
    var sequenceID: String
    var entryCount: UInt64
    /// The last entry's number and time of receipt in microseconds.
    var lastNumber: UInt64
    var lastRealtime: UInt64

    private static let size = 208

    /// Nil where the bytes are no journal header.
    init?(_ bytes: RawSpan) {
        guard bytes.byteCount >= Self.size, bytes.slice(0, 8).equals("LPKSHHRH") else { return nil }
        func number(_ offset: Int) -> UInt64 {
            (0..<8).reduce(0) { $0 | UInt64(bytes.byte(at: offset + $1)) << UInt64($1 * 8) }
        }
        isOnline = bytes.byte(at: 16) == 1
        sequenceID = (72..<88).map { offset in
            let digits = String(bytes.byte(at: offset), radix: 16)
            return digits.utf8.count == 1 ? "0" + digits : digits
        }.joined()
        entryCount = number(152)
        lastNumber = number(160)
        lastRealtime = number(192)
    }

    /// Nil where there is no such file or it is no journal.
    init?(of path: String) {
        let descriptor = clinux_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: Self.size)
        guard pread(descriptor, &bytes, bytes.count, 0) == bytes.count else { return nil }
        self.init(bytes.span.bytes)
    }
}
