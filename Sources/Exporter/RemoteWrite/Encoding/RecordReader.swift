import Bytes

/// One series of a record, as places in it.
struct RecordSeries {
    /// The packed references: names and values in turn.
    var labels = 0..<0
    /// The bodies of its samples and exemplars.
    var samples: [Range<Int>] = []
    var exemplars: [Range<Int>] = []
    /// The body of its metadata; empty where there is none.
    var metadata = 0..<0

    mutating func removeAll() {
        labels = 0..<0
        samples.removeAll(keepingCapacity: true)
        exemplars.removeAll(keepingCapacity: true)
        metadata = 0..<0
    }
}

/// The body of a metadata message of 2.0.
struct RecordMetadata {
    var type: UInt64 = 0
    var help = 0
    var unit = 0
}

/// Reads what `RecordEncoder` wrote. Anything else, whatever bytes they are, makes it say so and stop.
struct RecordReader {
    /// Where each symbol lies.
    private(set) var symbols: [Range<Int>] = []
    private var offset = 0

    /// Reads the symbols of an uncompressed record. False where it is none.
    mutating func begin(_ record: RawSpan) -> Bool {
        symbols.removeAll(keepingCapacity: true)
        offset = 0
        while offset < record.byteCount, record.byte(at: offset) == WireTag.symbols {
            guard let body = Self.body(record, &offset) else { return false }
            symbols.append(body)
        }
        return symbols.first?.isEmpty == true
    }

    /// Reads the next series. Nil at the end; false where the record is malformed.
    mutating func next(_ record: RawSpan, into series: inout RecordSeries) -> Bool? {
        guard offset < record.byteCount else { return nil }
        series.removeAll()
        guard record.byte(at: offset) == WireTag.series2, let body = Self.body(record, &offset) else { return false }
        var at = body.lowerBound
        while at < body.upperBound {
            let tag = record.byte(at: at)
            guard let field = Self.body(record, &at), field.upperBound <= body.upperBound else { return false }
            switch tag {
            case WireTag.labelRefs: series.labels = field
            case WireTag.samples: series.samples.append(field)
            case WireTag.exemplars2: series.exemplars.append(field)
            case WireTag.metadata2: series.metadata = field
            default: return false
            }
        }
        return areLabels(record, series.labels)
    }

    /// Whether references come in pairs and name symbols that there are.
    func areLabels(_ record: RawSpan, _ range: Range<Int>) -> Bool {
        var at = range.lowerBound
        var count = 0
        while at < range.upperBound {
            guard let ref = record.readVarint(&at), at <= range.upperBound, ref < UInt64(symbols.count) else {
                return false
            }
            count += 1
        }
        return count % 2 == 0
    }

    /// Value and time of a sample, and the time it began at, 0 for none. Nil where it is malformed.
    func sample(_ record: RawSpan, _ range: Range<Int>) -> (value: UInt64, time: UInt64, start: UInt64)? {
        var at = range.lowerBound + 9
        guard range.count >= 11, record.byte(at: range.lowerBound) == WireTag.sampleValue,
            let value = record.load(littleEndian: range.lowerBound + 1, as: UInt64.self),
            let time = Self.varint(record, &at, WireTag.sampleTimestamp)
        else { return nil }
        if at == range.upperBound { return (value, time, 0) }
        guard let start = Self.varint(record, &at, WireTag.sampleStart), at == range.upperBound else { return nil }
        return (value, time, start)
    }

    /// Labels, value and time of an exemplar. Nil where it is malformed.
    func exemplar(_ record: RawSpan, _ range: Range<Int>) -> (labels: Range<Int>, value: UInt64, time: UInt64)? {
        var at = range.lowerBound
        var labels = at..<at
        if at < range.upperBound, record.byte(at: at) == WireTag.labelRefs {
            guard let field = Self.body(record, &at), field.upperBound <= range.upperBound,
                areLabels(record, field)
            else { return nil }
            labels = field
        }
        guard range.upperBound - at >= 11, record.byte(at: at) == WireTag.exemplarValue2,
            let value = record.load(littleEndian: at + 1, as: UInt64.self)
        else { return nil }
        at += 9
        guard let time = Self.varint(record, &at, WireTag.exemplarTimestamp), at == range.upperBound else { return nil }
        return (labels, value, time)
    }

    func metadata(_ record: RawSpan, _ range: Range<Int>) -> RecordMetadata? {
        var at = range.lowerBound
        var metadata = RecordMetadata()
        while at < range.upperBound {
            let tag = record.byte(at: at)
            at += 1
            guard let value = record.readVarint(&at), at <= range.upperBound else { return nil }
            switch tag {
            case WireTag.metadataType where value <= 7: metadata.type = value
            case WireTag.metadataHelp2 where value < UInt64(symbols.count): metadata.help = Int(value)
            case WireTag.metadataUnit2 where value < UInt64(symbols.count): metadata.unit = Int(value)
            default: return nil
            }
        }
        return metadata
    }

    /// Moves past a tag and the sized field behind it; the field's body.
    private static func body(_ record: RawSpan, _ offset: inout Int) -> Range<Int>? {
        offset += 1
        guard let length = record.readVarint(&offset), length <= UInt64(record.byteCount - offset) else { return nil }
        let start = offset
        offset += Int(length)
        return start..<offset
    }

    private static func varint(_ record: RawSpan, _ offset: inout Int, _ tag: UInt8) -> UInt64? {
        guard offset < record.byteCount, record.byte(at: offset) == tag else { return nil }
        offset += 1
        return record.readVarint(&offset)
    }
}
