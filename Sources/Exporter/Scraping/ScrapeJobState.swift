import Synchronization
import Telemetry

/// One job at work: where its targets come from and what they are now.
///
/// Unchecked: what is not constant is used only under the scraper's lock.
final class ScrapeJobState: @unchecked Sendable {
    let rules: ScrapeJobRules
    /// What each discovery found last, in the configuration's order.
    private var found: [[TargetGroup]]
    private(set) var active: [ScrapeTarget] = []
    /// By relabelling, labels as discovered; the first `ScrapeLimits.droppedTargets`.
    private(set) var dropped: [LabelSet] = []
    private(set) var droppedCount = 0
    /// What is wrong with targets that cannot be scraped.
    private(set) var problems: [String] = []

    init(_ rules: ScrapeJobRules) {
        self.rules = rules
        found = Array(repeating: [], count: rules.job.discoveries.count)
    }

    /// What is to be done after targets have changed.
    struct Change {
        var started: [ScrapeTarget] = []
        var retired: [ScrapeTarget] = []
    }

    /// Takes what a discovery found. `predecessors` may hand their series over to new targets of the same labels.
    func take(_ groups: [TargetGroup], from discovery: Int, after predecessors: inout [ScrapeTarget]) -> Change {
        found[discovery] = groups
        var wanted: [ResolvedTarget] = []
        var urls: Set<String> = []
        dropped.removeAll()
        droppedCount = 0
        problems.removeAll()
        for group in found.joined() {
            for target in group.targets {
                switch TargetLabels.resolve(target, of: group, in: rules.job, rules.relabeler) {
                case .target(let resolved):
                    // Prometheus scrapes targets that are the same in URL and labels once.
                    guard urls.insert("\(resolved.url)\(resolved.labels)").inserted else { continue }
                    wanted.append(resolved)
                case .dropped(let labels): drop(labels)
                case .refused(let labels, let problem):
                    drop(labels)
                    problems.append(problem)
                }
            }
        }
        return bring(wanted, &predecessors)
    }

    private func drop(_ labels: LabelSet) {
        droppedCount += 1
        if dropped.count < ScrapeLimits.droppedTargets { dropped.append(labels) }
    }

    private func bring(_ wanted: [ResolvedTarget], _ predecessors: inout [ScrapeTarget]) -> Change {
        var change = Change()
        var kept: [ScrapeTarget] = []
        var old = active
        for resolved in wanted.prefix(ScrapeLimits.targets) {
            if let index = old.firstIndex(where: { $0.resolved.isSame(as: resolved) }) {
                kept.append(old.remove(at: index))
                continue
            }
            var before = old.first { $0.resolved.labels == resolved.labels }
            if before == nil, let index = predecessors.firstIndex(where: { $0.resolved.labels == resolved.labels }) {
                before = predecessors.remove(at: index)
            }
            before?.status.withLock { $0.isSucceeded = true }
            let target = ScrapeTarget(resolved, rules, after: before)
            kept.append(target)
            change.started.append(target)
        }
        change.retired = old
        active = kept
        let limit = rules.job.targetLimit
        let forced =
            limit > 0 && kept.count > limit
            ? "target_limit exceeded (number of targets: \(kept.count), limit: \(limit))" : ""
        for target in kept { target.status.withLock { $0.forcedError = forced } }
        return change
    }
}

extension ResolvedTarget {
    /// Whether a scrape of the one is a scrape of the other, however they were discovered.
    func isSame(as other: ResolvedTarget) -> Bool {
        url == other.url && labels == other.labels && interval == other.interval && timeout == other.timeout
    }
}
