import Bytes
import CLinux
import Glibc

/// A file of the kernel's that is read whole again and again.
///
/// Files of procfs are kept open and read at offset 0, which makes the kernel write them anew: one system call instead of
/// three. Others (sysfs, where devices go and come, and plain files, which are replaced) are opened each time.
package final class HostFile {
    package let path: String
    private var descriptor: Int32 = -1

    /// Bytes after which a file is cut off: no file of the kernel's that we read is nearly so long.
    package static let longest = 16 << 20

    /// How the kernel hands a file out, which tells whether a read that brought less than was asked for was the last.
    package enum Pieces: Sendable {
        /// All at once: what is written by one function (`single_open`), and sysctls.
        case one
        /// As many lines as fit into a page, none of them longer than 512 bytes.
        case lines
        /// Until a read brings nothing.
        case unknown
    }

    private let staysOpen: Bool
    private let pieces: Pieces

    /// - Parameters:
    ///   - pieces: spares the read that finds the end, which of a list costs the kernel as much as the first.
    ///   - staysOpen: false for one of many files, which would take too many descriptors.
    package init(_ path: String, _ pieces: Pieces = .unknown, staysOpen: Bool = true) {
        self.path = path
        self.pieces = pieces
        self.staysOpen = staysOpen
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Appends what the file has now to `buffer`.
    package func read(into buffer: inout ByteBuffer) throws(HostFileError) {
        if descriptor >= 0 {
            let start = buffer.count
            if fill(&buffer, from: descriptor) == 0 { return }
            // The device is gone or was replaced: look again.
            buffer.truncate(to: start)
            close(descriptor)
            descriptor = -1
        }
        let opened = clinux_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0)
        guard opened >= 0 else { throw HostFileError(path: path, code: -opened) }
        let code = fill(&buffer, from: opened)
        if code == 0, staysOpen, clinux_is_procfs(opened) == 1 {
            descriptor = opened
            return
        }
        close(opened)
        guard code == 0 else { throw HostFileError(path: path, code: code) }
    }

    /// Returns 0 or an errno.
    private func fill(_ buffer: inout ByteBuffer, from descriptor: Int32) -> Int32 {
        let start = buffer.count
        while buffer.count - start < Self.longest {
            var code: Int32 = 0
            var isShort = false
            let offset = off_t(buffer.count - start)
            let filled = buffer.appendUninitialized(atLeast: 4096) { room -> Int in
                let got = pread(descriptor, room.baseAddress, room.count, offset)
                if got < 0 { code = errno }
                isShort = got < room.count
                return max(0, got)
            }
            if code == EINTR { continue }
            if code != 0 { return code }
            if filled == 0 || isShort && isLast(filled) { return 0 }
        }
        return 0
    }

    /// Whether a read that brought these bytes, fewer than asked for, was the last.
    private func isLast(_ filled: Int) -> Bool {
        switch pieces {
        case .one: true
        // The kernel gathers lines in a page: had there been one more, it would have fit.
        case .lines: filled < 4096 - 512
        case .unknown: false
        }
    }
}

/// Why a file of the host could not be read.
package struct HostFileError: Error, CustomStringConvertible {
    package var path: String
    /// As errno has it.
    package var code: Int32

    /// Whether there is no such file or device: the host lacks what the collector is about.
    package var isAbsent: Bool { [ENOENT, ENOTDIR, ENODEV, ENXIO, ENODATA].contains(code) }

    package var description: String { "\(path): \(String(cString: strerror(code)))" }
}
