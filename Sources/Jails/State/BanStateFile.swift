import Bytes
import CLinux
import Glibc

/// `bans.state`: a file of records that grows at its end and is written anew when it is several times what it has to say. A
/// `kill -9` at any moment leaves it whole but for the last batch.
///
/// Layout, integers little-endian: magic u64 | version u32 | CRC-32C of these u32, then records (`RecordFrame`). A torn end is cut
/// off; a damaged part in the middle costs the records in it. Confined to its owner.
struct BanStateFile: ~Copyable {
    static let magic: UInt64 = 0x3130_4e41_4243_4f54  // "TOCBAN01"
    static let version: UInt32 = 1
    static let headerSize = 16
    static let leastLimit: UInt64 = 1 << 20
    /// More than a million bans: what is longer is not read.
    static let mostBytes: UInt64 = 1 << 30

    /// Longer than any record.
    private static let mostRecord = 128 << 10
    /// So much of it is in memory at a time while it is read.
    private static let window = 512 << 10

    let directory: StoreDirectory
    let name: String
    let faults: DiskFaults
    private(set) var file: StoreFile?
    private(set) var length: UInt64 = 0
    /// Length at which the file is written anew.
    private var limit: UInt64 = BanStateFile.leastLimit
    /// Whether the file can be appended to; else it has to be written anew.
    private(set) var isCurrent = false

    init(directory: StoreDirectory, name: String, faults: DiskFaults) {
        self.directory = directory
        self.name = name
        self.faults = faults
    }

    static func header() -> ByteBuffer {
        var head = ByteBuffer(capacity: headerSize)
        head.append(littleEndian: magic)
        head.append(littleEndian: version)
        head.append(littleEndian: head.bytes.crc32c())
        return head
    }

    /// Hands each record and its place to `take`, which says whether it could read it. The result is what was wrong, a
    /// sentence each; a file that is not there is an empty one.
    mutating func load(_ take: (RawSpan, UInt64) -> Bool) -> [String] {
        let path = directory.file(name)
        do throws(SystemError) {
            try directory.create()
            try directory.remove(name + ".new")
            let file = try StoreFile(path: path, flags: O_RDWR | O_NONBLOCK)
            let size = try file.size()
            var head = ByteBuffer()
            try file.read(at: 0, length: Self.headerSize, into: &head)
            guard head.bytes.equals(Self.header().bytes) else {
                try setAside()
                return ["\(path) is not what is written here (\(size) bytes); it is kept as \(name).damaged"]
            }
            var scan = Scan(file: file, end: min(size, Self.mostBytes))
            while try scan.readWindow(take) {}
            let end = scan.damage ?? scan.place
            if end < size { try file.truncate(to: end) }
            self.file = file
            length = end
            limit = max(Self.leastLimit, length * 2)
            isCurrent = scan.damaged.isEmpty
            return (scan.damaged.map { ($0, "\($1)") } + (scan.damage.map { [($0, "its end")] } ?? [])).map {
                "\(path) is damaged from byte \($0) to \($1); what stood there is lost"
            }
        } catch {
            return error.code == ENOENT ? [] : [error.description]
        }
    }

    /// The reading of all records, a window at a time. Behind damage the next intact record is looked for.
    private struct Scan: ~Copyable {
        let file: StoreFile
        let end: UInt64
        var place = UInt64(BanStateFile.headerSize)
        /// Where damage began behind which nothing intact has been found so far.
        var damage: UInt64?
        /// Beginnings and ends.
        var damaged: [(UInt64, UInt64)] = []
        private var bytes = ByteBuffer()

        init(file: StoreFile, end: UInt64) {
            self.file = file
            self.end = end
        }

        /// False at the end.
        mutating func readWindow(_ take: (RawSpan, UInt64) -> Bool) throws(SystemError) -> Bool {
            bytes.removeAll()
            guard place < end else { return false }
            try file.read(at: place, length: Int(min(end - place, UInt64(BanStateFile.window))), into: &bytes)
            guard !bytes.isEmpty else { return false }
            let isLast = place + UInt64(bytes.count) >= end
            var offset = 0
            // A record that may go on behind the window is read with the next.
            let limit = isLast ? bytes.count : bytes.count - BanStateFile.mostRecord
            while offset < limit {
                let start = place + UInt64(offset)
                if let end = RecordFrame.end(bytes.bytes, at: offset),
                    take(bytes.bytes.slice(offset + RecordFrame.headSize, end), start)
                {
                    if let damage { damaged.append((damage, start)) }
                    damage = nil
                    offset = end
                } else {
                    damage = damage ?? start
                    offset += 1
                }
            }
            place += UInt64(offset)
            return true
        }
    }

