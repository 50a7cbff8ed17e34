import Bytes
import Telemetry

/// Whom a log is read to.
protocol LogReceiver: ~Copyable {
    /// The place of a series that the log defines; nil where that cannot be.
    mutating func define(_ id: UInt32, _ labels: LabelSet) -> Int?
    /// What came after `place` the last time.
    func successor(of place: Int) -> Int?
    /// The value of a series' newest sample in the log.
    func newest(of place: Int) -> Double
    mutating func began(_ place: Int, at start: Int64)
    /// Takes a sample of each of so many series that follow `place`, each with the value it had before. The place of the last
    /// of them; nil where they are not known. `isFirst` as of the first of them.
    mutating func takeRepeated(_ count: Int, after place: Int, time: Int64, isFirst: Bool) -> Int?
    /// `isFirst` where the time is another than that of the sample before.
    mutating func take(_ place: Int, time: Int64, value: Double, isFirst: Bool)
}

/// Reads the operations of a log. Whatever the bytes, it takes them or says that they are damaged.
struct LogDecoder: ~Copyable {
    private(set) var time: Int64 = 0
    var labels = LabelCoder()
    private var places: [UInt32: Int] = [:]
    private var current: Int?
    private var sought: Int?
    private var isNewTime = true
    /// Samples read, and about what it takes to read them.
    private(set) var samples = 0
    private(set) var nanoseconds = 0

    /// Reads the operations of one record; false where they are damaged.
    mutating func read(_ bytes: RawSpan, _ receiver: inout some LogReceiver & ~Copyable) -> Bool {
        var offset = 0
        while offset < bytes.byteCount {
            let operation = bytes.byte(at: offset)
            offset += 1
            if operation < 0x80 {
                var count = Int(operation) + 1
                nanoseconds &+= count &* ReplayCost.repeated
                samples &+= count
                if let sought {
                    take(sought, receiver.newest(of: sought), &receiver)
                    self.sought = nil
                    count -= 1
                }
                guard let current,
                    let last = receiver.takeRepeated(count, after: current, time: time, isFirst: isNewTime)
                else { return false }
                isNewTime = false
                self.current = last
                continue
            }
            if operation >= LogOperation.xor {
                let skipped = Int(operation >> 3 & 7)
                let length = Int(operation & 7) + 1
                guard skipped + length <= 8, offset + length <= bytes.byteCount, let place = next(receiver) else {
                    return false
                }
                var bits: UInt64 = 0
                for byte in 0..<length { bits |= UInt64(bytes.byte(at: offset + byte)) << UInt64(8 * byte) }
                offset += length
                bits <<= UInt64(8 * skipped)
                take(place, Double(bitPattern: receiver.newest(of: place).bitPattern ^ bits), &receiver)
                continue
            }
            guard read(operation, bytes, &offset, &receiver) else { return false }
        }
        return true
    }

    private mutating func read(
        _ operation: UInt8, _ bytes: RawSpan, _ offset: inout Int, _ receiver: inout some LogReceiver & ~Copyable
    ) -> Bool {
        if operation & 7 == 0 {
            let scale = operation >> 3 & 7
            guard scale <= DecimalValue.largestScale, let code = bytes.readVarint(&offset), let place = next(receiver),
                let before = DecimalValue.scaled(receiver.newest(of: place), scale)
            else { return false }
            take(place, DecimalValue.value(before &+ DecimalValue.unzigzag(code), scale), &receiver)
            return true
        }
        switch operation {
        case LogOperation.seek:
            guard let id = bytes.readVarint(&offset), let place = places[UInt32(clamping: id)] else { return false }
            sought = place
        case LogOperation.value:
            guard let bits = bytes.load(littleEndian: offset, as: UInt64.self), let place = next(receiver) else {
                return false
            }
            offset += 8
            take(place, Double(bitPattern: bits), &receiver)
        case LogOperation.time:
            guard let code = bytes.readVarint(&offset) else { return false }
            time = time &+ DecimalValue.unzigzag(code)
            isNewTime = true
        case LogOperation.stale:
            guard let place = next(receiver) else { return false }
            take(place, StaleMarker.value, &receiver)
        case LogOperation.define:
            guard let id = bytes.readVarint(&offset), let number = UInt32(exactly: id),
                let set = labels.read(bytes, &offset), let place = receiver.define(number, set)
            else { return false }
            places[number] = place
            sought = place
        case LogOperation.start:
            guard let code = bytes.readVarint(&offset), let place = next(receiver) else { return false }
            receiver.began(place, at: time &- DecimalValue.unzigzag(code))
            sought = place
        default: return false
        }
        return true
    }

    private mutating func next(_ receiver: borrowing some LogReceiver & ~Copyable) -> Int? {
        if let sought {
            self.sought = nil
            return sought
        }
        guard let current else { return nil }
        return receiver.successor(of: current)
    }

    private mutating func take(_ place: Int, _ value: Double, _ receiver: inout some LogReceiver & ~Copyable) {
        receiver.take(place, time: time, value: value, isFirst: isNewTime)
        isNewTime = false
        current = place
        nanoseconds &+= ReplayCost.other
        samples &+= 1
    }
}
