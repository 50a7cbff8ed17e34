import Bytes
import Glibc

/// A file of records that grows at its end and is written anew when it has become several times what it says: what a `kill -9`
/// at any moment leaves of it is the last record or the one before.
///
/// Layout, integers little-endian: magic u64 | version u32 | 0 u32, then records (`RecordFrame`). What follows a damaged one is
/// cut off. Confined to its owner.
final class RecordLog {
    /// What the file says of itself.
    struct Kind: Sendable {
        var magic: UInt64
        var version: UInt32
        var name: String
    }

    private static let headerSize = 16
    static let leastLimit: UInt64 = 1 << 20
    /// Bytes of a new file that are put together before they are written.
    private static let pieceSize = 64 << 10
    /// Gives each record's body to `add`.
    typealias Whole = (_ add: (RawSpan) throws(SystemError) -> Void) throws(SystemError) -> Void

    private let kind: Kind
    private let directory: StoreDirectory
    private let faults: DiskFaults
    private var file: StoreFile?
    private var length: UInt64 = 0
    /// Length at which the file is written anew.
    private var limit: UInt64 = RecordLog.leastLimit
    /// Whether the file lacks something that its owner has told it.
    private var isBehind = true

    init(_ kind: Kind, directory: String, faults: DiskFaults = DiskFaults()) {
        self.kind = kind
        self.directory = StoreDirectory(path: directory)
        self.faults = faults
    }

    /// Reads the file, handing each record's body to `take`, which says whether it could read it. The result is what was
    /// wrong, a sentence each; a file that is not there is an empty one.
    func load(_ take: (RawSpan) -> Bool) -> [String] {
        let path = directory.file(kind.name)
        do throws(SystemError) {
            try directory.create()
            try directory.remove(kind.name + ".new")
            let file = try StoreFile(path: path, flags: O_RDWR)
            let size = try file.size()
            var bytes = ByteBuffer()
            try file.read(at: 0, length: Int(clamping: min(size, 1 << 30)), into: &bytes)
            guard bytes.bytes.load(littleEndian: 0, as: UInt64.self) == kind.magic,
                bytes.bytes.load(littleEndian: 8, as: UInt32.self) == kind.version
            else { return ["\(path) is not what is written here (\(size) bytes); it is written anew"] }
            var offset = Self.headerSize
            var trouble: [String] = []
            while offset < bytes.count {
                guard let end = RecordFrame.end(bytes.bytes, at: offset),
                    take(bytes.bytes.slice(offset + RecordFrame.headSize, end))
                else {
                    trouble.append("\(path) is damaged at byte \(offset) of \(size); what follows is lost")
                    break
                }
                offset = end
            }
            if offset < bytes.count { try file.truncate(to: UInt64(offset)) }
            self.file = file
            length = UInt64(offset)
            limit = max(Self.leastLimit, length * 2)
            isBehind = false
            return trouble
        } catch {
            return error.code == ENOENT ? [] : [error.description]
        }
    }

    /// Appends a record; `whole` gives the records of a file that says everything, for when it has to be written anew.
    func append(_ body: RawSpan, durably: Bool, whole: Whole) throws(SystemError) {
        guard !isBehind, length < limit, let file else { return try rewrite(whole) }
        var record = ByteBuffer(capacity: body.byteCount + 8)
        RecordFrame.append(body, to: &record)
        do throws(SystemError) {
            try file.write(record.bytes, RawSpan(), at: length, faults: faults)
            length += UInt64(record.count)
            if durably { try file.synchronize(faults: faults) }
        } catch {
            // What came after a torn record would be lost.
            isBehind = true
            throw error
        }
    }

    /// Writes a new file, which then takes the old one's place.
    private func rewrite(_ whole: Whole) throws(SystemError) {
        isBehind = true
        var bytes = ByteBuffer(capacity: 4096)
        bytes.append(littleEndian: kind.magic)
        bytes.append(littleEndian: kind.version)
        bytes.append(littleEndian: UInt32(0))
        var size: UInt64 = 0
        try directory.create()
        let temporary = directory.file(kind.name + ".new")
        let made: StoreFile
        do throws(SystemError) {
            made = try StoreFile(path: temporary, flags: O_RDWR | O_CREAT | O_TRUNC)
            try whole { body throws(SystemError) in
                RecordFrame.append(body, to: &bytes)
                guard bytes.count >= Self.pieceSize else { return }
                try made.write(bytes.bytes, RawSpan(), at: size, faults: faults)
                size += UInt64(bytes.count)
                bytes.removeAll()
            }
            try made.write(bytes.bytes, RawSpan(), at: size, faults: faults)
            size += UInt64(bytes.count)
            try made.synchronize(faults: faults)
            if rename(temporary, directory.file(kind.name)) != 0 {
                throw SystemError(call: "rename", path: temporary, code: errno)
            }
        } catch {
            unlink(temporary)
            throw error
        }
        file = made
        length = size
        limit = max(Self.leastLimit, length * 4)
        isBehind = false
        try directory.synchronize()
    }
}
