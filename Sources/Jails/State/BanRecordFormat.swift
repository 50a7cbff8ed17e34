import Bytes

// The fields of records of bans on disk: integers little-endian, counts and lengths varints, texts UTF-8 behind their length. A
// network is its version (4 or 6), its length and its address in 4 or 16 bytes; a text that is banned is 0 and the text.

extension ByteBuffer {
    mutating func append(field text: String) {
        append(varint: UInt64(text.utf8.count))
        append(text)
    }

    mutating func append(field number: Double) { append(littleEndian: number.bitPattern) }

    mutating func append(_ target: BanTarget) {
        switch target {
        case .text(let text):
            append(0)
            append(field: text)
        case .network(let network) where network.isIPv4:
            append(4)
            append(network.length)
            append(littleEndian: UInt32(truncatingIfNeeded: network.low))
        case .network(let network):
            append(6)
            append(network.length)
            append(littleEndian: network.high)
            append(littleEndian: network.low)
        }
    }

    /// The origin's number is the caller's to write.
    mutating func append(_ origin: Ban.Origin) {
        append(origin.number)
        if let text = origin.text { append(field: text) }
    }

    mutating func append(_ groups: [String: String]) {
        append(varint: UInt64(groups.count))
        for (name, value) in groups.sorted(by: { $0.key < $1.key }) {
            append(field: name)
            append(field: value)
        }
    }
}

extension Ban.Origin {
    var number: UInt8 {
        switch self {
        case .failures: 0
        case .manual: 1
        case .list: 2
        case .peer: 3
        }
    }

    var text: String? {
        switch self {
        case .failures: nil
        case .manual(let text), .list(let text), .peer(let text): text
        }
    }

    init?(number: UInt8, text: String) {
        switch number {
        case 0: self = .failures
        case 1: self = .manual(text)
        case 2: self = .list(text)
        case 3: self = .peer(text)
        default: return nil
        }
    }
}

/// Reads those fields; each is nil where the bytes are anything else.
struct BanRecordReader: ~Escapable {
    let bytes: RawSpan
    private(set) var offset = 0

    @_lifetime(copy bytes)
    init(_ bytes: RawSpan) { self.bytes = bytes }

    var isAtEnd: Bool { offset == bytes.byteCount }

    mutating func byte() -> UInt8? {
        guard offset < bytes.byteCount else { return nil }
        defer { offset += 1 }
        return bytes.byte(at: offset)
    }

    mutating func integer<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type = T.self) -> T? {
        guard let value = bytes.load(littleEndian: offset, as: T.self) else { return nil }
        offset += MemoryLayout<T>.size
        return value
    }

    /// NaN is damage.
    mutating func number() -> Double? {
        guard let bits = integer(UInt64.self) else { return nil }
        let value = Double(bitPattern: bits)
        return value.isNaN ? nil : value
    }

    mutating func varint() -> UInt64? { bytes.readVarint(&offset) }

    /// Where a text lies.
    mutating func range() -> Range<Int>? {
        guard let length = varint(), length <= UInt64(bytes.byteCount - offset) else { return nil }
        defer { offset += Int(length) }
        return offset..<offset + Int(length)
    }

    mutating func text() -> String? { range().map { String(lossy: bytes.extracting($0)) } }

    mutating func target() -> BanTarget? {
        switch byte() {
        case 0: return text().map { .text($0) }
        case 4:
            guard let length = byte(), length <= 32, let address = integer(UInt32.self) else { return nil }
            return .network(IPNetwork(ipv4: address, length: Int(length)))
        case 6:
            guard let length = byte(), length <= 128, let high = integer(UInt64.self), let low = integer(UInt64.self)
            else { return nil }
            return .network(IPNetwork(high: high, low: low, length: Int(length)))
        default: return nil
        }
    }

    mutating func origin() -> Ban.Origin? {
        guard let number = byte() else { return nil }
        if number == 0 { return .failures }
        guard let text = text() else { return nil }
        return Ban.Origin(number: number, text: text)
    }

    mutating func groups() -> [String: String]? {
        guard let count = varint(), count <= UInt64(bytes.byteCount - offset) else { return nil }
        var groups: [String: String] = [:]
        for _ in 0..<count {
            guard let name = text(), let value = text() else { return nil }
            groups[name] = value
        }
        return groups
    }
}

/// What is kept of a text that somebody else chose the length of.
enum BanTextLimit {
    static let jail = 256
    static let target = 1024
    static let origin = 256
    static let groups = 16
    static let group = 256
    static let matches = 10
    static let match = 1024

    static func cut(_ text: String, _ limit: Int) -> String {
        guard text.utf8.count > limit else { return text }
        // Not in the middle of a character.
        var end = text.utf8.index(text.utf8.startIndex, offsetBy: limit)
        while end > text.startIndex, end.samePosition(in: text.unicodeScalars) == nil {
            end = text.utf8.index(before: end)
        }
        return String(text[..<end])
    }

    static func cut(_ groups: [String: String]) -> [String: String] {
        guard groups.count > Self.groups || groups.contains(where: { $0.key.utf8.count + $0.value.utf8.count > group })
        else { return groups }
        let kept = groups.filter { $0.key.utf8.count <= 64 }.sorted { $0.key < $1.key }.prefix(Self.groups)
        return Dictionary(uniqueKeysWithValues: kept.map { ($0.key, cut($0.value, group)) })
    }
}
