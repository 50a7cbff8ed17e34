import Alerting
import Bytes
import Jails
import Logs
import Synchronization
import Telemetry

/// A history on disk that can be read on and waited for.
protocol HistoryFeed: Sendable {
    /// The next lines after a position, from the beginning without one; nil for where there is nothing yet.
    func next(after position: [UInt8]?) throws(SystemError) -> (lines: [HistoryLine], position: [UInt8]?)

    /// Waits until there is something after the position that `next` gave last, `isOver` (asked anew after each `wake`), or so many seconds
    /// are over.
    func wait(after position: [UInt8]?, seconds: Double, unless isOver: () -> Bool)

    /// Has those who wait look whether it is over.
    func wake()
}

/// An event as a line of a log.
struct HistoryLine {
    var time: Timestamp
    var text: String
    /// The structured metadata.
    var metadata: [(name: String, value: String)]
}

/// A history as a stream of the log store: `{job="tocsin", stream="alerts"}` or `stream="bans"`, what is known of an event in its structured
/// metadata. Each event gets there once, however often the agent ends.
final class HistorySource: LogSource {
    let name: String
    private let feed: any HistoryFeed

    /// - Parameter name: of the stream.
    init(_ name: String, _ feed: any HistoryFeed) {
        self.name = name
        self.feed = feed
    }

    /// To be called after the stop of its context, or it may take a minute to see that.
    func wake() { feed.wake() }

    func run(_ context: SourceContext) throws(SourceError) {
        let key = "\(name)/history"
        var entries = EntryWriter(context, source: name)
        let stream = entries.stream(labels: ["job": "tocsin", "stream": name])
        var metadata = ByteBuffer()
        var position = context.store.position(key)
        while !context.stop.isStopped {
            let lines: [HistoryLine]
            do throws(SystemError) {
                let next = try feed.next(after: position)
                lines = next.lines
                position = next.position ?? position
            } catch {
                throw SourceError("the history of \(name) cannot be read: \(error)")
            }
            guard let position, !lines.isEmpty else {
                feed.wait(after: position, seconds: 60) { context.stop.isStopped }
                context.stop.wait(seconds: context.commitInterval)
                continue
            }
            for line in lines {
                metadata.removeAll()
                for (name, value) in line.metadata { StructuredMetadata.append(name, value, to: &metadata) }
                let text = Array(line.text.utf8)
                entries.append(stream, line.time, text.span.bytes, metadata: metadata.bytes)
            }
            do throws(CommitError) {
                try entries.commit(
                    positions: [PositionUpdate(key: key, value: position)], to: context.store, stop: context.stop)
            } catch {
                if error == .stopped { return }
                throw SourceError("\(error)")
            }
            entries.releaseMemory()
        }
    }
}

/// The history of alerts.
struct AlertHistoryFeed: HistoryFeed {
    var log: HistoryLog

    func next(after position: [UInt8]?) throws(SystemError) -> (lines: [HistoryLine], position: [UInt8]?) {
        let (events, next) = try log.next(after: position.flatMap { HistoryFiles.Position(encoded: $0) })
        return (events.map(Self.line), next.encoded)
    }

    private static func line(_ event: HistoryEvent) -> HistoryLine {
        var metadata = [(name: "event", value: event.kind.rawValue)]
        let names = event.names.joined(separator: ",")
        if !names.isEmpty { metadata.append(("alertname", names)) }
        // An error may be long, and is in the line.
        metadata += event.details.labels.filter { $0.name != "error" }.map { ($0.name, $0.value) }
        let (time, isOver) = event.time.multipliedReportingOverflow(by: 1_000_000)
        return HistoryLine(
            time: isOver ? .now : Timestamp(nanoseconds: time), text: event.line, metadata: metadata)
    }

    func wait(after position: [UInt8]?, seconds: Double, unless isOver: () -> Bool) {
        log.wait(after: position.flatMap { HistoryFiles.Position(encoded: $0) }, seconds: seconds, unless: isOver)
    }

    func wake() { log.wake() }
}

/// The history of bans.
final class BanHistoryFeed: HistoryFeed {
    private let store: BanStore
    /// What had been written when it was read last.
    private let read = Mutex<UInt64>(0)

    init(_ store: BanStore) { self.store = store }

    func next(after position: [UInt8]?) throws(SystemError) -> (lines: [HistoryLine], position: [UInt8]?) {
        let batches = store.eventBatches
        let (events, next) = try store.events(after: position.flatMap { BanEventPosition(encoded: $0) })
        read.withLock { $0 = batches }
        return (events.map(Self.line), next?.encoded)
    }

    private static func line(_ event: BanEvent) -> HistoryLine {
        let fields = event.fields
        let text = fields.map { "\($0.name)=\(GoQuoted.logfmt($0.value))" }.joined(separator: " ")
        return HistoryLine(
            time: Timestamp(nanoseconds: Int64(min(max(event.time, 0), 9e9) * 1e9)), text: text,
            metadata: fields.filter { ["event", "jail", "address", "network"].contains($0.name) })
    }

    func wait(after position: [UInt8]?, seconds: Double, unless isOver: () -> Bool) {
        store.waitForEvents(after: read.withLock { $0 }, seconds: seconds, unless: isOver)
    }

    func wake() { store.wake() }
}
