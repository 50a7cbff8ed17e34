import Bytes
import CLinux
import Glibc

/// The history of bans on disk: a file that grows at its end and, at half of the limit, takes the place of the one before it. So
/// between half and all of the limit is kept.
///
/// Each file begins as `bans.state` does, with its own magic, and has a record (`RecordFrame`) for each event. Written at once, not
/// synchronised: it survives the process, the machine's end may take the last seconds. Confined to its owner; `read` is for anybody.
struct BanEventLog: ~Copyable {
    static let magic: UInt64 = 0x3130_4556_4243_4f54  // "TOCBVE01"
    static let name = "events"
    private static let headerSize = 16
    /// Longer than any event.
    private static let mostRecord = 64 << 10

    private let directory: StoreDirectory
    private let faults: DiskFaults
    /// Bytes of one file.
    private let limit: UInt64
    private var file: StoreFile?
    private var length: UInt64 = 0

    /// Bytes of both files.
    var size: UInt64 {
        var status = clinux_file_status()
        let hasOld = clinux_status_of_path(directory.file(Self.name + ".old"), 0, &status) == 0
        return (file == nil ? 0 : length) + (hasOld ? status.size : 0)
    }

    init(directory: StoreDirectory, limit: UInt64, faults: DiskFaults) {
        self.directory = directory
        self.faults = faults
        self.limit = max(limit / 2, 4096)
    }

    private static func header() -> ByteBuffer {
        var head = ByteBuffer(capacity: headerSize)
        head.append(littleEndian: magic)
        head.append(littleEndian: BanStateFile.version)
        head.append(littleEndian: head.bytes.crc32c())
        return head
    }

    /// Goes on with the file that is there, which is cut where it is torn. The result is what was wrong, a sentence each.
    mutating func open() -> [String] {
        let path = directory.file(Self.name)
        do throws(SystemError) {
            let file = try StoreFile(path: path, flags: O_RDWR | O_NONBLOCK)
            let size = try file.size()
            guard let end = try Self.scan(file, { _ in true }) else {
                return ["\(path) is not what is written here (\(size) bytes); it makes room for a new one"]
            }
            self.file = file
            length = end
            guard end < size else { return [] }
            try file.truncate(to: end)
            return ["\(path) is torn at byte \(end) of \(size); what follows is cut off"]
        } catch {
            return error.code == ENOENT ? [] : [error.description]
        }
    }

    /// Appends records; after a throw none of them is there.
    mutating func append(_ records: RawSpan) throws(SystemError) {
        if let file {
            var status = clinux_file_status()
            let isThere = clinux_status_of_descriptor(file.descriptor, &status) == 0 && status.link_count > 0
            let isFull = length + UInt64(records.byteCount) > limit && length > UInt64(Self.headerSize)
            if !isThere || isFull { self.file = nil }
        }
        if file == nil { try begin() }
        guard let file else { return }
        do throws(SystemError) {
            try file.write(records, RawSpan(), at: length, faults: faults)
        } catch {
            do throws(SystemError) { try file.truncate(to: length) } catch { self.file = nil }
            throw error
        }
        length += UInt64(records.byteCount)
    }

    private mutating func begin() throws(SystemError) {
        let path = directory.file(Self.name)
        try directory.create()
        if rename(path, path + ".old") != 0, errno != ENOENT {
            throw SystemError(call: "rename", path: path, code: errno)
        }
        let made = try StoreFile(path: path, flags: O_RDWR | O_CREAT | O_TRUNC)
        do throws(SystemError) {
            try made.write(Self.header().bytes, RawSpan(), at: 0, faults: faults)
        } catch {
            unlink(path)
            throw error
        }
        file = made
        length = UInt64(Self.headerSize)
    }

    /// Hands out the events of a directory, oldest first, until `take` says false. Holds a few hundred KiB in memory.
    static func read(_ directory: StoreDirectory, _ take: (BanEvent) -> Bool) throws(SystemError) {
        var isWanted = true
        for name in [name + ".old", name] where isWanted {
            do throws(SystemError) {
                let file = try StoreFile(path: directory.file(name), flags: O_RDONLY | O_NONBLOCK)
                _ = try scan(file) { record in
                    if let event = BanEvent(record) { isWanted = take(event) }
                    return isWanted
                }
            } catch {
                if error.code != ENOENT { throw error }
            }
        }
    }

    /// Hands out the records from `start` on, by default all. Where they end, as far as they are intact or wanted; nil for a file of
    /// another kind.
    static func scan(
        _ file: StoreFile, from start: UInt64? = nil, _ take: (RawSpan) -> Bool
    ) throws(SystemError) -> UInt64? {
        let size = try file.size()
        var bytes = ByteBuffer()
        try file.read(at: 0, length: headerSize, into: &bytes)
        guard bytes.bytes.equals(header().bytes) else { return nil }
        var place = max(start ?? 0, UInt64(headerSize))
        while place < size {
            bytes.removeAll()
            try file.read(at: place, length: Int(min(size - place, UInt64(4 * mostRecord))), into: &bytes)
            var offset = 0
            while let end = RecordFrame.end(bytes.bytes, at: offset) {
                let isWanted = take(bytes.bytes.slice(offset + RecordFrame.headSize, end))
                offset = end
                if !isWanted { return place + UInt64(offset) }
            }
            // A record fits what was read, so this one is damaged or torn.
            if offset == 0 { break }
            place += UInt64(offset)
        }
        return place
    }
}
