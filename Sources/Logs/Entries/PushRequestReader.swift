import Bytes
import Telemetry

/// Why bytes are not a PushRequest: where, and what was expected there.
package struct PushRequestError: Error, Equatable, CustomStringConvertible {
    package var offset: Int
    package var expected: String

    package var description: String { "push request: expected \(expected) at byte \(offset)" }
}

/// Reads an uncompressed PushRequest in place, stream by stream, entry by entry, with nothing allocated
/// (Loki push API, `pkg/push/push.proto`). Fields it does not know are passed over.
///
/// The bytes are given to each call, not kept: offsets in the result are offsets into them.
/// ```
/// var reader = PushRequestReader()
/// while let stream = try reader.nextStream(bytes) {
///     var entries = stream.entries
///     while let entry = try entries.next(bytes) { use(bytes.slice(entry.line)) }
/// }
/// ```
package struct PushRequestReader: Sendable {
    private var offset: Int

    /// `start` is where the request begins in the bytes that are given.
    package init(from start: Int = 0) { offset = start }

    /// One stream of the request.
    package struct Stream: Sendable, Equatable {
        /// The label string, `{a="x", b="y"}`.
        package var labels: Range<Int>
        /// The stream's whole message, without tag and length.
        package var body: Range<Int>
        package var entries: Entries { Entries(offset: body.lowerBound, end: body.upperBound) }
    }

    /// The next stream, or nil after the last one. `bytes` is the same request in every call.
    package mutating func nextStream(_ bytes: RawSpan) throws(PushRequestError) -> Stream? {
        while offset < bytes.byteCount {
            guard let field = try WireField(bytes, &offset, end: bytes.byteCount) else { continue }
            guard field.number == 1 else { continue }
            var labels = field.body.lowerBound..<field.body.lowerBound
            var inner = field.body.lowerBound
            while inner < field.body.upperBound {
                if let part = try WireField(bytes, &inner, end: field.body.upperBound), part.number == 1 {
                    labels = part.body
                }
            }
            return Stream(labels: labels, body: field.body)
        }
        return nil
    }

    /// One entry of a stream.
    package struct Entry: Sendable, Equatable {
        package var timestamp: Timestamp
        package var line: Range<Int>
        /// The entry's whole message, without tag and length.
        package var body: Range<Int>
        /// With tag and length: as it can be copied into another stream.
        package var encoded: Range<Int>
        package var metadata: Metadata { Metadata(offset: body.lowerBound, end: body.upperBound) }
    }

    /// The entries of a stream, in their order.
    package struct Entries: Sendable {
        fileprivate var offset: Int
        fileprivate let end: Int

        package mutating func next(_ bytes: RawSpan) throws(PushRequestError) -> Entry? {
            while offset < end {
                let start = offset
                guard let field = try WireField(bytes, &offset, end: end), field.number == 2 else { continue }
                var entry = Entry(
                    timestamp: Timestamp(nanoseconds: 0), line: field.body.lowerBound..<field.body.lowerBound,
                    body: field.body, encoded: start..<offset)
                var inner = field.body.lowerBound
                while inner < field.body.upperBound {
                    guard let part = try WireField(bytes, &inner, end: field.body.upperBound) else { continue }
                    switch part.number {
                    case 1: entry.timestamp = try PushRequestReader.timestamp(bytes, part.body)
                    case 2: entry.line = part.body
                    default: break
                    }
                }
                return entry
            }
            return nil
        }
    }

    /// One name and value of an entry's structured metadata.
    package struct Pair: Sendable, Equatable {
        package var name: Range<Int>
        package var value: Range<Int>
    }

    /// The structured metadata of an entry.
    package struct Metadata: Sendable {
        fileprivate var offset: Int
        fileprivate let end: Int

        package mutating func next(_ bytes: RawSpan) throws(PushRequestError) -> Pair? {
            while offset < end {
                guard let field = try WireField(bytes, &offset, end: end), field.number == 3 else { continue }
                let empty = field.body.lowerBound..<field.body.lowerBound
                var pair = Pair(name: empty, value: empty)
                var inner = field.body.lowerBound
                while inner < field.body.upperBound {
                    guard let part = try WireField(bytes, &inner, end: field.body.upperBound) else { continue }
                    switch part.number {
                    case 1: pair.name = part.body
                    case 2: pair.value = part.body
                    default: break
                    }
                }
                return pair
            }
            return nil
        }
    }

    private static func timestamp(_ bytes: RawSpan, _ range: Range<Int>) throws(PushRequestError) -> Timestamp {
        var seconds: Int64 = 0
        var nanoseconds: Int64 = 0
        var offset = range.lowerBound
        while offset < range.upperBound {
            let start = offset
            let tag = try WireField.varint(bytes, &offset, end: range.upperBound)
            switch tag {
            case 0x08: seconds = Int64(bitPattern: try WireField.varint(bytes, &offset, end: range.upperBound))
            case 0x10: nanoseconds = Int64(bitPattern: try WireField.varint(bytes, &offset, end: range.upperBound))
            default:
                offset = start
                _ = try WireField(bytes, &offset, end: range.upperBound)
            }
        }
        let (whole, tooLarge) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflow) = whole.addingReportingOverflow(nanoseconds)
        guard !tooLarge, !overflow else {
            throw PushRequestError(offset: range.lowerBound, expected: "a time stamp between 1677 and 2262")
        }
        return Timestamp(nanoseconds: sum)
    }
}

extension RawSpan {
    /// The bytes at these offsets.
    @_lifetime(copy self)
    package func slice(_ range: Range<Int>) -> RawSpan { slice(range.lowerBound, range.upperBound) }
}

/// One length-delimited field of a protobuf message.
private struct WireField {
    var number: UInt64
    /// Where its bytes are.
    var body: Range<Int>

    /// Reads the field at `offset` and moves behind it; nil for one that is of another kind and was passed over.
    init?(_ bytes: RawSpan, _ offset: inout Int, end: Int) throws(PushRequestError) {
        let start = offset
        let tag = try Self.varint(bytes, &offset, end: end)
        switch tag & 7 {
        case 0:
            _ = try Self.varint(bytes, &offset, end: end)
            return nil
        case 1, 5:
            let width = tag & 7 == 1 ? 8 : 4
            guard end - offset >= width else {
                throw PushRequestError(offset: offset, expected: "\(width) bytes of a fixed field")
            }
            offset += width
            return nil
        case 2:
            let length = try Self.varint(bytes, &offset, end: end)
            guard length <= UInt64(end - offset) else {
                throw PushRequestError(
                    offset: offset, expected: "\(length) bytes of field \(tag >> 3), found \(end - offset)")
            }
            number = tag >> 3
            body = offset..<(offset + Int(length))
            offset += Int(length)
        default:
            throw PushRequestError(offset: start, expected: "a field of wire type 0, 1, 2 or 5, found \(tag & 7)")
        }
    }

    @inline(__always)
    static func varint(_ bytes: RawSpan, _ offset: inout Int, end: Int) throws(PushRequestError) -> UInt64 {
        let start = offset
        guard let value = bytes.readVarint(&offset), offset <= end else {
            throw PushRequestError(offset: start, expected: "an integer of at most 10 bytes")
        }
        return value
    }
}