    /// A version that is not known here may be a later one's: it is not written over.
    private func setAside() throws(SystemError) {
        let path = directory.file(name)
        if rename(path, path + ".damaged") != 0 { throw SystemError(call: "rename", path: path, code: errno) }
    }

    /// Whether the next batch goes to the end of this file: it is there, not too long and nobody has deleted it.
    func takes(_ batch: Int) -> Bool {
        guard isCurrent, let file, length + UInt64(batch) < limit else { return false }
        var status = clinux_file_status()
        return clinux_status_of_descriptor(file.descriptor, &status) == 0 && status.link_count > 0
    }

    /// Appends records; the result is where they begin.
    mutating func append(_ records: RawSpan, durably: Bool) throws(SystemError) -> UInt64 {
        guard let file else { throw SystemError(call: "write", path: directory.file(name), code: EBADF) }
        let start = length
        do throws(SystemError) {
            try file.write(records, RawSpan(), at: start, faults: faults)
            length += UInt64(records.byteCount)
            if durably { try file.synchronize(faults: faults) }
        } catch {
            // What came after a torn record would be lost.
            isCurrent = false
            throw error
        }
        return start
    }

    /// Begins a file that `put` fills, which then takes the old one's place.
    mutating func rewrite(_ put: (inout Writer) throws(SystemError) -> Void) throws(SystemError) {
        isCurrent = false
        try directory.create()
        let temporary = directory.file(name + ".new")
        let length: UInt64
        do throws(SystemError) {
            let made = try StoreFile(path: temporary, flags: O_RDWR | O_CREAT | O_TRUNC)
            var writer = Writer(file: made, faults: faults)
            writer.buffer.append(Self.header().bytes)
            try put(&writer)
            try writer.flush()
            try made.synchronize(faults: faults)
            if rename(temporary, directory.file(name)) != 0 {
                throw SystemError(call: "rename", path: temporary, code: errno)
            }
            file = made
            length = writer.length
        } catch {
            unlink(temporary)
            throw error
        }
        self.length = length
        limit = max(Self.leastLimit, length * 3)
        isCurrent = true
        try directory.synchronize()
    }

    /// Fills a new file piece by piece, so that it need not be in memory as a whole.
    struct Writer: ~Copyable {
        private static let piece = 256 << 10

        let file: StoreFile
        let faults: DiskFaults
        var buffer = ByteBuffer(capacity: 4096)
        private var written: UInt64 = 0

        init(file: StoreFile, faults: DiskFaults) {
            self.file = file
            self.faults = faults
        }

        var length: UInt64 { written + UInt64(buffer.count) }

        /// Appends the record that `body` writes; the result is its place.
        mutating func add(_ body: (inout ByteBuffer) -> Void) throws(SystemError) -> UInt64 {
            let place = length
            RecordFrame.append(to: &buffer, body)
            if buffer.count >= Self.piece { try flush() }
            return place
        }

        mutating func flush() throws(SystemError) {
            try file.write(buffer.bytes, RawSpan(), at: written, faults: faults)
            written += UInt64(buffer.count)
            buffer.removeAll()
        }
    }
}

/// Looks at single records of a file, which mostly lie one behind the other.
struct BanRecordWindow: ~Copyable {
    /// Most records are a hundred bytes, none is more than the second.
    private static let sizes = [4096, 8192]

    private let file: StoreFile
    private var start: UInt64 = 0
    private var buffer = ByteBuffer()

    init(_ file: StoreFile) { self.file = file }

    /// The groups of the record at `place`; none where it is not that ban's, or too long, or cannot be read.
    mutating func groups(of ban: Ban, at place: UInt64) -> [String: String] {
        for size in [0] + Self.sizes {
            if size > 0 {
                buffer.removeAll()
                start = place
                do throws(SystemError) {
                    try file.read(at: place, length: size, into: &buffer)
                } catch {
                    return [:]
                }
            }
            guard place >= start, place - start < UInt64(buffer.count) else { continue }
            let offset = Int(place - start)
            if let end = RecordFrame.end(buffer.bytes, at: offset) {
                let record = buffer.bytes.slice(offset + RecordFrame.headSize, end)
                return RememberedBans.groups(in: record, of: ban) ?? [:]
            }
        }
        return [:]
    }
}
