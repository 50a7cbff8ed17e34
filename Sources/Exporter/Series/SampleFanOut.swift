import Synchronization
import Telemetry

/// Hands every batch to all sinks there are; who they are may change at any time.
package final class SampleFanOut: SampleSink {
    private let sinks = Mutex<[any SampleSink]>([])

    package init() {}

    /// Whom batches go to from now on. When it returns, nobody else gets any more.
    package func replace(_ new: [any SampleSink]) { sinks.withLock { $0 = new } }

    package var isEmpty: Bool { sinks.withLock { $0.isEmpty } }

    package func append(_ batch: borrowing SeriesBatch) {
        sinks.withLock { for sink in $0 { sink.append(batch) } }
    }
}
