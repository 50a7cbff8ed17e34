import Alerting
import Bytes
import Logs
import Telemetry

/// The history of alerts as a stream of the log store: `{job="tocsin", stream="alerts"}`, what is known of an event in its
/// structured metadata. Each event gets there once, however often the agent ends.
final class AlertHistorySource: LogSource {
    let name = "alerts"
    static let labels: LabelSet = ["job": "tocsin", "stream": "alerts"]
    private static let positionKey = "alerts/history"
    private let history: HistoryLog

    init(_ history: HistoryLog) { self.history = history }

    /// To be called after the stop of its context, or it may take a minute to see that.
    func wake() { history.wake() }

    func run(_ context: SourceContext) throws(SourceError) {
        var entries = EntryWriter(context, source: name)
        let stream = entries.stream(labels: Self.labels)
        var metadata = ByteBuffer()
        var position = context.store.position(Self.positionKey).flatMap { HistoryFiles.Position(encoded: $0) }
        while !context.stop.isStopped {
            let events: [HistoryEvent]
            let next: HistoryFiles.Position
            do throws(SystemError) {
                (events, next) = try history.next(after: position)
            } catch {
                throw SourceError("the history of alerts cannot be read: \(error)")
            }
            position = next
            if events.isEmpty {
                history.wait(after: position, seconds: 60) { context.stop.isStopped }
                context.stop.wait(seconds: context.commitInterval)
                continue
            }
            for event in events {
                metadata.removeAll()
                Self.append(event, to: &metadata)
                let line = Array(event.line.utf8)
                let (time, isOver) = event.time.multipliedReportingOverflow(by: 1_000_000)
                entries.append(
                    stream, isOver ? .now : Timestamp(nanoseconds: time), line.span.bytes, metadata: metadata.bytes)
            }
            do throws(CommitError) {
                try entries.commit(
                    positions: [PositionUpdate(key: Self.positionKey, value: next.encoded)], to: context.store,
                    stop: context.stop)
            } catch {
                if error == .stopped { return }
                throw SourceError("\(error)")
            }
            entries.releaseMemory()
        }
    }

    private static func append(_ event: HistoryEvent, to metadata: inout ByteBuffer) {
        StructuredMetadata.append("event", event.kind.rawValue, to: &metadata)
        let names = event.names.joined(separator: ",")
        if !names.isEmpty { StructuredMetadata.append("alertname", names, to: &metadata) }
        // An error may be long, and is in the line.
        for detail in event.details.labels where detail.name != "error" {
            StructuredMetadata.append(detail.name, detail.value, to: &metadata)
        }
    }
}
