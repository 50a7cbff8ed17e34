import Logging
import Telemetry

/// What a source fails with: one sentence that says what was expected, what was found and what to do.
package struct SourceError: Error, CustomStringConvertible, Sendable {
    package var description: String
    package init(_ description: String) { self.description = description }
}

/// Where lines come from. One thread of its own runs it; it reads, appends to an `EntryWriter` and commits.
///
/// A source commits at the latest `commitInterval` after the oldest pending line, when its writer is full, and
/// before it returns. Positions it commits are such that going on from them neither repeats nor skips a line.
package protocol LogSource: AnyObject, Sendable {
    /// Unique, short, stable over restarts: the part after `source/` in readiness and the metrics' `source` label.
    var name: String { get }

    /// Blocks until `context.stop`; throws when it cannot go on. The supervisor then runs it again after a pause,
    /// counts the failure and shows it in readiness until the source itself, reading again, says that it is well.
    func run(_ context: SourceContext) throws(SourceError)
}

/// What a source gets to work with.
package struct SourceContext: Sendable {
    package var store: any CommitSink
    package var metrics: MetricRegistry
    package var readiness: Readiness
    package var logger: Logger
    package var stop: StopToken
    /// Shared by all sources; see `EntryWriter.init(_:source:)`.
    package var cardinality: CardinalityGuard?
    /// At most this long a line waits for others before it is committed, in seconds.
    package var commitInterval: Double = 1

    package init(
        store: any CommitSink, metrics: MetricRegistry, readiness: Readiness, logger: Logger, stop: StopToken
    ) {
        self.store = store
        self.metrics = metrics
        self.readiness = readiness
        self.logger = logger
        self.stop = stop
    }
}
