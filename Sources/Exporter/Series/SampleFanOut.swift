import Synchronization
import Telemetry

/// Hands every batch to all sinks there are; who they are, but for those that stay, may change at any time.
package final class SampleFanOut: SampleSink {
    private let always: [any SampleSink]
    private let sinks: Mutex<[any SampleSink]>

    /// - Parameter always: those that stay, whoever else comes and goes.
    package init(always: [any SampleSink] = []) {
        self.always = always
        sinks = Mutex(always)
    }

    /// Whom batches go to from now on besides those that stay. When it returns, nobody else gets any more.
    package func replace(_ new: [any SampleSink]) { sinks.withLock { $0 = always + new } }

    package var isEmpty: Bool { sinks.withLock { $0.isEmpty } }

    package func append(_ batch: borrowing SeriesBatch) {
        sinks.withLock { for sink in $0 { sink.append(batch) } }
    }
}
