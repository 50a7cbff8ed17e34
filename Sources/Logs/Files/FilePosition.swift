import Bytes
import Telemetry

/// The first or last bytes of something read, by length and hash.
struct Fingerprint: Hashable, Sendable {
    var length: Int
    var hash: UInt64

    static let empty = Fingerprint(length: 0, hash: 0)
    /// Bytes at the beginning of a file that its position remembers.
    static let headLength = 256
    /// Bytes before the offset that its position remembers.
    static let tailLength = 64

    init(length: Int, hash: UInt64) {
        self.length = length
        self.hash = hash
    }

    init(_ bytes: RawSpan) { self.init(length: bytes.byteCount, hash: bytes.byteCount == 0 ? 0 : bytes.fnv1a) }
}

/// How far a file has been read: what the store keeps under `FileIdentity.key`.
///
/// Layout, integers little-endian: version u8 (1, or 2 where several jobs read the file) | flags u8 (1: compressed, 2: finished) | modified i64 | offset u64 | head length u16, hash u64 | tail length u8, hash u64 | then varints: sequence, size,
/// in version 2 the number of places | per place: in version 2 length of the key | key | and distance from `offset`; then parts and bytes of the
/// line being cut, start of stdout's and of stderr's unfinished line (plus 1; 0 for none) | length of the path | path. The store's record has
/// the checksum.
struct FilePosition: Equatable, Sendable {
    /// How far one job has got.
    struct Place: Equatable, Sendable {
        /// Where it goes on: everything before is stored, but for unfinished joins.
        var offset: UInt64
        /// Of the line at `offset`, what has been stored already.
        var cut = LineCut()
        /// Where the records of a container's unfinished line begin, by stream.
        var joinStarts: [UInt64?] = [nil, nil]

        /// Where reading has to begin again so that unfinished lines are whole.
        var resumeOffset: UInt64 {
            var lowest = offset
            for case let start? in joinStarts { lowest = min(lowest, start) }
            return lowest
        }
    }

    /// The active file's path, under which this file was or is read.
    var path: String
    /// Offsets count decompressed bytes.
    var isCompressed = false
    /// A rotated generation that was read to its end.
    var isFinished = false
    /// Orders the generations of one path; ascending.
    var sequence: UInt64 = 0
    /// The file's modification time when this was made, nanoseconds since the epoch.
    var modified: Int64 = 0
    /// The least offset of the places.
    var offset: UInt64 = 0
    /// The file's size when it was last looked at; 0 where it is compressed.
    var size: UInt64 = 0
    var head = Fingerprint.empty
    /// Of the bytes just before `offset`.
    var tail = Fingerprint.empty
    /// At least one.
    var places: [Place] = [Place(offset: 0)]
    /// The jobs whose places these are; empty where there is one only, which any job takes over.
    var keys: [String] = []

    /// More than any number of jobs that name one file.
    private static let placeLimit = 10_000

    /// Known of, but not read.
    var unreadCount: UInt64 { isFinished || size <= offset ? 0 : size - offset }

    init(path: String) { self.path = path }

    /// Where the deliveries of these keys go on: each at its own place; one that is new, in that of one that is gone
    /// or, failing that, at the least.
    func places(for wanted: [String]) -> [Place] {
        guard let least = places.min(by: { $0.offset < $1.offset }) else { return [] }
        guard !keys.isEmpty else { return wanted.map { _ in least } }
        var left = zip(keys, places).filter { !wanted.contains($0.0) }.map(\.1)
        return wanted.map { key in
            if let index = keys.firstIndex(of: key) { return places[index] }
            return left.isEmpty ? least : left.removeFirst()
        }
    }

    func encoded() -> [UInt8] {
        var buffer = ByteBuffer(capacity: 96 + path.utf8.count)
        buffer.append(keys.isEmpty ? 1 : 2)
        buffer.append((isCompressed ? 1 : 0) | (isFinished ? 2 : 0))
        buffer.append(littleEndian: modified)
        buffer.append(littleEndian: offset)
        buffer.append(littleEndian: UInt16(clamping: head.length))
        buffer.append(littleEndian: head.hash)
        buffer.append(UInt8(clamping: tail.length))
        buffer.append(littleEndian: tail.hash)
        buffer.append(varint: sequence)
        if keys.isEmpty {
            places[0].append(to: &buffer)
            buffer.append(varint: size)
        } else {
            buffer.append(varint: size)
            buffer.append(varint: UInt64(places.count))
            for (key, place) in zip(keys, places) {
                buffer.append(varint: UInt64(key.utf8.count))
                buffer.append(key)
                buffer.append(varint: place.offset - offset)
                place.append(to: &buffer)
            }
        }
        buffer.append(varint: UInt64(path.utf8.count))
        buffer.append(path)
        return [UInt8](buffer.bytes)
    }

