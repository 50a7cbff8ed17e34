import CLinux
import Glibc

/// A system call that failed.
package struct SystemError: Error, CustomStringConvertible, Equatable {
    package var call: String
    package var path: String
    /// `errno`.
    package var code: Int32

    package init(call: String, path: String, code: Int32) {
        self.call = call
        self.path = path
        self.code = code
    }

    package var description: String { "\(call) \(path): \(String(cString: strerror(code))) (errno \(code))" }

    /// No space, no quota, or a size limit: it may go away by deleting something.
    package var isFull: Bool { code == ENOSPC || code == EDQUOT || code == EFBIG }
}

/// What tests let a disk do wrong. Each returns the error number of the call it stands for, 0 to let it through.
package struct DiskFaults: Sendable {
    /// Before a write of so many bytes; a positive `partial` is written all the same.
    package var write: @Sendable (_ length: Int) -> (code: Int32, partial: Int)
    package var synchronize: @Sendable () -> Int32

    package init(
        write: @escaping @Sendable (_ length: Int) -> (code: Int32, partial: Int) = { _ in (0, 0) },
        synchronize: @escaping @Sendable () -> Int32 = { 0 }
    ) {
        self.write = write
        self.synchronize = synchronize
    }
}

/// An open file, closed with its last reference. Reads and writes name their offset, so threads may share it.
package final class StoreFile: Sendable {
    package let path: String
    package let descriptor: Int32

    /// Opens `path`; a file it creates is its owner's alone.
    package init(path: String, flags: Int32) throws(SystemError) {
        self.path = path
        descriptor = clinux_open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0o600)
        if descriptor < 0 { throw SystemError(call: "open", path: path, code: -descriptor) }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Bytes in it; throws for what is not a regular file.
    package func size() throws(SystemError) -> UInt64 {
        var status = clinux_file_status()
        let code = clinux_status_of_descriptor(descriptor, &status)
        if code != 0 { throw SystemError(call: "stat", path: path, code: code) }
        guard status.mode & UInt32(S_IFMT) == UInt32(S_IFREG) else {
            throw SystemError(call: "read", path: path, code: EISDIR)
        }
        return status.size
    }

    /// Appends up to `length` bytes from `offset` on to `buffer`, fewer only at the end of the file. A page that
    /// cannot be read (EIO) comes out as zeros: its neighbours are still good, and checksums tell.
    package func read(at offset: UInt64, length: Int, into buffer: inout ByteBuffer) throws(SystemError) {
        let wanted = buffer.count + length
        while buffer.count < wanted {
            let left = wanted - buffer.count
            let position = off_t(clamping: offset) + off_t(length - left)
            var code: Int32 = 0
            let result = buffer.appendUninitialized(atLeast: left) { room in
                let count = pread(descriptor, room.baseAddress, left, position)
                if count < 0 { code = errno }
                return max(0, count)
            }
            if result > 0 { continue }
            switch code {
            case 0: return
            case EINTR: continue
            case EIO:
                for _ in 0..<min(left, 4096 - Int(position & 4095)) { buffer.append(0) }
            default: throw SystemError(call: "read", path: path, code: code)
            }
        }
    }

    /// Writes both, one after the other, at `offset`. After a throw any part of them may be there.
    package func write(_ head: RawSpan, _ payload: RawSpan, at offset: UInt64, faults: DiskFaults) throws(SystemError) {
        var limit = Int.max
        let fault = faults.write(head.byteCount + payload.byteCount)
        if fault.code != 0 { limit = fault.partial }
        let total = head.byteCount + payload.byteCount
        var written = 0
        while written < min(total, limit) {
            let result = Self.vector(head, payload, from: written, limit: limit) { parts, count in
                pwritev(descriptor, parts, count, off_t(clamping: offset) + off_t(written))
            }
            if result > 0 {
                written += result
            } else if errno != EINTR {
                throw SystemError(call: "write", path: path, code: result == 0 ? ENOSPC : errno)
            }
        }
        if fault.code != 0 { throw SystemError(call: "write", path: path, code: fault.code) }
    }

    private static func vector(
        _ head: RawSpan, _ payload: RawSpan, from skip: Int, limit: Int, _ body: (UnsafePointer<iovec>, Int32) -> Int
    ) -> Int {
        head.withUnsafeBytes { first in
            payload.withUnsafeBytes { second in
                let a = UnsafeRawBufferPointer(rebasing: first.dropFirst(skip).prefix(max(0, limit - skip)))
                let consumed = max(skip, first.count)
                let b = UnsafeRawBufferPointer(
                    rebasing: second.dropFirst(consumed - first.count).prefix(max(0, limit - consumed)))
                let parts = [a, b].filter { !$0.isEmpty }.map {
                    iovec(iov_base: UnsafeMutableRawPointer(mutating: $0.baseAddress), iov_len: $0.count)
                }
                return parts.withUnsafeBufferPointer { vectors in
                    guard let start = vectors.baseAddress, !vectors.isEmpty else { return 0 }
                    return body(start, Int32(vectors.count))
                }
            }
        }
    }

    /// Makes what is written durable, the size included.
    package func synchronize(faults: DiskFaults = DiskFaults()) throws(SystemError) {
        let injected = faults.synchronize()
        if injected != 0 { throw SystemError(call: "fdatasync", path: path, code: injected) }
        while fdatasync(descriptor) != 0 {
            if errno != EINTR { throw SystemError(call: "fdatasync", path: path, code: errno) }
        }
    }

    package func truncate(to length: UInt64) throws(SystemError) {
        while ftruncate(descriptor, off_t(clamping: length)) != 0 {
            if errno != EINTR { throw SystemError(call: "truncate", path: path, code: errno) }
        }
    }
}

