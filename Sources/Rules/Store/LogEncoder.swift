import Bytes
import Telemetry

/// What the log's bytes say, operation by operation. One log is read from its start: an operation builds on those before.
///
/// A sample is of the series that followed the current one the last time, unless `seek` or `define` names another; it is at
/// the current time. Values build on the series' newest sample in the log.
///
/// | first byte | then | meaning |
/// |---|---|---|
/// | 0x00–0x7f | | so many samples and one, each the value its series had before |
/// | 0x80 + 8·scale | zigzag varint | a decimal of this scale, so much more than before |
/// | 0x81 | varint id | seek a series |
/// | 0x82 | 8 bytes | a value |
/// | 0x83 | zigzag varint | the time is so many milliseconds later |
/// | 0x84 | | a stale marker |
/// | 0x85 | varint id, labels | define a series and seek it |
/// | 0x86 | zigzag varint | the counter began so long before the current time; of the series that the next sample is of |
/// | 0xc0 + 8·t + n | n + 1 bytes | an XOR with the value before, without t zero bytes at its low end |
enum LogOperation {
    static let decimal: UInt8 = 0x80
    static let seek: UInt8 = 0x81
    static let value: UInt8 = 0x82
    static let time: UInt8 = 0x83
    static let stale: UInt8 = 0x84
    static let define: UInt8 = 0x85
    static let start: UInt8 = 0x86
    static let xor: UInt8 = 0xc0
}

/// Nanoseconds that reading a sample again takes, about.
enum ReplayCost {
    /// One that is what its series had before.
    static let repeated = 10
    static let other = 70
}

/// Writes the operations of one log. What it has written waits in `bytes` for the thread that writes files.
struct LogEncoder: ~Copyable {
    var bytes = ByteBuffer()
    /// Series whose sample came last, by place.
    var current = SeriesState.none
    private var time: Int64 = 0
    private var repeated = 0
    /// About how long reading the log again takes, as measured.
    private(set) var replayNanoseconds = 0
    private var labels = LabelCoder()
    /// Without it nothing is written down.
    var isKept: Bool

    init(isKept: Bool) { self.isKept = isKept }

    /// One more sample that is as before.
    @inline(__always)
    mutating func repeatSample() { repeated &+= 1 }

    mutating func flush() {
        guard isKept else { return repeated = 0 }
        replayNanoseconds &+= repeated &* ReplayCost.repeated
        while repeated > 0 {
            let length = min(repeated, 128)
            bytes.append(UInt8(length - 1))
            repeated -= length
        }
    }

    mutating func setTime(_ new: Int64) {
        guard new != time else { return }
        flush()
        put(LogOperation.time, varint: DecimalValue.zigzag(new &- time))
        time = new
    }

    mutating func seek(_ id: UInt32) {
        flush()
        put(LogOperation.seek, varint: UInt64(id))
    }

    mutating func define(_ id: UInt32, _ set: LabelSet) {
        flush()
        put(LogOperation.define, varint: UInt64(id))
        if isKept { labels.write(set, to: &bytes) }
    }

    mutating func start(_ start: Int64) {
        flush()
        put(LogOperation.start, varint: DecimalValue.zigzag(time &- start))
    }

    mutating func whole(_ value: Double) {
        flush()
        guard isKept else { return }
        replayNanoseconds &+= ReplayCost.other
        bytes.append(LogOperation.value)
        bytes.append(littleEndian: value.bitPattern)
    }

