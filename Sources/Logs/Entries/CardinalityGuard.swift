import Logging
import Synchronization
import Telemetry

/// Watches how many values each label takes and takes out the ones that would make a stream per request.
///
/// A label that has taken more than `limit` values in one job is moved from the labels to the structured metadata of
/// the entries, from then on, with one warning. Asked once per new stream, not per line. Bounded: `limit` hashes
/// per label name, 64 names per job. Safe from any thread.
package final class CardinalityGuard: Sendable {
    /// Distinct values of one label in one job that are still taken as a label.
    package let limit: Int
    private let logger: Logger
    private let metrics: MetricRegistry
    private let jobs = Mutex<[String: [String: Values]]>([:])

    private struct Values {
        var seen: Set<Int> = []
        var isMoved = false
    }

    package init(limit: Int, metrics: MetricRegistry, logger: Logger) {
        self.limit = limit
        self.metrics = metrics
        self.logger = logger
    }

    /// Splits a stream's labels into those that stay and those that move. At least one label stays.
    package func split(_ labels: LabelSet) -> (kept: LabelSet, moved: [Label]) {
        let job = labels["job"] ?? ""
        var kept = labels
        var moved: [Label] = []
        var newlyMoved: [String] = []
        jobs.withLock { jobs in
            var names = jobs[job] ?? [:]
            for label in labels.labels where label.name != "job" && kept.count > 1 {
                guard names.count < 64 || names[label.name] != nil else { continue }
                var values = names[label.name] ?? Values()
                if !values.isMoved {
                    values.seen.insert(label.value.hashValue)
                    if values.seen.count > limit {
                        values = Values(seen: [], isMoved: true)
                        newlyMoved.append(label.name)
                    }
                }
                if values.isMoved {
                    kept[label.name] = nil
                    moved.append(label)
                }
                names[label.name] = values
            }
            jobs[job] = names
        }
        for name in newlyMoved { report(name, job) }
        return (kept, moved)
    }

    private func report(_ name: String, _ job: String) {
        metrics.counter(
            "tocsin_labels_moved_total", help: "Labels moved to structured metadata for having too many values.",
            ["job": job, "label": name]
        ).add()
        logger.warning(
            "a label has too many values; it is structured metadata from now on",
            metadata: ["label": "\(name)", "job": "\(job)", "limit": "\(limit)"])
    }
}