/// A directory of files that must survive.
package struct StoreDirectory: Sendable {
    package var path: String

    package init(path: String) { self.path = path }

    /// Creates it, with the directories above it, for its owner alone.
    package func create() throws(SystemError) {
        if mkdir(path, 0o700) == 0 { return try synchronizeParent() }
        switch errno {
        case EEXIST:
            var status = clinux_file_status()
            let code = clinux_status_of_path(path, 1, &status)
            if code != 0 { throw SystemError(call: "stat", path: path, code: code) }
            if status.mode & UInt32(S_IFMT) != UInt32(S_IFDIR) {
                throw SystemError(call: "mkdir", path: path, code: ENOTDIR)
            }
        case ENOENT:
            guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")), slash != path.startIndex else {
                throw SystemError(call: "mkdir", path: path, code: ENOENT)
            }
            try StoreDirectory(path: String(path[..<slash])).create()
            if mkdir(path, 0o700) != 0, errno != EEXIST { throw SystemError(call: "mkdir", path: path, code: errno) }
            try synchronizeParent()
        default: throw SystemError(call: "mkdir", path: path, code: errno)
        }
    }

    /// A directory that a crash takes away takes its files along, however durable they are.
    private func synchronizeParent() throws(SystemError) {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else {
            return try StoreDirectory(path: ".").synchronize()
        }
        do throws(SystemError) {
            try StoreDirectory(path: slash == path.startIndex ? "/" : String(path[..<slash])).synchronize()
        } catch  where error.code == EACCES {
            // It may be written and not read: the kernel will have to do it in its own time.
        }
    }

    package func file(_ name: String) -> String { path + "/" + name }

    /// Makes the creation, renaming and deletion of its files durable.
    package func synchronize() throws(SystemError) {
        let descriptor = clinux_open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
        if descriptor < 0 { throw SystemError(call: "open", path: path, code: -descriptor) }
        defer { close(descriptor) }
        // Some network file systems refuse it on directories; there is nothing better to do there.
        if fsync(descriptor) != 0, errno != EINVAL { throw SystemError(call: "fsync", path: path, code: errno) }
    }

    /// The names in it, in no order.
    package func names() throws(SystemError) -> [String] {
        guard let directory = opendir(path) else { throw SystemError(call: "open", path: path, code: errno) }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// Deletes a file of it; one that is not there is no error.
    package func remove(_ name: String) throws(SystemError) {
        if unlink(file(name)) != 0, errno != ENOENT {
            throw SystemError(call: "delete", path: file(name), code: errno)
        }
    }
}