    mutating func change(_ value: Double, from old: Double, _ change: ValueModel.Change) {
        flush()
        guard isKept else { return }
        replayNanoseconds &+= ReplayCost.other
        if case .decimal(let difference, let scale) = change {
            return put(LogOperation.decimal + scale << 3, varint: DecimalValue.zigzag(difference))
        }
        if isStaleMarker(value) { return bytes.append(LogOperation.stale) }
        let bits = value.bitPattern ^ old.bitPattern
        let skipped = bits == 0 ? 0 : bits.trailingZeroBitCount / 8
        let length = max(1, 8 - skipped - bits.leadingZeroBitCount / 8)
        bytes.append(LogOperation.xor | UInt8(skipped) << 3 | UInt8(length - 1))
        var rest = bits >> UInt64(skipped * 8)
        for _ in 0..<length {
            bytes.append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }

    private mutating func put(_ operation: UInt8, varint: UInt64) {
        guard isKept else { return }
        bytes.append(operation)
        bytes.append(varint: varint)
    }

    /// Begins a new log; what waits in `bytes` is of the one before.
    mutating func restart() {
        flush()
        current = SeriesState.none
        time = 0
        labels = LabelCoder()
        replayNanoseconds = 0
    }

    /// Goes on with a log that was read: where its decoder stands. Which series came last is known from taking its samples.
    mutating func resume(_ decoder: borrowing LogDecoder) {
        // Of samples that are in that log.
        repeated = 0
        time = decoder.time
        labels = decoder.labels
        replayNanoseconds = decoder.nanoseconds
    }
}

/// Label sets, each by what is other than in the one before.
///
/// varint count, then for each label: 0 where it is that of the same place in the set before, or 1 and the value where only
/// its name is, or 2, the name and the value. Strings are a varint length and UTF-8.
struct LabelCoder {
    private var last: [Label] = []
    /// One copy of each string that is too long to lie in the label itself.
    var strings: Set<String> = []

    static let mostLabels = 4096

    mutating func write(_ set: LabelSet, to bytes: inout ByteBuffer) {
        bytes.append(varint: UInt64(set.count))
        for (place, label) in set.labels.enumerated() {
            if place < last.count, last[place].name == label.name {
                if last[place].value == label.value {
                    bytes.append(0)
                    continue
                }
                bytes.append(1)
            } else {
                bytes.append(2)
                Self.write(label.name, to: &bytes)
            }
            Self.write(label.value, to: &bytes)
        }
        last = set.labels
    }

    private static func write(_ text: String, to bytes: inout ByteBuffer) {
        bytes.append(varint: UInt64(text.utf8.count))
        bytes.append(text)
    }

    /// Nil for what no `write` has written.
    mutating func read(_ bytes: RawSpan, _ offset: inout Int) -> LabelSet? {
        guard let count = bytes.readVarint(&offset), count <= UInt64(Self.mostLabels) else { return nil }
        var labels: [Label] = []
        labels.reserveCapacity(Int(count))
        for place in 0..<Int(count) {
            guard let kind = bytes.readVarint(&offset), kind <= 2 else { return nil }
            if kind < 2, place >= last.count { return nil }
            switch kind {
            case 0: labels.append(last[place])
            case 1:
                guard let value = text(bytes, &offset) else { return nil }
                labels.append(Label(last[place].name, value))
            default:
                guard let name = text(bytes, &offset), let value = text(bytes, &offset) else { return nil }
                labels.append(Label(name, value))
            }
        }
        last = labels
        for (a, b) in zip(labels, labels.dropFirst()) where !a.name.utf8.lexicographicallyPrecedes(b.name.utf8) {
            return nil
        }
        guard labels.allSatisfy({ !$0.value.isEmpty }) else { return nil }
        return LabelSet(sorted: labels)
    }

    /// Passes over a set as `read` would, for who knows it already.
    mutating func skip(_ bytes: RawSpan, _ offset: inout Int) -> Bool { read(bytes, &offset) != nil }

    private mutating func text(_ bytes: RawSpan, _ offset: inout Int) -> String? {
        guard let length = bytes.readVarint(&offset), length <= UInt64(bytes.byteCount - offset) else { return nil }
        let text = String(lossy: bytes.slice(offset, offset + Int(length)))
        offset += Int(length)
        return text.utf8.count <= 15 ? text : strings.insert(text).memberAfterInsert
    }
}
