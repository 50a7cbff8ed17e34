import Bytes
import Telemetry

/// Why a body is no `WriteRequest`.
struct WriteRequestError: Error, CustomStringConvertible {
    let description: String
}

/// Takes Prometheus's remote-write request 1.0 apart (`prompb/remote.proto`, `prompb/types.proto`): labels and samples; exemplars,
/// histograms and metadata are passed over.
struct WriteRequestDecoder {
    private let message: [UInt8]

    init(_ message: [UInt8]) { self.message = message }

    private enum Wire {
        static let varint: UInt64 = 0
        static let fixed64: UInt64 = 1
        static let bytes: UInt64 = 2
        static let fixed32: UInt64 = 5
    }

    /// One field: what it is, and its value or where its bytes lie.
    private struct Field {
        var number: UInt64
        var wire: UInt64
        var value: UInt64
        var range: Range<Int>
    }

    /// Calls `take` for every series that has samples, with times in milliseconds since 1970.
    func timeSeries(
        _ take: (LabelSet, [(timestamp: Int64, value: Double)]) throws(WriteRequestError) -> Void
    ) throws(WriteRequestError) {
        var offset = 0
        var samples: [(timestamp: Int64, value: Double)] = []
        while let field = try next(&offset, message.count) {
            guard field.number == 1, field.wire == Wire.bytes else { continue }
            samples.removeAll(keepingCapacity: true)
            let labels = try series(field.range, &samples)
            if !samples.isEmpty { try take(labels, samples) }
        }
    }

    private func series(
        _ range: Range<Int>, _ samples: inout [(timestamp: Int64, value: Double)]
    ) throws(WriteRequestError) -> LabelSet {
        var labels: [Label] = []
        var offset = range.lowerBound
        while let field = try next(&offset, range.upperBound) {
            guard field.wire == Wire.bytes else { continue }
            switch field.number {
            case 1: labels.append(try label(field.range))
            case 2: samples.append(try sample(field.range))
            default: break
            }
        }
        labels.removeAll { $0.value.isEmpty }
        labels.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        guard labels.contains(where: { $0.name == "__name__" }) else {
            throw WriteRequestError(description: "a series without a name")
        }
        for (one, next) in zip(labels, labels.dropFirst()) where one.name == next.name {
            throw WriteRequestError(description: "the label \(one.name) is there twice")
        }
        return LabelSet(sorted: labels)
    }

    private func label(_ range: Range<Int>) throws(WriteRequestError) -> Label {
        var name = ""
        var value = ""
        var offset = range.lowerBound
        while let field = try next(&offset, range.upperBound) {
            guard field.wire == Wire.bytes, field.number == 1 || field.number == 2 else { continue }
            guard let text = String(validating: message[field.range], as: UTF8.self) else {
                throw WriteRequestError(description: "a label that is not UTF-8")
            }
            if field.number == 1 { name = text } else { value = text }
        }
        guard !name.isEmpty else { throw WriteRequestError(description: "a label without a name") }
        return Label(name, value)
    }

    private func sample(_ range: Range<Int>) throws(WriteRequestError) -> (timestamp: Int64, value: Double) {
        var result: (timestamp: Int64, value: Double) = (0, 0)
        var offset = range.lowerBound
        while let field = try next(&offset, range.upperBound) {
            switch (field.number, field.wire) {
            case (1, Wire.fixed64): result.value = Double(bitPattern: field.value)
            case (2, Wire.varint): result.timestamp = Int64(bitPattern: field.value)
            default: break
            }
        }
        return result
    }

    /// The field at `offset`, which moves behind it; nil at the end.
    private func next(_ offset: inout Int, _ end: Int) throws(WriteRequestError) -> Field? {
        guard offset < end else { return nil }
        let key = try varint(&offset, end)
        var field = Field(number: key >> 3, wire: key & 7, value: 0, range: offset..<offset)
        switch field.wire {
        case Wire.varint: field.value = try varint(&offset, end)
        case Wire.fixed64, Wire.fixed32:
            let size = field.wire == Wire.fixed64 ? 8 : 4
            guard end - offset >= size else { throw cut }
            for index in 0..<size { field.value |= UInt64(message[offset + index]) << UInt64(8 * index) }
            offset += size
        case Wire.bytes:
            let size = try varint(&offset, end)
            guard size <= UInt64(end - offset) else { throw cut }
            field.range = offset..<(offset + Int(size))
            offset = field.range.upperBound
        default: throw WriteRequestError(description: "not a protobuf message: wire type \(field.wire)")
        }
        return field
    }

    private func varint(_ offset: inout Int, _ end: Int) throws(WriteRequestError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard offset < end else { throw cut }
            let byte = message[offset]
            offset += 1
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
        }
        throw WriteRequestError(description: "not a protobuf message: a number of more than ten bytes")
    }

    private var cut: WriteRequestError { WriteRequestError(description: "the protobuf message is cut off") }
}
