import Bytes
import Telemetry

/// Something that happened to alerts on their way: what the history is made of.
package struct HistoryEvent: Sendable, Equatable {
    /// Files have a kind's place here: new ones come last.
    package enum Kind: String, Sendable, CaseIterable {
        /// A rule's condition is met, and has to hold for a while.
        case pending
        /// A rule's condition ended before it had held for long enough.
        case inactive
        /// A rule's alert fires.
        case firing
        /// A rule's alert is over.
        case resolved
        /// Alerting got to know of an alert.
        case received
        /// Alerting got to know of its end.
        case ended
        /// It became one of a group.
        case grouped
        /// A look at its group held it back, for another reason than before.
        case suppressed
        /// Nothing holds it back any more.
        case released
        /// It changes too often.
        case flapping
        /// It no longer does.
        case settled
        /// A receiver took a notification.
        case notified
        /// An attempt to deliver failed, and there will be another.
        case retried
        /// An attempt to deliver failed, and there will be none before the next look at the group.
        case failed
    }

    /// Milliseconds since 1970.
    package var time: Int64
    package var kind: Kind
    /// The labels of the alerts, `mostAlerts` at most.
    package var alerts: [LabelSet]
    /// What else there is to say: `reason`, `receiver`, `error` …
    package var details: LabelSet

    /// Of a notification no more are listed.
    package static let mostAlerts = 32

    package init(time: Int64, _ kind: Kind, _ alerts: [LabelSet], _ details: LabelSet = [:]) {
        self.time = time
        self.kind = kind
        self.alerts = alerts.count > Self.mostAlerts ? Array(alerts.prefix(Self.mostAlerts)) : alerts
        self.details = details
    }

    /// The names of its alerts, each once.
    package var names: [String] {
        var names: [String] = []
        for case let name? in alerts.map({ $0["alertname"] }) where !names.contains(name) { names.append(name) }
        return names
    }
}

extension HistoryEvent {
    /// `{"time":"…","event":"notified","receiver":"…",…,"alerts":[{…}]}`.
    package func write(into json: inout JSONWriter) {
        json.beginObject()
        for (name, value) in [("time", APITime.text(time)), ("event", kind.rawValue)] {
            json.key(name)
            json.string(value)
        }
        for detail in details.labels {
            json.key(detail.name)
            json.string(detail.value)
        }
        json.key("alerts")
        json.beginArray()
        for labels in alerts {
            json.beginObject()
            for label in labels.labels {
                json.key(label.name)
                json.string(label.value)
            }
            json.endObject()
        }
        json.endArray()
        json.endObject()
    }

    /// A line of a log, logfmt: `event=notified alert=DiskFull receiver=mail attempt=2`.
    package var line: String {
        var line = "event=\(kind.rawValue)"
        let names = names
        if !names.isEmpty { line += " alert=\(GoQuoted.logfmt(names.joined(separator: ",")))" }
        for detail in details.labels { line += " \(detail.name)=\(GoQuoted.logfmt(detail.value))" }
        if alerts.count == 1, let labels = alerts.first {
            var others = labels
            others["alertname"] = nil
            if !others.isEmpty { line += " labels=\(GoQuoted.logfmt("\(others)"))" }
        }
        return line
    }
}

extension StateWriter {
    mutating func write(_ event: HistoryEvent) {
        buffer.append(littleEndian: event.time)
        buffer.append(event.kind.code)
        buffer.append(varint: UInt64(event.alerts.count))
        for labels in event.alerts { write(labels) }
        write(event.details)
    }
}

extension StateReader {
    /// nil for a body that is no event, or one that a later version wrote.
    mutating func event() -> HistoryEvent? {
        guard let time = integer(), let kind = byte().flatMap(HistoryEvent.Kind.init(code:)), let count = count(),
            count <= HistoryEvent.mostAlerts
        else { return nil }
        var alerts: [LabelSet] = []
        for _ in 0..<count {
            guard let labels = labels() else { return nil }
            alerts.append(labels)
        }
        guard let details = labels(), isAtEnd else { return nil }
        return HistoryEvent(time: time, kind, alerts, details)
    }
}

extension HistoryEvent.Kind {
    fileprivate var code: UInt8 { UInt8(clamping: (Self.allCases.firstIndex(of: self) ?? 0) + 1) }

    fileprivate init?(code: UInt8) {
        guard (1...Self.allCases.count).contains(Int(code)) else { return nil }
        self = Self.allCases[Int(code) - 1]
    }
}
