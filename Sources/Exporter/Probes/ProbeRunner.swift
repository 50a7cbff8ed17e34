import Bytes
import Synchronization
import Telemetry

/// Runs all probes, each at its own interval, and keeps what each found last. Safe from any thread.
///
/// One thread waits for what is due; a run has a thread of its own for as long as it takes, at most `mostRuns` at a time.
package final class ProbeRunner: Sendable {
    /// Called with what a run found.
    package typealias Report = @Sendable (ProbeConfiguration, borrowing SampleBatch, Timestamp) -> Void

    fileprivate final class Entry: @unchecked Sendable {
        let configuration: ProbeConfiguration
        let probe: any Probe
        /// Guards all that follows.
        let lock = Mutex(())
        var latest = SampleBatch()
        var problem = ""

        init(_ configuration: ProbeConfiguration) throws(RegexError) {
            self.configuration = configuration
            probe = try configuration.makeProbe()
        }
    }

    private struct State {
        var entries: [Entry] = []
        /// When each is due, by place in `entries`.
        var due: [Timestamp] = []
        var running: Set<ObjectIdentifier> = []
        /// Counts the changes of `entries`.
        var generation = 0
        var isStopped = false
    }

    private let state = Condition(State())
    private let thread = Mutex<WorkerThread?>(nil)
    private let report: Report
    private let onProblem: @Sendable (_ probe: String, _ problem: String) -> Void
    private let skipped: Counter

    /// Runs at a time.
    private static let mostRuns = 64

    /// - Parameter onProblem: told when a probe's problem changes; empty when it succeeds again.
    package init(
        metrics: MetricRegistry, report: @escaping Report = { _, _, _ in },
        onProblem: @escaping @Sendable (String, String) -> Void = { _, _ in }
    ) {
        self.report = report
        self.onProblem = onProblem
        skipped = metrics.counter(
            "tocsin_probe_skipped_runs_total",
            help: "Runs left out because the one before, or too many others, were not done.")
    }

    /// Probes that are to run, made already.
    package struct Plan: Sendable {
        fileprivate let entries: [Entry]

        /// Throws for a pattern that is none.
        package init(_ configurations: [ProbeConfiguration]) throws(RegexError) {
            var entries: [Entry] = []
            for configuration in configurations { entries.append(try Entry(configuration)) }
            self.entries = entries
        }
    }

    /// Runs the probes of `plan` from now on; those that have not changed go on as before. The first run of a probe comes
    /// within its interval, spread by name.
    package func apply(_ plan: Plan) {
        let old = state.withLock { $0.entries }
        let entries = plan.entries.map { new in
            old.first { $0.configuration == new.configuration } ?? new
        }
        let now = Timestamp.monotonic
        state.change { state in
            let due = Dictionary(
                zip(state.entries.map(ObjectIdentifier.init), state.due), uniquingKeysWith: { first, _ in first })
            state.due = entries.map { entry in
                due[ObjectIdentifier(entry)] ?? now.adding(seconds: Self.offset(entry.configuration))
            }
            state.entries = entries
            state.generation += 1
        }
        if !entries.isEmpty { start() }
    }

    /// Adds what each probe found last to a page.
    package func write(into batch: inout SampleBatch) {
        for entry in state.withLock({ $0.entries }) {
            entry.lock.withLock { _ in batch.append(entry.latest) }
        }
    }

    /// Ends after the runs that go on now, or without waiting for them after `deadline` seconds.
    package func stop(deadline: Double) {
        state.change { $0.isStopped = true }
        thread.withLock { $0.take() }?.join()
        let limit = Timestamp.monotonic.adding(seconds: deadline)
        _ = state.wait(until: limit) { $0.running.isEmpty ? true : nil }
    }

    /// Up to two seconds, so that after a start something is there soon.
    private static func offset(_ configuration: ProbeConfiguration) -> Double {
        var text = ByteBuffer()
        text.append(configuration.name)
        return Double(text.bytes.fnv1a % 1000) / 1000 * min(2, configuration.interval)
    }

    private func start() {
        thread.withLock { thread in
            guard thread == nil else { return }
            thread = WorkerThread(name: "probes") { [state] in self.schedule(state) }
        }
    }

    private func schedule(_ state: Condition<State>) {
        while true {
            let (ready, next, generation) = state.withLock { state -> ([Entry]?, Timestamp, Int) in
                if state.isStopped { return (nil, .monotonic, 0) }
                let ready = takeDue(&state)
                return (ready, state.due.min() ?? Timestamp.monotonic.adding(seconds: 3600), state.generation)
            }
            guard let ready else { return }
            for entry in ready { run(entry) }
            // A run that ends wakes it too, to no harm.
            _ = state.wait(until: next) { $0.isStopped || $0.generation != generation ? true : nil }
        }
    }

    /// What is due now; each gets its next time.
    private func takeDue(_ state: inout State) -> [Entry] {
        let now = Timestamp.monotonic
        var ready: [Entry] = []
        for index in state.entries.indices where state.due[index] <= now {
            let entry = state.entries[index]
            state.due[index] = max(
                now, state.due[index].adding(seconds: entry.configuration.interval))
            let identity = ObjectIdentifier(entry)
            if state.running.contains(identity) || state.running.count >= Self.mostRuns {
                skipped.add()
            } else {
                state.running.insert(identity)
                ready.append(entry)
            }
        }
        return ready
    }

    private func run(_ entry: Entry) {
        WorkerThread(name: "probe") {
            self.runNow(entry)
            self.state.change { _ = $0.running.remove(ObjectIdentifier(entry)) }
        }.detach()
    }

    private func runNow(_ entry: Entry) {
        let configuration = entry.configuration
        var labels = configuration.labels
        labels["job"] = configuration.job
        labels["instance"] = configuration.target
        labels["probe"] = configuration.name
        let start = Timestamp.monotonic
        var round = ProbeRound(
            batch: SampleBatch(), labels: labels, deadline: start.adding(seconds: configuration.timeout))
        var problem = ""
        do throws(ProbeFailure) {
            try entry.probe.run(&round)
        } catch {
            problem = error.description
        }
        round.gauge(
            "probe_duration_seconds", "Seconds that the probe took.", Timestamp.monotonic.seconds(since: start))
        round.gauge("probe_success", "Whether the probe succeeded.", problem.isEmpty ? 1 : 0)
        let now = Timestamp.now
        let batch = round.finished()
        report(configuration, batch, now)
        let isNew = entry.lock.withLock { _ in
            entry.latest.removeAll()
            entry.latest.append(batch)
            defer { entry.problem = problem }
            return entry.problem != problem
        }
        if isNew { onProblem(configuration.name, problem) }
    }
}
