import Bytes
import Synchronization
import Telemetry

/// One collector at work: what it writes into and how its last run went. Safe from any thread.
///
/// Unchecked, as what is not constant is used only under `lock`.
final class CollectorSlot: @unchecked Sendable {
    /// How a run ended.
    struct Outcome: Sendable {
        var seconds: Double
        /// Nil for success.
        var problem: String?
        /// Whether the problem is that the host lacks the subject.
        var isAbsent = false
        var oddities = 0
        var firstOddity = ""
    }

    let name: String
    /// Held while the collector runs, however long it hangs; all that follows is used only under it.
    private let lock = Mutex(())
    private var collector: any Collector
    private var reader = HostReader()
    private var batch: SampleBatch
    private var outcome = Outcome(seconds: 0)

    init(name: String, collector: sending any Collector, sampleLimit: Int) {
        self.name = name
        self.collector = collector
        batch = SampleBatch(sampleLimit: sampleLimit)
    }

    /// Runs the collector on the calling thread, for a page that goes out at `deadline`.
    func run(until deadline: Timestamp) {
        lock.withLock { _ in
            reader.deadline = deadline
            batch.removeAll()
            reader.forgetOddities()
            let start = Timestamp.monotonic
            outcome = Outcome(seconds: 0)
            do {
                try collector.collect(into: &batch, reader: &reader)
            } catch let error as CollectorError {
                outcome.problem = error.description
                if case .absent = error { outcome.isAbsent = true }
            } catch let error as HostFileError {
                outcome.problem = error.description
                outcome.isAbsent = error.isAbsent
            } catch {
                outcome.problem = "\(error)"
            }
            outcome.seconds = Timestamp.monotonic.seconds(since: start)
            outcome.oddities = reader.oddities
            outcome.firstOddity = reader.firstOddity
        }
    }

    /// Adds what the last run wrote to `page` and tells how many samples were left out by its cap and the page's; nil, with
    /// nothing added, while a run goes on.
    func take(into page: inout SampleBatch) -> (outcome: Outcome, dropped: Int)? {
        lock.withLockIfAvailable { _ in
            let before = page.dropped
            page.append(batch)
            return (outcome, page.dropped - before)
        }
    }
}
