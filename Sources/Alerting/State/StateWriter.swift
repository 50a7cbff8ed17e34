import Bytes
import Telemetry

/// Writes changes of the state as bytes. Integers are little-endian, counts and lengths varints, texts UTF-8 after their
/// length; a change is its kind, one byte, and its fields.
struct StateWriter: ~Copyable {
    var buffer = ByteBuffer(capacity: 256)

    mutating func removeAll() { buffer.removeAll() }

    mutating func write(_ change: StateChange) {
        switch change {
        case .alert(let id, let alert):
            buffer.append(1)
            write(id)
            write(alert)
        case .seen(let id, let endsAt, let updatedAt):
            buffer.append(2)
            write(id)
            buffer.append(littleEndian: endsAt)
            buffer.append(littleEndian: updatedAt)
        case .forgotten(let id):
            buffer.append(3)
            write(id)
        case .group(let group, let nextFlush, let hasFlushed):
            buffer.append(4)
            write(group)
            buffer.append(littleEndian: nextFlush)
            buffer.append(hasFlushed ? 1 : 0)
        case .left(let group, let id, let updatedAt):
            buffer.append(5)
            write(group)
            write(id)
            buffer.append(littleEndian: updatedAt)
        case .groupEnded(let group):
            buffer.append(6)
            write(group)
        case .attempt(let key, let attempt):
            buffer.append(7)
            write(key)
            buffer.append(littleEndian: attempt.since)
            write(attempt.firing)
            write(attempt.resolved)
        case .attemptEnded(let key):
            buffer.append(8)
            write(key)
        case .told(let key, let entry):
            buffer.append(9)
            write(key)
            write(entry)
        case .entryForgotten(let key):
            buffer.append(10)
            write(key)
        case .silence(let silence):
            buffer.append(11)
            write(silence)
        case .silenceForgotten(let id):
            buffer.append(12)
            write(id)
        case .flap(let id, let record):
            buffer.append(record == nil ? 41 : 40)
            write(id)
            if let record { write(record) }
        case .alive(let time):
            buffer.append(13)
            buffer.append(littleEndian: time)
        }
    }

    private mutating func write(_ alert: TrackedAlert) {
        write(alert.labels)
        write(alert.annotations)
        for time in [alert.startsAt, alert.endsAt, alert.updatedAt] { buffer.append(littleEndian: time) }
        buffer.append(alert.hasTimeout ? 1 : 0)
        write(alert.generatorURL)
        for value in [alert.value, alert.resolvedValue] {
            buffer.append(value == nil ? 0 : 1)
            if let value { buffer.append(littleEndian: value.bitPattern) }
        }
    }

    private mutating func write(_ record: FlapRecord) {
        buffer.append(varint: UInt64(record.changes.count))
        for time in record.changes { buffer.append(littleEndian: time) }
        buffer.append((record.isFiring ? 1 : 0) + (record.since == nil ? 0 : 2))
        if let since = record.since { buffer.append(littleEndian: since) }
    }

    private mutating func write(_ entry: NotificationEntry) {
        buffer.append(littleEndian: entry.timestamp)
        write(entry.firing)
        write(entry.resolved)
        buffer.append(varint: UInt64(entry.memory.count))
        for (name, text) in entry.memory.sorted(by: { $0.key < $1.key }) {
            write(name)
            write(text)
        }
        buffer.append(littleEndian: entry.lifetime)
    }

    private mutating func write(_ silence: Silence) {
        write(silence.id)
        buffer.append(varint: UInt64(silence.matchers.count))
        for matcher in silence.matchers {
            write(matcher.name)
            write(matcher.operation.rawValue)
            write(matcher.value)
        }
        for time in [silence.startsAt, silence.endsAt, silence.updatedAt] { buffer.append(littleEndian: time) }
        write(silence.createdBy)
        write(silence.comment)
        write(silence.annotations)
    }

    private mutating func write(_ id: AlertID) { buffer.append(littleEndian: id.rawValue) }

    private mutating func write(_ ids: Set<AlertID>) {
        buffer.append(varint: UInt64(ids.count))
        for id in ids { write(id) }
    }

    private mutating func write(_ group: GroupID) {
        write(group.route)
        write(group.labels)
    }

    private mutating func write(_ key: NotificationKey) {
        write(key.groupKey)
        write(key.receiver)
        write(key.kind)
        buffer.append(varint: UInt64(clamping: key.index))
    }

    mutating func write(_ labels: LabelSet) {
        buffer.append(varint: UInt64(labels.count))
        for label in labels.labels {
            write(label.name)
            write(label.value)
        }
    }

    private mutating func write(_ text: String) {
        buffer.append(varint: UInt64(text.utf8.count))
        buffer.append(text)
    }
}
