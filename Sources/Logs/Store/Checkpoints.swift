import Bytes
import Telemetry

/// The sources' positions as they were when the store reached `location`; what is stored behind it adds to them.
struct PositionCheckpoint: Equatable {
    var location: RecordLocation
    var nextSequence: UInt64
    var positions: [PositionKey: [UInt8]]
    /// Of the segments up to `location`, so that opening need not read them.
    var segments: [SegmentSummary]

    func encoded() -> ByteBuffer {
        var buffer = ByteBuffer(capacity: 4 << 10)
        buffer.append(location: location)
        buffer.append(littleEndian: nextSequence)
        buffer.append(littleEndian: UInt32(clamping: segments.count))
        for segment in segments {
            buffer.append(littleEndian: segment.number)
            buffer.append(littleEndian: segment.end)
            buffer.append(littleEndian: UInt64(segment.recordCount))
            buffer.append(littleEndian: UInt64(segment.entryCount))
            buffer.append(littleEndian: segment.earliest.nanoseconds)
            buffer.append(littleEndian: segment.latest.nanoseconds)
            buffer.append(littleEndian: segment.written.nanoseconds)
        }
        buffer.append(littleEndian: UInt32(clamping: positions.count))
        for (key, value) in positions {
            buffer.append(sized: key.text)
            buffer.append(varint: UInt64(value.count))
            buffer.append(value)
        }
        return buffer
    }

    init(
        location: RecordLocation, nextSequence: UInt64, positions: [PositionKey: [UInt8]], segments: [SegmentSummary]
    ) {
        self.location = location
        self.nextSequence = nextSequence
        self.positions = positions
        self.segments = segments
    }

    /// Nil where the bytes are not what `encoded` makes.
    init?(decoding bytes: RawSpan) {
        var reader = FieldReader()
        guard let location = reader.location(bytes), let sequence = reader.fixed(bytes, as: UInt64.self),
            sequence < 1 << 62, let segmentCount = reader.fixed(bytes, as: UInt32.self),
            reader.mayHold(segmentCount, of: 56, bytes)
        else { return nil }
        self.location = location
        nextSequence = sequence
        segments = []
        for _ in 0..<segmentCount {
            guard let segment = SegmentSummary(&reader, bytes) else { return nil }
            segments.append(segment)
        }
        guard let count = reader.fixed(bytes, as: UInt32.self), reader.mayHold(count, of: 2, bytes) else { return nil }
        positions = Dictionary(minimumCapacity: Int(count))
        for _ in 0..<count {
            guard let key = reader.text(bytes), let value = reader.sized(bytes) else { return nil }
            positions[PositionKey(key)] = value
        }
        guard reader.offset == bytes.byteCount else { return nil }
    }
}

extension SegmentSummary {
    fileprivate init?(_ reader: inout FieldReader, _ bytes: RawSpan) {
        guard let number = reader.fixed(bytes, as: UInt64.self), let end = reader.fixed(bytes, as: UInt64.self),
            let records = reader.fixed(bytes, as: UInt64.self), let entries = reader.fixed(bytes, as: UInt64.self),
            let earliest = reader.fixed(bytes, as: Int64.self), let latest = reader.fixed(bytes, as: Int64.self),
            let written = reader.fixed(bytes, as: Int64.self),
            number < 1 << 62, end >= SegmentFormat.firstOffset, end < 1 << 40, records < 1 << 40, entries < 1 << 40
        else { return nil }
        self.init(number: number, written: Timestamp(nanoseconds: written))
        self.end = end
        recordCount = Int(records)
        entryCount = Int(entries)
        self.earliest = Timestamp(nanoseconds: earliest)
        self.latest = Timestamp(nanoseconds: latest)
    }
}

/// A destination's state under its name, as its checkpoint holds it.
struct DestinationCheckpoint: Equatable {
    var name: String
    var state: DestinationState

    /// Of the two files; the name itself may hold anything.
    static func fileName(_ destination: String) -> String {
        let digits = String(Array(destination.utf8).span.bytes.fnv1a, radix: 16)
        return "destination-" + String(repeating: "0", count: 16 - digits.count) + digits
    }

    func encoded() -> ByteBuffer {
        var buffer = ByteBuffer(capacity: 256)
        buffer.append(sized: name)
        buffer.append(location: state.cursor)
        buffer.append(littleEndian: UInt32(clamping: state.held.count))
        for held in state.held {
            buffer.append(location: held.record)
            buffer.append(littleEndian: UInt32(clamping: held.block))
            buffer.append(littleEndian: UInt32(clamping: held.streams.count))
            for stream in held.streams { buffer.append(sized: stream) }
        }
        for held in state.held { buffer.append(sized: held.tenant) }
        buffer.append(optional: state.batchEnd)
        buffer.append(littleEndian: UInt32(clamping: state.waiting.count))
        for waiting in state.waiting {
            buffer.append(sized: waiting.tenant)
            buffer.append(location: waiting.cursor)
            buffer.append(optional: waiting.batchEnd)
        }
        return buffer
    }

    init(name: String, state: DestinationState) {
        self.name = name
        self.state = state
    }

    /// Nil where the bytes are not what `encoded` makes.
    init?(decoding bytes: RawSpan) {
        var reader = FieldReader()
        guard let name = reader.text(bytes), let cursor = reader.location(bytes),
            let count = reader.fixed(bytes, as: UInt32.self), reader.mayHold(count, of: 24, bytes)
        else { return nil }
        self.name = name
        state = DestinationState(cursor: cursor)
        for _ in 0..<count {
            guard let record = reader.location(bytes), let block = reader.fixed(bytes, as: UInt32.self),
                let streamCount = reader.fixed(bytes, as: UInt32.self), reader.mayHold(streamCount, of: 1, bytes)
            else { return nil }
            var streams: [String] = []
            for _ in 0..<streamCount {
                guard let stream = reader.text(bytes) else { return nil }
                streams.append(stream)
            }
            state.held.append(.init(record: record, block: Int(block), streams: streams))
        }
        for index in state.held.indices {
            guard let tenant = reader.text(bytes) else { return nil }
            state.held[index].tenant = tenant
        }
        guard let end = reader.optionalLocation(bytes), let waitingCount = reader.fixed(bytes, as: UInt32.self),
            reader.mayHold(waitingCount, of: 18, bytes)
        else { return nil }
        state.batchEnd = end
        for _ in 0..<waitingCount {
            guard let tenant = reader.text(bytes), let cursor = reader.location(bytes),
                let end = reader.optionalLocation(bytes)
            else { return nil }
            state.waiting.append(.init(tenant: tenant, cursor: cursor, batchEnd: end))
        }
        guard reader.offset == bytes.byteCount else { return nil }
    }
}
