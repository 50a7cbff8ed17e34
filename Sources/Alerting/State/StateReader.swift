import Bytes
import Telemetry

/// Reads what `StateWriter` writes; every step is nil where the bytes are anything else.
struct StateReader: ~Escapable {
    private let bytes: RawSpan
    private var offset = 0

    @_lifetime(copy bytes)
    init(_ bytes: RawSpan) { self.bytes = bytes }

    var isAtEnd: Bool { offset == bytes.byteCount }

    /// All changes of a record.
    mutating func changes() -> [StateChange]? {
        var result: [StateChange] = []
        while !isAtEnd {
            guard let change = change() else { return nil }
            result.append(change)
        }
        return result
    }

    private mutating func change() -> StateChange? {
        switch byte() {
        case 1:
            guard let id = id(), let alert = alert() else { return nil }
            return .alert(id, alert)
        case 2:
            guard let id = id(), let endsAt = integer(), let updatedAt = integer() else { return nil }
            return .seen(id, endsAt: endsAt, updatedAt: updatedAt)
        case 3: return id().map { .forgotten($0) }
        case 4:
            guard let group = group(), let nextFlush = integer(), let flag = byte() else { return nil }
            return .group(group, nextFlush: nextFlush, hasFlushed: flag != 0)
        case 5:
            guard let group = group(), let id = id(), let updatedAt = integer() else { return nil }
            return .left(group, id, updatedAt: updatedAt)
        case 6: return group().map { .groupEnded($0) }
        case 7:
            guard let key = key(), let since = integer(), let firing = ids(), let resolved = ids() else { return nil }
            return .attempt(key, NotificationAttempt(since: since, firing: firing, resolved: resolved))
        case 8: return key().map { .attemptEnded($0) }
        case 9:
            guard let key = key(), let entry = entry() else { return nil }
            return .told(key, entry)
        case 10: return key().map { .entryForgotten($0) }
        case 11: return silence().map { .silence($0) }
        case 12: return text().map { .silenceForgotten($0) }
        case 13: return integer().map { .alive($0) }
        case 40:
            guard let id = id(), let record = flapRecord() else { return nil }
            return .flap(id, record)
        case 41: return id().map { .flap($0, nil) }
        default: return nil
        }
    }

    private mutating func flapRecord() -> FlapRecord? {
        guard let count = count(), count <= FlapRecord.mostChanges else { return nil }
        var record = FlapRecord(isFiring: false)
        for _ in 0..<count {
            guard let time = integer() else { return nil }
            record.changes.append(time)
        }
        guard let flags = byte() else { return nil }
        record.isFiring = flags & 1 != 0
        if flags & 2 != 0 {
            guard let since = integer() else { return nil }
            record.since = since
        }
        return record
    }

    private mutating func alert() -> TrackedAlert? {
        guard let labels = self.labels(), let annotations = self.labels(), let startsAt = integer(),
            let endsAt = integer(),
            let updatedAt = integer(), let flag = byte(), let generatorURL = text(), let value = number(),
            let resolvedValue = number()
        else { return nil }
        var alert = TrackedAlert(
            labels: labels, annotations: annotations, startsAt: startsAt, endsAt: endsAt, updatedAt: updatedAt)
        alert.hasTimeout = flag != 0
        alert.generatorURL = generatorURL
        alert.value = value
        alert.resolvedValue = resolvedValue
        return alert
    }

    private mutating func entry() -> NotificationEntry? {
        guard let timestamp = integer(), let firing = ids(), let resolved = ids(), let count = count() else {
            return nil
        }
        var memory: DeliveryMemory = [:]
        for _ in 0..<count {
            guard let name = text(), let value = text() else { return nil }
            memory[name] = value
        }
        guard let lifetime = integer() else { return nil }
        return NotificationEntry(
            timestamp: timestamp, firing: firing, resolved: resolved, memory: memory, lifetime: lifetime)
    }

    private mutating func silence() -> Silence? {
        guard let id = text(), let count = count() else { return nil }
        var matchers: [LabelMatcher] = []
        for _ in 0..<count {
            guard let name = text(), let operation = text().flatMap(LabelMatcher.Operation.init), let value = text(),
                let matcher = try? LabelMatcher(name, operation, value)
            else { return nil }
            matchers.append(matcher)
        }
        guard let startsAt = integer(), let endsAt = integer(), let updatedAt = integer(), let author = text(),
            let comment = text(), let annotations = labels()
        else { return nil }
        return Silence(
            id: id, matchers: matchers, startsAt: startsAt, endsAt: endsAt, updatedAt: updatedAt, createdBy: author,
            comment: comment, annotations: annotations)
    }

    private mutating func key() -> NotificationKey? {
        guard let groupKey = text(), let receiver = text(), let kind = text(),
            let index = bytes.readVarint(&offset)
        else { return nil }
        return NotificationKey(groupKey: groupKey, receiver: receiver, kind: kind, index: Int(clamping: index))
    }

    private mutating func group() -> GroupID? {
        guard let route = text(), let labels = labels() else { return nil }
        return GroupID(route: route, labels: labels)
    }

    private mutating func ids() -> Set<AlertID>? {
        guard let count = count() else { return nil }
        var result: Set<AlertID> = []
        for _ in 0..<count {
            guard let id = id() else { return nil }
            result.insert(id)
        }
        return result
    }

    private mutating func id() -> AlertID? { integer().map { AlertID(rawValue: UInt64(bitPattern: $0)) } }

    mutating func labels() -> LabelSet? {
        guard let count = count() else { return nil }
        var labels = LabelSet()
        labels.reserve(min(count, 64))
        for _ in 0..<count {
            guard let name = text(), let value = text() else { return nil }
            labels.keep(name, value)
        }
        return labels
    }

    /// The outer nil is damage.
    private mutating func number() -> Double?? {
        switch byte() {
        case 0: return .some(nil)
        case 1:
            guard let bits = integer() else { return nil }
            return .some(Double(bitPattern: UInt64(bitPattern: bits)))
        default: return nil
        }
    }

    mutating func byte() -> UInt8? {
        guard offset < bytes.byteCount else { return nil }
        defer { offset += 1 }
        return bytes.byte(at: offset)
    }

    mutating func integer() -> Int64? {
        guard let value = bytes.load(littleEndian: offset, as: Int64.self) else { return nil }
        offset += 8
        return value
    }

    /// A count of things of at least a byte each.
    mutating func count() -> Int? {
        guard let count = bytes.readVarint(&offset), count <= UInt64(bytes.byteCount - offset) else { return nil }
        return Int(count)
    }

    private mutating func text() -> String? {
        guard let length = count() else { return nil }
        defer { offset += length }
        return String(lossy: bytes.slice(offset, offset + length))
    }
}
