import Bytes
import Telemetry

/// What is kept of one rule across restarts. Times are milliseconds since 1970.
package struct SavedRule: Sendable, Equatable {
    package var alerts: [LabelSet: Alert] = [:]
    /// Of a rule with `absent_for`.
    var watched: [LabelSet: AbsenceWatch.Entry] = [:]
    /// The rule's last evaluation that wrote something.
    package var evaluatedAt: Int64 = 0

    package init() {}

    var isEmpty: Bool { alerts.isEmpty && watched.isEmpty }
}

/// What one evaluation changed of a rule's state: a record of the log.
struct SavedChange: Sendable, Equatable {
    /// Group, name, labels and which of several such rules.
    var rule: String
    var time: Int64
    var alerts: [Alert] = []
    var removed: [LabelSet] = []
    var watched: [LabelSet: AbsenceWatch.Entry] = [:]
    var unwatched: [LabelSet] = []

    init(rule: String, time: Int64) {
        self.rule = rule
        self.time = time
    }

    func apply(to saved: inout SavedRule) {
        saved.evaluatedAt = time
        for alert in alerts { saved.alerts[alert.labels] = alert }
        for labels in removed { saved.alerts[labels] = nil }
        for (labels, entry) in watched { saved.watched[labels] = entry }
        for labels in unwatched { saved.watched[labels] = nil }
    }
}

extension ByteBuffer {
    mutating func append(saved change: SavedChange) {
        append(text: change.rule)
        append(littleEndian: change.time)
        append(varint: UInt64(change.alerts.count))
        for alert in change.alerts { append(saved: alert) }
        append(labelSets: change.removed)
        append(varint: UInt64(change.watched.count))
        for (labels, entry) in change.watched {
            append(labels: labels)
            append(optional: entry.goneSince)
            append(littleEndian: entry.value.bitPattern)
        }
        append(labelSets: change.unwatched)
    }

    private mutating func append(saved alert: Alert) {
        append(labels: alert.labels)
        append(labels: alert.source)
        append(labels: alert.annotations)
        switch alert.state {
        case .pending: append(0)
        case .firing(let since, let keptSince):
            append(1)
            append(littleEndian: since)
            append(optional: keptSince)
        case .resolved(let since, let at):
            append(2)
            append(littleEndian: since)
            append(littleEndian: at)
        }
        append(littleEndian: alert.activeAt)
        append(littleEndian: alert.value.bitPattern)
        append(optional: alert.resolvedValue.map { Int64(bitPattern: $0.bitPattern) })
        append(optional: alert.heldSince)
        append(optional: alert.lastSent)
    }

    mutating func append(text: String) {
        append(varint: UInt64(text.utf8.count))
        append(text)
    }

    private mutating func append(optional value: Int64?) {
        append(value == nil ? 0 : 1)
        if let value { append(littleEndian: value) }
    }

    private mutating func append(labels: LabelSet) {
        append(varint: UInt64(labels.count))
        for label in labels.labels {
            append(text: label.name)
            append(text: label.value)
        }
    }

    private mutating func append(labelSets: [LabelSet]) {
        append(varint: UInt64(labelSets.count))
        for labels in labelSets { append(labels: labels) }
    }
}

/// Reads what `ByteBuffer.append(saved:)` writes; every step is nil where the bytes are anything else.
struct SavedReader: ~Escapable {
    private let bytes: RawSpan
    private var offset = 0

    @_lifetime(copy bytes)
    init(_ bytes: RawSpan) { self.bytes = bytes }

    var isAtEnd: Bool { offset == bytes.byteCount }

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

    mutating func text() -> String? {
        guard let length = bytes.readVarint(&offset), length <= UInt64(bytes.byteCount - offset) else { return nil }
        let end = offset + Int(length)
        defer { offset = end }
        return String(lossy: bytes.slice(offset, end))
    }

    mutating func change() -> SavedChange? {
        guard let rule = text(), let time = integer(), let alertCount = count() else { return nil }
        var change = SavedChange(rule: rule, time: time)
        for _ in 0..<alertCount {
            guard let alert = self.alert() else { return nil }
            change.alerts.append(alert)
        }
        guard let removed = labelSets(), let watchedCount = count() else { return nil }
        change.removed = removed
        for _ in 0..<watchedCount {
            guard let labels = self.labels(), let gone = optional(), let bits = integer() else { return nil }
            change.watched[labels] = AbsenceWatch.Entry(
                goneSince: gone, value: Double(bitPattern: UInt64(bitPattern: bits)))
        }
        guard let unwatched = labelSets(), isAtEnd else { return nil }
        change.unwatched = unwatched
        return change
    }

    /// A count of things of at least a byte each.
    private mutating func count() -> Int? {
        guard let count = bytes.readVarint(&offset), count <= UInt64(bytes.byteCount - offset) else { return nil }
        return Int(count)
    }

    private mutating func alert() -> Alert? {
        guard let labels = self.labels(), let source = self.labels(), let annotations = self.labels(), let kind = byte()
        else { return nil }
        let state: Alert.State
        switch kind {
        case 0: state = .pending
        case 1:
            guard let since = integer(), let kept = optional() else { return nil }
            state = .firing(since: since, keptSince: kept)
        case 2:
            guard let since = integer(), let at = integer() else { return nil }
            state = .resolved(since: since, at: at)
        default: return nil
        }
        guard let activeAt = integer(), let value = integer(), let resolved = optional(), let held = optional(),
            let sent = optional()
        else { return nil }
        var alert = Alert(
            labels: labels, source: source, annotations: annotations, state: state, activeAt: activeAt,
            value: Double(bitPattern: UInt64(bitPattern: value)))
        alert.resolvedValue = resolved.map { Double(bitPattern: UInt64(bitPattern: $0)) }
        alert.heldSince = held
        alert.lastSent = sent
        return alert
    }

    /// The outer nil is damage.
    private mutating func optional() -> Int64?? {
        switch byte() {
        case 0: return .some(nil)
        case 1:
            guard let value = integer() else { return nil }
            return .some(value)
        default: return nil
        }
    }

    private mutating func labels() -> LabelSet? {
        guard let count = self.count() else { return nil }
        var labels = LabelSet()
        for _ in 0..<count {
            guard let name = text(), let value = text() else { return nil }
            labels.keep(name, value)
        }
        return labels
    }

    private mutating func labelSets() -> [LabelSet]? {
        guard let count = self.count() else { return nil }
        var sets: [LabelSet] = []
        for _ in 0..<count {
            guard let labels = self.labels() else { return nil }
            sets.append(labels)
        }
        return sets
    }
}
