import Synchronization
import Telemetry

/// Scrapes the targets of all jobs at their times and hands the samples to sinks, as Prometheus's scrape manager does.
///
/// Safe from any thread. `apply` touches only jobs that changed; a target whose labels stay goes on with its series. What
/// is gone for good gets stale markers when it has not come back by the second scrape that would have been; `stop` writes
/// none, as the next start goes on.
package final class Scraper: Sendable {
    private struct State {
        var jobs: [ScrapeJobState] = []
        /// Gone, and maybe to come back.
        var retired: [ScrapeTarget] = []
        var hasStopped = false
    }

    private let state = Mutex(State())
    private let stopToken = StopToken()
    private let crew: ScrapeCrew
    private let discoveries: DiscoveryThread
    private let userAgent: String
    private let onProblem: @Sendable (_ job: String, _ problem: String) -> Void

    /// - Parameters:
    ///   - sinks: get one batch per scrape, one at a time, from any thread.
    ///   - userAgent: of the requests, as `Tocsin/1.0`.
    ///   - onProblem: told what is wrong with discovery or with targets, when it is something else than before.
    package init(
        sinks: [any SampleSink], userAgent: String, metrics: MetricRegistry,
        onProblem: @escaping @Sendable (String, String) -> Void = { _, _ in }
    ) {
        self.userAgent = userAgent
        self.onProblem = onProblem
        crew = ScrapeCrew(TargetScrape(sinks: sinks, userAgent: userAgent, metrics: metrics, stop: stopToken))
        discoveries = DiscoveryThread(stop: stopToken)
        let report: @Sendable (Bool) -> Double = { [weak self] isUp in
            guard let self else { return 0 }
            return Double(self.report.active.count { ($0.health == .up) == isUp })
        }
        for (name, isUp) in [("up", true), ("down", false)] {
            metrics.computed(
                "tocsin_scrape_targets", help: "Targets by whether their last scrape went well.", ["health": name]
            ) { report(isUp) }
        }
    }

    /// Jobs that are to be scraped, all that may be wrong with them looked at.
    package struct Plan: Sendable {
        fileprivate let jobs: [ScrapeJobRules]

        /// Throws for a relabelling rule that is none. The names of `jobs` differ.
        package init(_ jobs: [MetricScrapeJob]) throws(RelabelError) {
            var rules: [ScrapeJobRules] = []
            for job in jobs { rules.append(try ScrapeJobRules(job)) }
            self.jobs = rules
        }
    }

    /// Brings what is scraped into line with `plan`.
    package func apply(_ plan: Plan) {
        let started = state.withLock { state -> [ScrapeJobState] in
            guard !state.hasStopped else { return [] }
            var kept: [ScrapeJobState] = []
            var started: [ScrapeJobState] = []
            var old = state.jobs
            for rules in plan.jobs {
                if let index = old.firstIndex(where: { $0.rules.job == rules.job }) {
                    kept.append(old.remove(at: index))
                    continue
                }
                let job = ScrapeJobState(rules)
                kept.append(job)
                started.append(job)
            }
            for job in old {
                discoveries.remove(job)
                for target in job.active { retire(target, &state) }
            }
            state.jobs = kept
            return started
        }
        for job in started { begin(job) }
    }

    /// Ends everything; waits for scrapes that run for at most `seconds`. Writes no stale markers.
    package func stop(within seconds: Double = 4) {
        let jobs = state.withLock { state in
            state.hasStopped = true
            defer { state.jobs = [] }
            return state.jobs
        }
        for job in jobs { discoveries.remove(job) }
        stopToken.stop()
        discoveries.stop()
        crew.stop(within: seconds)
    }

    /// What is scraped and how that goes.
    package var report: TargetsReport {
        state.withLock { state in
            TargetsReport(
                active: state.jobs.flatMap { job in job.active.map { TargetsReport.Active($0) } },
                dropped: state.jobs.flatMap { job in
                    job.dropped.map { TargetsReport.Dropped(discovered: $0, pool: job.rules.job.jobName) }
                },
                droppedCounts: state.jobs.map { ($0.rules.job.jobName, $0.droppedCount) })
        }
    }

    private func begin(_ job: ScrapeJobState) {
        for (index, configuration) in job.rules.job.discoveries.enumerated() {
            let discoverer: any TargetDiscoverer =
                switch configuration {
                case .fixed(let groups): FixedDiscovery(groups)
                case .files(let files): FileDiscovery(files)
                case .docker(let docker): DockerDiscovery(docker, userAgent: userAgent, stop: stopToken)
                }
            discoveries.add(job, discoverer) { [weak self] job, result in self?.take(job, index, result) }
        }
    }

    private func take(_ job: ScrapeJobState, _ discovery: Int, _ result: Result<[TargetGroup], any Error>) {
        let name = job.rules.job.jobName
        let groups: [TargetGroup]
        switch result {
        case .success(let found): groups = found
        case .failure(let error): return onProblem(name, "\(error)")
        }
        let (started, problems) = state.withLock { state -> ([ScrapeTarget], [String]) in
            guard state.jobs.contains(where: { $0 === job }) else { return ([], []) }
            state.retired.removeAll { $0.isOver }
            let change = job.take(groups, from: discovery, after: &state.retired)
            for target in change.retired { retire(target, &state) }
            return (change.started, job.problems)
        }
        for problem in problems { onProblem(name, problem) }
        for target in started { crew.add(target) }
    }

    private func retire(_ target: ScrapeTarget, _ state: inout State) {
        let isSucceeded = target.status.withLock { status in
            status.isRetired = true
            return status.isSucceeded
        }
        if !isSucceeded { state.retired.append(target) }
    }
}
