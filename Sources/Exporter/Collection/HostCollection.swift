import Synchronization
import Telemetry

/// Which collectors are asked.
package enum CollectorSelection: Sendable, Equatable {
    case all
    /// `collect[]`: only these.
    case only([String])
    /// `exclude[]`: all but these.
    case without([String])
}

/// The host's collectors and what is said about each of their runs. Safe from any thread.
package final class HostCollection: Sendable {
    private let slots: [CollectorSlot]
    private let crew: CollectorCrew
    private let oddities: Counter
    private let dropped: Counter
    private let sampleLimit: Int
    private let onProblem: @Sendable (_ collector: String, _ problem: String) -> Void
    /// The last problem of each collector, so that it is told once.
    private let problems = Mutex<[String: String]>([:])

    /// Left between our deadline and the scraper's, seconds.
    private static let margin = 0.5

    /// - Parameters:
    ///   - collectors: those that run, made already.
    ///   - sampleLimit: samples that one collector may write.
    ///   - onProblem: told when a collector's problem changes; empty when it is gone.
    package init(
        _ collectors: sending [(name: String, collector: any Collector)], sampleLimit: Int = 500_000,
        metrics: MetricRegistry, onProblem: @escaping @Sendable (String, String) -> Void = { _, _ in }
    ) {
        var slots: [CollectorSlot] = []
        for entry in collectors {
            // Each collector goes to its slot and is never seen again by whoever made it.
            nonisolated(unsafe) let collector = entry.collector
            slots.append(CollectorSlot(name: entry.name, collector: collector, sampleLimit: sampleLimit))
        }
        self.slots = slots
        crew = CollectorCrew(slots: slots)
        self.onProblem = onProblem
        self.sampleLimit = sampleLimit
        oddities = metrics.counter(
            "tocsin_collector_unreadable_values_total",
            help: "Lines and values of the host's files that were not as expected and were left out.")
        dropped = metrics.counter(
            "tocsin_collector_dropped_samples_total",
            help: "Samples of collectors above their cap or the page's.")
    }

    /// Names of the collectors that run.
    package var names: [String] { slots.map(\.name) }

    /// Runs the collectors of `selection` and adds what they have to `batch`, after at most `timeout` seconds (as the
    /// scraper says it; a little less is used). A collector that has not ended by then has
    /// `node_scrape_collector_success` 0 and no samples.
    package func collect(_ selection: CollectorSelection, timeout: Double, into batch: inout SampleBatch) {
        let indices = slots.indices.filter { index in
            switch selection {
            case .all: true
            case .only(let names): names.contains(slots[index].name)
            case .without(let names): !names.contains(slots[index].name)
            }
        }
        let patience = max(timeout - Self.margin, timeout / 2)
        let late = crew.run(indices, timeout: patience)
        var outcomes: [(name: String, outcome: CollectorSlot.Outcome)] = []
        outcomes.reserveCapacity(indices.count)
        for index in indices {
            let slot = slots[index]
            if !late.contains(index), let (taken, lost) = slot.take(into: &batch) {
                var outcome = taken
                if lost > 0, outcome.firstOddity.isEmpty {
                    outcome.firstOddity =
                        "has more samples than metrics.collector_sample_limit (\(sampleLimit)) or the page allows: the others are left out"
                }
                outcomes.append((slot.name, outcome))
                dropped.add(lost)
                oddities.add(outcome.oddities)
            } else {
                outcomes.append((slot.name, .init(seconds: patience, problem: "did not end in time")))
            }
        }
        report(outcomes, into: &batch)
    }

    private func report(
        _ outcomes: [(name: String, outcome: CollectorSlot.Outcome)], into batch: inout SampleBatch
    ) {
        let duration = batch.family(
            "node_scrape_collector_duration_seconds", .gauge, "Seconds that a collector took for this page.")
        let success = batch.family(
            "node_scrape_collector_success", .gauge, "Whether a collector had something for this page and no error.")
        for (name, outcome) in outcomes {
            let labels = batch.labels("collector", name)
            batch.sample(duration, labels, outcome.seconds)
            batch.sample(success, labels, outcome.problem == nil ? 1 : 0)
            let problem = outcome.problem ?? outcome.firstOddity
            let isNew = problems.withLock { problems in
                guard problems[name, default: ""] != problem else { return false }
                problems[name] = problem.isEmpty ? nil : problem
                return true
            }
            if isNew, !outcome.isAbsent { onProblem(name, problem) }
        }
    }
}