    /// Nil where the bytes are no position of a version we know.
    init?(decoding value: [UInt8]) {
        let bytes = value.span.bytes
        guard bytes.byteCount > 36, [1, 2].contains(bytes.byte(at: 0)),
            let modified = bytes.load(littleEndian: 2, as: Int64.self),
            let offset = bytes.load(littleEndian: 10, as: UInt64.self),
            let headLength = bytes.load(littleEndian: 18, as: UInt16.self),
            let headHash = bytes.load(littleEndian: 20, as: UInt64.self),
            let tailLength = bytes.load(littleEndian: 28, as: UInt8.self),
            let tailHash = bytes.load(littleEndian: 29, as: UInt64.self)
        else { return nil }
        var cursor = 37
        guard let sequence = bytes.readVarint(&cursor), Int(headLength) <= Fingerprint.headLength,
            Int(tailLength) <= Fingerprint.tailLength, offset <= UInt64(Int64.max), UInt64(tailLength) <= offset,
            sequence < UInt64(Int64.max)
        else { return nil }
        if bytes.byte(at: 0) == 1 {
            guard let place = Place(bytes, &cursor, offset: offset), let size = bytes.readVarint(&cursor) else {
                return nil
            }
            places = [place]
            self.size = size
        } else {
            guard let size = bytes.readVarint(&cursor), let count = bytes.readVarint(&cursor), count > 0,
                count <= UInt64(Self.placeLimit)
            else { return nil }
            self.size = size
            places = []
            for _ in 0..<count {
                guard let length = bytes.readVarint(&cursor), length <= UInt64(bytes.byteCount - cursor) else {
                    return nil
                }
                keys.append(String(lossy: bytes.slice(cursor, cursor + Int(length))))
                cursor += Int(length)
                guard let distance = bytes.readVarint(&cursor), distance <= UInt64(Int64.max) - offset,
                    let place = Place(bytes, &cursor, offset: offset + distance)
                else { return nil }
                places.append(place)
            }
        }
        guard let length = bytes.readVarint(&cursor), length == UInt64(bytes.byteCount - cursor) else { return nil }
        path = String(lossy: bytes.slice(cursor, bytes.byteCount))
        isCompressed = bytes.byte(at: 1) & 1 != 0
        isFinished = bytes.byte(at: 1) & 2 != 0
        self.sequence = sequence
        self.modified = modified
        self.offset = offset
        head = Fingerprint(length: Int(headLength), hash: headHash)
        tail = Fingerprint(length: Int(tailLength), hash: tailHash)
    }
}

extension FilePosition.Place {
    fileprivate func append(to buffer: inout ByteBuffer) {
        buffer.append(varint: UInt64(clamping: cut.parts))
        buffer.append(varint: UInt64(clamping: cut.byteCount))
        for start in joinStarts { buffer.append(varint: start.map { $0 &+ 1 } ?? 0) }
    }

    fileprivate init?(_ bytes: RawSpan, _ cursor: inout Int, offset: UInt64) {
        guard let parts = bytes.readVarint(&cursor), let cutBytes = bytes.readVarint(&cursor),
            let first = bytes.readVarint(&cursor), let second = bytes.readVarint(&cursor),
            parts < UInt64(Int32.max), cutBytes < UInt64(Int64.max), first <= offset &+ 1, second <= offset &+ 1
        else { return nil }
        self.offset = offset
        cut = LineCut(parts: Int(parts), byteCount: Int(cutBytes))
        joinStarts = [first == 0 ? nil : first - 1, second == 0 ? nil : second - 1]
    }
}

/// Of a line longer than the limit: how many pieces have been given out, and their bytes.
struct LineCut: Equatable, Sendable {
    var parts = 0
    var byteCount = 0
}
