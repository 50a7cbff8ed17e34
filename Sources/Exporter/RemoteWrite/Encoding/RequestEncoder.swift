import Bytes
import Telemetry

/// Makes a request of records: a message of remote write 1.0 (`prompb.WriteRequest`) or 2.0
/// (`io.prometheus.write.v2.Request`), uncompressed. For one thread; the buffers are kept from request to request.
struct RequestEncoder: ~Copyable {
    private var message: RemoteWriteMessage = .v1
    /// Without the symbols of 2.0, which stand before.
    private var body = ByteBuffer()
    private var series = ByteBuffer()
    private var inner = ByteBuffer()
    private var pair = ByteBuffer()
    private var symbols = SymbolTable()
    /// The request's number of each of the record's symbols, or -1.
    private var refs: [Int32] = []
    private var reader = RecordReader()
    private var place = RecordSeries()

    init() {}

    /// Begins a request.
    mutating func begin(_ message: RemoteWriteMessage) {
        self.message = message
        body.removeAll()
        symbols.removeAll()
        _ = symbols.number(of: "")
    }

    /// Adds what an uncompressed record holds. False where it is none: nothing of it is added then.
    mutating func add(_ record: RawSpan) -> Bool {
        let before = body.count
        guard reader.begin(record) else { return false }
        if message == .v2 {
            refs.removeAll(keepingCapacity: true)
            refs.append(contentsOf: repeatElement(-1, count: reader.symbols.count))
            refs[0] = 0
        }
        while let isWhole = reader.next(record, into: &place) {
            guard isWhole, message == .v1 ? addSeries1(record) : addSeries2(record) else {
                body.truncate(to: before)
                return false
            }
        }
        return true
    }

    /// Appends the request, compressed, to `output`. `buffer` is overwritten. Returns its length uncompressed.
    mutating func finish(into output: inout ByteBuffer, _ buffer: inout ByteBuffer) -> Int {
        guard message == .v2 else {
            Snappy.compress(body.bytes, into: &output)
            return body.count
        }
        buffer.removeAll()
        for number in 0..<symbols.count { buffer.append(sized: symbols.symbol(number), tag: WireTag.symbols) }
        buffer.append(body.bytes)
        Snappy.compress(buffer.bytes, into: &output)
        return buffer.count
    }

    mutating func release() {
        body.removeAll()
        body.release(downTo: 16 << 10)
        symbols.release()
    }
}

// MARK: 1.0
extension RequestEncoder {
    private mutating func addSeries1(_ record: RawSpan) -> Bool {
        series.removeAll()
        appendLabels1(record, place.labels, toSeries: true)
        for range in place.samples {
            guard let sample = reader.sample(record, range) else { return false }
            inner.removeAll()
            inner.append(WireTag.sampleValue)
            inner.append(littleEndian: sample.value)
            inner.append(WireTag.sampleTimestamp)
            inner.append(varint: sample.time)
            series.append(sized: inner, tag: WireTag.samples)
        }
        for range in place.exemplars {
            guard let exemplar = reader.exemplar(record, range) else { return false }
            inner.removeAll()
            appendLabels1(record, exemplar.labels, toSeries: false)
            inner.append(WireTag.exemplarValue2)
            inner.append(littleEndian: exemplar.value)
            inner.append(WireTag.exemplarTimestamp)
            inner.append(varint: exemplar.time)
            series.append(sized: inner, tag: WireTag.exemplars1)
        }
        body.append(sized: series, tag: WireTag.series1)
        return true
    }

    /// The reader has looked at the references.
    private mutating func appendLabels1(_ record: RawSpan, _ range: Range<Int>, toSeries: Bool) {
        var at = range.lowerBound
        while at < range.upperBound, let name = record.readVarint(&at), let value = record.readVarint(&at) {
            pair.removeAll()
            pair.append(sized: record.extracting(reader.symbols[Int(name)]), tag: WireTag.labelName)
            pair.append(sized: record.extracting(reader.symbols[Int(value)]), tag: WireTag.labelValue)
            if toSeries {
                series.append(sized: pair, tag: WireTag.labels1)
            } else {
                inner.append(sized: pair, tag: WireTag.labels1)
            }
        }
    }
}

// MARK: 2.0
extension RequestEncoder {
    private mutating func addSeries2(_ record: RawSpan) -> Bool {
        series.removeAll()
        appendRefs(record, place.labels)
        series.append(sized: inner, tag: WireTag.labelRefs)
        for range in place.samples {
            guard reader.sample(record, range) != nil else { return false }
            series.append(sized: record.extracting(range), tag: WireTag.samples)
        }
        for range in place.exemplars {
            guard let exemplar = reader.exemplar(record, range) else { return false }
            appendRefs(record, exemplar.labels)
            pair.removeAll()
            if !inner.isEmpty { pair.append(sized: inner, tag: WireTag.labelRefs) }
            pair.append(WireTag.exemplarValue2)
            pair.append(littleEndian: exemplar.value)
            pair.append(WireTag.exemplarTimestamp)
            pair.append(varint: exemplar.time)
            series.append(sized: pair, tag: WireTag.exemplars2)
        }
        if !place.metadata.isEmpty {
            guard let metadata = reader.metadata(record, place.metadata) else { return false }
            inner.removeAll()
            append(metadata.type, tag: WireTag.metadataType)
            append(UInt64(ref(record, metadata.help)), tag: WireTag.metadataHelp2)
            append(UInt64(ref(record, metadata.unit)), tag: WireTag.metadataUnit2)
            series.append(sized: inner, tag: WireTag.metadata2)
        }
        body.append(sized: series, tag: WireTag.series2)
        return true
    }

    private mutating func append(_ value: UInt64, tag: UInt8) {
        guard value != 0 else { return }
        inner.append(tag)
        inner.append(varint: value)
    }

    /// The references of the request for those of the record, into `inner`.
    private mutating func appendRefs(_ record: RawSpan, _ range: Range<Int>) {
        inner.removeAll()
        var at = range.lowerBound
        while at < range.upperBound, let number = record.readVarint(&at) {
            inner.append(varint: UInt64(ref(record, Int(number))))
        }
    }

    private mutating func ref(_ record: RawSpan, _ number: Int) -> Int32 {
        if refs[number] >= 0 { return refs[number] }
        let ref = Int32(symbols.number(of: record.extracting(reader.symbols[number])))
        refs[number] = ref
        return ref
    }
}
