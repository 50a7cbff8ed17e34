import Glibc

/// Two files that take turns: the newer one is written beside the older, never over it, so that one of them is
/// always whole. A third is written over in place and not synchronised (`note`): it survives the end of the process,
/// though not of the machine, and costs microseconds.
///
/// Layout of each, integers little-endian: magic "TOCCKP01" | version u32 | kind u32 | generation u64
/// | body length u64 | body | CRC-32C of all before it.
package struct GenerationFile: Sendable {
    static let magic: UInt64 = 0x3130_504b_4343_4f54  // "TOCCKP01"
    static let version: UInt32 = 1
    package static let headerSize = 32
    /// More than any of ours: a length beyond it is damage.
    static let bodyLimit = 512 << 20

    /// What the body holds. Its owner declares its own number, of which there is no second.
    package struct Kind: RawRepresentable, Sendable, Equatable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }
    }

    package var directory: StoreDirectory
    package var name: String
    package var kind: Kind
    /// Of the newest one there is.
    package private(set) var generation: UInt64 = 0
    /// Of the newest durable one.
    package private(set) var slot: UInt64 = 0

    package init(directory: StoreDirectory, name: String, kind: Kind) {
        self.directory = directory
        self.name = name
        self.kind = kind
    }

    package static func fileName(_ name: String, slot: UInt64) -> String { "\(name).\(slot & 1)" }
    private var noteName: String { name + ".note" }

    /// The bodies that are whole, newest first, and a sentence for each file that is there and is not.
    package mutating func load() -> (bodies: [[UInt8]], trouble: [String]) {
        var found: [(generation: UInt64, body: [UInt8])] = []
        var trouble: [String] = []
        var durable: UInt64 = 0
        for candidate in 0..<UInt64(3) {
            let path = directory.file(candidate < 2 ? Self.fileName(name, slot: candidate) : noteName)
            do throws(SystemError) {
                let file = try StoreFile(path: path, flags: O_RDONLY | O_NONBLOCK)
                var buffer = ByteBuffer()
                let size = try file.size()
                if size <= UInt64(Self.bodyLimit) { try file.read(at: 0, length: Int(size), into: &buffer) }
                if let decoded = Self.decode(buffer.bytes, kind: kind) {
                    found.append(decoded)
                    if candidate < 2, decoded.generation > durable { (durable, slot) = (decoded.generation, candidate) }
                } else {
                    trouble.append("\(path) is damaged (\(size) bytes)")
                }
            } catch {
                if error.code != ENOENT { trouble.append(error.description) }
            }
        }
        found.sort { $0.generation > $1.generation }
        generation = found.first?.generation ?? 0
        return (found.map(\.body), trouble)
    }

    /// Puts a new generation in the place of the oldest, durably.
    package mutating func save(_ body: borrowing ByteBuffer) throws(SystemError) {
        let next = generation &+ 1
        let target = Self.fileName(name, slot: slot ^ 1)
        let temporary = target + ".new"
        let head = header(generation: next, bodyLength: body.count)
        var tail = ByteBuffer(capacity: 16)
        tail.append(littleEndian: body.bytes.crc32c(head.bytes.crc32c()))
        do {
            let file = try StoreFile(path: directory.file(temporary), flags: O_WRONLY | O_CREAT | O_TRUNC)
            try file.write(head.bytes, body.bytes, at: 0, faults: DiskFaults())
            try file.write(tail.bytes, RawSpan(), at: UInt64(head.count + body.count), faults: DiskFaults())
            try file.synchronize()
        } catch {
            unlink(directory.file(temporary))
            throw error
        }
        if rename(directory.file(temporary), directory.file(target)) != 0 {
            throw SystemError(call: "rename", path: directory.file(temporary), code: errno)
        }
        generation = next
        slot ^= 1
        try directory.synchronize()
    }

    /// Writes down a newer body at once, in one write; `save` makes it durable later.
    package mutating func note(_ body: borrowing ByteBuffer) throws(SystemError) {
        let next = generation &+ 1
        var whole = header(generation: next, bodyLength: body.count)
        whole.append(body.bytes)
        whole.append(littleEndian: whole.bytes.crc32c())
        let file = try StoreFile(path: directory.file(noteName), flags: O_WRONLY | O_CREAT)
        try file.write(whole.bytes, RawSpan(), at: 0, faults: DiskFaults())
        try file.truncate(to: UInt64(whole.count))
        generation = next
    }

    private func header(generation: UInt64, bodyLength: Int) -> ByteBuffer {
        var head = ByteBuffer(capacity: Self.headerSize)
        head.append(littleEndian: Self.magic)
        head.append(littleEndian: Self.version)
        head.append(littleEndian: kind.rawValue)
        head.append(littleEndian: generation)
        head.append(littleEndian: UInt64(bodyLength))
        return head
    }

    /// Deletes all of them.
    package func remove() throws(SystemError) {
        for slot in 0..<UInt64(2) { try directory.remove(Self.fileName(name, slot: slot)) }
        try directory.remove(noteName)
    }

    /// Nil for anything but a whole file of this kind.
    package static func decode(_ bytes: RawSpan, kind: Kind) -> (generation: UInt64, body: [UInt8])? {
        guard bytes.byteCount >= headerSize + 4, bytes.load(littleEndian: 0, as: UInt64.self) == magic,
            bytes.load(littleEndian: 8, as: UInt32.self) == version,
            bytes.load(littleEndian: 12, as: UInt32.self) == kind.rawValue,
            let generation = bytes.load(littleEndian: 16, as: UInt64.self),
            bytes.load(littleEndian: 24, as: UInt64.self) == UInt64(bytes.byteCount - headerSize - 4)
        else { return nil }
        let end = bytes.byteCount - 4
        guard bytes.load(littleEndian: end, as: UInt32.self) == bytes.slice(0, end).crc32c() else { return nil }
        return (generation, [UInt8](bytes.slice(headerSize, end)))
    }
}
