import Synchronization
import Telemetry

/// Promtail's names for what no single part counts; the others count under promtail's names themselves.
final class PromtailMetrics: Sendable {
    private let targets: Gauge
    private let dockerJobs = Mutex<Set<String>>([])

    init(_ registry: MetricRegistry) {
        targets = registry.gauge("promtail_targets_active_total", help: "Number of active total targets.")
        func alias(
            _ name: String, _ help: String, _ labels: LabelSet = [:],
            _ read: @escaping @Sendable (MetricRegistry) -> Double
        ) {
            registry.computed(name, help: help, type: .counter, labels) { [weak registry] in
                registry.map(read) ?? 0
            }
        }
        alias(
            "promtail_targets_failed_total", "Number of failed targets.", ["reason": "empty_labels"]
        ) { $0.total("tocsin_file_dropped_total", matching: ["reason": "no_labels"]) }
        alias(
            "logentry_dropped_lines_total", "A count of all log lines dropped as a result of a pipeline stage.",
            ["reason": "relabel"]
        ) { $0.total("tocsin_journal_unwanted_entries_total") }
        alias(
            "promtail_docker_target_parsing_errors_total",
            "Total number of parsing errors while receiving Docker messages"
        ) { $0.total("tocsin_file_malformed_lines_total") }
        registry.computed(
            "promtail_docker_target_entries_total",
            help: "Total number of successful entries sent to the Docker target", type: .counter
        ) { [weak self, weak registry] in
            guard let self, let registry else { return 0 }
            return dockerJobs.withLock { $0 }.reduce(0) {
                $0 + registry.total("tocsin_source_read_lines_total", matching: ["job": $1])
            }
        }
    }

    /// What runs from now on: so many readers and jobs of files, and the names of the jobs that read Docker.
    func update(targets count: Int, dockerJobs names: Set<String>) {
        targets.set(count)
        dockerJobs.withLock { $0 = names }
    }
}
