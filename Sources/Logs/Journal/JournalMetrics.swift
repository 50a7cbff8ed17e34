import Telemetry

/// What a journal source counts.
struct JournalMetrics: Sendable {
    let lines: Counter
    let bytes: Counter
    let lag: Gauge
    let dropped: Counter
    let cut: Counter
    let gaps: Counter
    let suppressed: Counter
    let reopens: Counter
    let promtailLines: Counter
    let noMessage: Counter
    let emptyLabels: Counter
    private let registry: MetricRegistry
    private let source: String

    init(_ registry: MetricRegistry, source: String, job: String) {
        self.registry = registry
        self.source = source
        let labels: LabelSet = ["source": source]
        lines = registry.counter(
            "tocsin_source_read_lines_total", help: "Lines read.", ["source": source, "job": job])
        bytes = registry.counter(
            "tocsin_source_read_bytes_total", help: "Bytes read.", ["source": source, "job": job])
        lag = registry.gauge(
            "tocsin_source_lag_seconds", help: "Age of the last line read while more is waiting, else 0.", labels)
        dropped = registry.counter(
            "tocsin_journal_unwanted_entries_total", help: "Entries left out by exclusion or relabelling.", labels)
        cut = registry.counter(
            "tocsin_journal_truncated_entries_total", help: "Entries of which a field was over the cap.", labels)
        gaps = registry.counter(
            "tocsin_journal_gap_entries_total",
            help: "Entries that journald numbered and that could not be read: vacuumed, damaged or not permitted.",
            labels)
        suppressed = registry.counter(
            "tocsin_journal_suppressed_entries_total",
            help: "Messages that journald dropped by its rate limit, as it tells itself.", labels)
        reopens = registry.counter(
            "tocsin_journal_reopens_total", help: "Times the journal was opened again after an error.", labels)
        promtailLines = registry.counter(
            "promtail_journal_target_lines_total", help: "Total number of successful journal lines read")
        noMessage = registry.counter(
            "promtail_journal_target_parsing_errors_total",
            help: "Total number of parsing errors while reading journal messages", ["error": "no_message"])
        emptyLabels = registry.counter(
            "promtail_journal_target_parsing_errors_total",
            help: "Total number of parsing errors while reading journal messages", ["error": "empty_labels"])
        for reason in ["bad_message", "io", "permission", "other"] { _ = errors(reason) }
    }

    /// Not for each entry: asks the registry.
    func count(_ error: JournalError) {
        errors(error.reason).add()
    }

    private func errors(_ reason: String) -> Counter {
        registry.counter(
            "tocsin_journal_errors_total", help: "Errors of libsystemd.", ["source": source, "reason": reason])
    }
}
