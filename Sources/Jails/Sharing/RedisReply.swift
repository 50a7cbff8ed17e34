import Bytes

/// A reply of Redis (RESP2, "Redis serialization protocol specification").
package indirect enum RedisReply: Sendable, Equatable {
    case status(String)
    case error(String)
    case integer(Int64)
    case bytes([UInt8])
    case null
    case array([RedisReply])

    /// Bytes of one text and replies within one another at most.
    static let longestText = 1 << 20
    static let deepest = 8

    package var text: String? {
        switch self {
        case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
        case .status(let text): text
        case .error, .integer, .null, .array: nil
        }
    }

    package var elements: [RedisReply] { if case .array(let elements) = self { elements } else { [] } }

    enum Parsed {
        /// And where it ends.
        case reply(RedisReply, Int)
        /// More has to come.
        case incomplete
        case damaged(String)
    }

    static func parse(_ bytes: RawSpan, at start: Int, depth: Int = 0) -> Parsed {
        guard start < bytes.byteCount else { return .incomplete }
        guard let lineEnd = bytes.firstIndex(of: 0x0a, from: start) else {
            return bytes.byteCount - start > longestText ? .damaged("a line of more than 1 MiB") : .incomplete
        }
        guard lineEnd > start + 1, bytes.byte(at: lineEnd - 1) == 0x0d else { return .damaged("a line without CR LF") }
        let line = bytes.slice(start + 1, lineEnd - 1)
        let next = lineEnd + 1
        switch bytes.byte(at: start) {
        case UInt8(ascii: "+"): return .reply(.status(String(lossy: line)), next)
        case UInt8(ascii: "-"): return .reply(.error(String(lossy: line)), next)
        case UInt8(ascii: ":"):
            return line.signed.map { .reply(.integer($0), next) } ?? .damaged("no number behind a colon")
        case UInt8(ascii: "$"):
            guard let length = line.signed, length <= Int64(longestText) else {
                return .damaged("a text of no fit length")
            }
            if length < 0 { return .reply(.null, next) }
            let end = next + Int(length)
            guard bytes.byteCount >= end + 2 else { return .incomplete }
            guard bytes.byte(at: end) == 0x0d, bytes.byte(at: end + 1) == 0x0a else {
                return .damaged("a text without its end")
            }
            return .reply(.bytes([UInt8](bytes.slice(next, end))), end + 2)
        case UInt8(ascii: "*"):
            guard let count = line.signed, count <= 1 << 20, depth < deepest else {
                return .damaged("an array of no fit length")
            }
            if count < 0 { return .reply(.null, next) }
            var elements: [RedisReply] = []
            var place = next
            for _ in 0..<count {
                switch parse(bytes, at: place, depth: depth + 1) {
                case .reply(let element, let end):
                    elements.append(element)
                    place = end
                case let other: return other
                }
            }
            return .reply(.array(elements), place)
        default: return .damaged("a reply of an unknown kind")
        }
    }
}

/// Why Redis cannot be used at present: one sentence.
package struct RedisFailure: Error, CustomStringConvertible, Sendable, Equatable {
    package var description: String
    init(_ description: String) { self.description = description }
}
