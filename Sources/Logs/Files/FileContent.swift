import Bytes
import Glibc
import Synchronization

/// The bytes of an open log file, by offset.
final class FileContent {
    private let descriptor: Int32
    private let path: String
    /// Set where the file is compressed: offsets then count decompressed bytes.
    private let decompressor: GzipContent?

    /// Log files held open by this process.
    static var openCount: Int { opened.load(ordering: .relaxed) }
    private static let opened = Atomic<Int>(0)

    var isCompressed: Bool { decompressor != nil }

    /// Opens a regular file for reading.
    init(path: String, isCompressed: Bool = false) throws(FileError) {
        self.path = path
        // Not blocking, so that a FIFO of this name cannot hold the thread.
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else {
            let code = errno
            decompressor = nil
            throw FileError(code: code, path: path)
        }
        Self.opened.wrappingAdd(1, ordering: .relaxed)
        decompressor = isCompressed ? GzipContent(descriptor: descriptor, path: path) : nil
        let status = try FileStatus.of(descriptor: descriptor, path: path)
        guard status.isRegular else { throw FileError(code: EISDIR, path: path) }
    }

    deinit {
        guard descriptor >= 0 else { return }
        close(descriptor)
        Self.opened.wrappingSubtract(1, ordering: .relaxed)
    }

    /// The path under which inotify finds exactly this file.
    var watchPath: String { "/proc/self/fd/\(descriptor)" }

    /// Why a compressed file ended before its end, once it did.
    var damage: GzipError? { decompressor?.damage }

    func status() throws(FileError) -> FileStatus { try FileStatus.of(descriptor: descriptor, path: path) }

    /// Appends up to `length` bytes from `offset` to `buffer`; fewer only at the end of the file.
    func read(at offset: UInt64, length: Int, into buffer: inout ByteBuffer) throws(FileError) -> Int {
        if let decompressor { return decompressor.read(at: offset, length: length, into: &buffer) }
        guard length > 0, let start = Int64(exactly: offset) else { return 0 }
        var total = 0
        while total < length {
            var code: Int32 = 0
            let wanted = length - total
            let count = buffer.appendUninitialized(atLeast: wanted) { room in
                let got = pread(descriptor, room.baseAddress, wanted, Int(start) + total)
                if got < 0 { code = errno }
                return max(0, got)
            }
            if code == EINTR { continue }
            guard code == 0 else { throw FileError(code: code, path: path) }
            if count == 0 { break }
            total += count
        }
        return total
    }

    /// The first offset at or after `offset` that is not in a hole; nil at the end or where the file system cannot tell.
    func nextData(from offset: UInt64) -> UInt64? {
        guard decompressor == nil, let start = Int64(exactly: offset) else { return nil }
        let found = lseek(descriptor, Int(start), 3)  // SEEK_DATA, which Glibc's module lacks
        return found < 0 ? nil : UInt64(found)
    }
}
