import Bytes
import CLinux
import Glibc

/// The names in a directory that is listed again and again; a listing that has not changed costs no allocation.
package final class HostDirectory {
    package let path: String
    /// In order of their bytes, without `.` and `..`; as of the last `refresh`.
    package private(set) var names: [String] = []
    private let onlyDirectories: Bool
    private var isListed = false
    private var records = ByteBuffer()
    private var listing = ByteBuffer()
    private var fresh = ByteBuffer()

    /// - Parameter onlyDirectories: whether `names` has subdirectories only, as far as the file system tells.
    package init(_ path: String, onlyDirectories: Bool = false) {
        self.path = path
        self.onlyDirectories = onlyDirectories
    }

    /// Lists the directory; returns whether names came or went (true the first time).
    @discardableResult
    package func refresh() throws(HostFileError) -> Bool {
        let descriptor = clinux_open(path, O_RDONLY | O_CLOEXEC | O_DIRECTORY, 0)
        guard descriptor >= 0 else { throw HostFileError(path: path, code: -descriptor) }
        defer { close(descriptor) }
        fresh.removeAll()
        while true {
            var code: Int32 = 0
            records.removeAll()
            let filled = records.appendUninitialized(atLeast: 8192) { room -> Int in
                let got = clinux_directory_entries(descriptor, room.baseAddress, room.count)
                if got < 0 { code = -got }
                return max(0, Int(got))
            }
            if code != 0 { throw HostFileError(path: path, code: code) }
            if filled == 0 { break }
            Self.take(records.bytes, onlyDirectories: onlyDirectories, into: &fresh)
        }
        if isListed, listing.bytes.equals(fresh.bytes) { return false }
        isListed = true
        swap(&listing, &fresh)
        names = Self.names(in: listing.bytes)
        return true
    }

    /// Appends the names in `records` to `names`, a NUL behind each.
    ///
    /// `linux_dirent64`: 8 bytes inode, 8 offset, 2 length of the record, 1 type, then the name and a NUL. What fills a
    /// record up to a multiple of 8 the kernel leaves as it was, so records cannot be compared as they are.
    private static func take(_ records: RawSpan, onlyDirectories: Bool, into names: inout ByteBuffer) {
        var offset = 0
        while let length = records.load(littleEndian: offset + 16, as: UInt16.self), length > 19,
            offset + Int(length) <= records.byteCount
        {
            let record = records.extracting(offset..<(offset + Int(length)))
            offset += Int(length)
            let end = record.firstIndex(of: 0, from: 19) ?? record.byteCount
            let name = record.extracting(19..<end)
            let type = Int32(record.byte(at: 18))
            let isWanted = !onlyDirectories || type == DT_DIR || type == DT_UNKNOWN
            guard isWanted, !name.equals("." as StaticString), !name.equals(".." as StaticString) else { continue }
            names.append(name)
            names.append(0)
        }
    }

    private static func names(in listing: RawSpan) -> [String] {
        var names: [String] = []
        var start = 0
        while let end = listing.firstIndex(of: 0, from: start) {
            names.append(String(lossy: listing.extracting(start..<end)))
            start = end + 1
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
}
