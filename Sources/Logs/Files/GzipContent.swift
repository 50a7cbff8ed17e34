import Bytes
import Glibc

/// The decompressed bytes of a gzip file, by offset; cheap in ascending order, from the start again otherwise.
final class GzipContent {
    private let descriptor: Int32
    private let path: String
    private var reader: GzipReader?
    /// Decompressed bytes kept, and where they begin.
    private var window = ByteBuffer()
    private var windowStart: UInt64 = 0
    private var isFinished = false
    /// What kept the file from being read to its end.
    private(set) var damage: GzipError?

    private static let blockSize = 256 << 10

    /// The descriptor stays its owner's.
    init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    /// Appends up to `length` bytes from `offset`; fewer at the end, or where the file ends early or is damaged.
    func read(at offset: UInt64, length: Int, into buffer: inout ByteBuffer) -> Int {
        if reader == nil || offset < windowStart { restart() }
        let (end, isTooFar) = offset.addingReportingOverflow(UInt64(clamping: length))
        while !isTooFar, !isFinished, windowStart + UInt64(window.count) < end {
            let known = windowStart + UInt64(window.count)
            if known > offset {
                if offset > windowStart { drop(to: offset) }
            } else {
                windowStart = known
                window.removeAll()
            }
            decompress()
        }
        guard offset >= windowStart, offset - windowStart < UInt64(window.count) else { return 0 }
        let start = Int(offset - windowStart)
        let count = min(length, window.count - start)
        Self.copy(window, start, count, to: &buffer)
        return count
    }

    /// What the last four bytes of a gzip file tell: how many bytes its last member has decompressed, modulo 2³² (RFC 1952,
    /// 2.3.1). Nil where there are no four.
    static func length(of path: String) -> UInt32? {
        var bytes = ByteBuffer()
        guard let file = try? FileContent(path: path), let size = try? file.status().size, size >= 4,
            (try? file.read(at: size - 4, length: 4, into: &bytes)) == 4
        else { return nil }
        return (0..<4).reversed().reduce(0) { $0 << 8 | UInt32(bytes.bytes.byte(at: $1)) }
    }

    private static func copy(_ window: borrowing ByteBuffer, _ start: Int, _ count: Int, to buffer: inout ByteBuffer) {
        buffer.append(window.bytes.slice(start, start + count))
    }

    private func drop(to offset: UInt64) {
        window.removeFirst(Int(offset - windowStart))
        windowStart = offset
    }

    private func restart() {
        window.removeAll()
        windowStart = 0
        damage = nil
        lseek(descriptor, 0, SEEK_SET)
        do throws(GzipError) {
            reader = try GzipReader(descriptor: descriptor, path: path)
            isFinished = false
        } catch {
            reader = nil
            finish(error)
        }
    }

    /// Decompresses some more onto the window.
    private func decompress() {
        do throws(GzipError) {
            let count = try reader?.read(into: &window, limit: Self.blockSize) ?? 0
            if count == 0 { finish(nil) }
        } catch { finish(error) }
    }

    private func finish(_ error: GzipError?) {
        isFinished = true
        damage = error
    }
}
