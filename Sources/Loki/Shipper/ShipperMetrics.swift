import Telemetry

/// What one destination counts: our names by `destination`, and promtail's by `host`.
struct ShipperMetrics: Sendable {
    private let registry: MetricRegistry
    private let labels: LabelSet
    private let host: String

    let sentEntries: Counter
    let sentBytes: Counter
    let acknowledgedEntries: Counter
    let retries: Counter
    let duration: Histogram
    let heldStreams: Gauge
    let waitingTenants: Gauge
    private let promtailEncodedBytes: Counter
    private let promtailSentBytes: Counter
    private let promtailSentEntries: Counter

    private static let bounds: [Double] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

    init(_ registry: MetricRegistry, destination: String, host: String) {
        self.registry = registry
        self.host = host
        labels = ["destination": destination]
        sentEntries = registry.counter(
            "tocsin_destination_sent_entries_total", help: "Entries in requests sent, repeats included.", labels)
        sentBytes = registry.counter(
            "tocsin_destination_sent_bytes_total", help: "Bytes of request bodies sent, repeats included.", labels)
        acknowledgedEntries = registry.counter(
            "tocsin_destination_acknowledged_entries_total", help: "Entries the destination has taken.", labels)
        retries = registry.counter(
            "tocsin_destination_retries_total", help: "Requests that have to be sent again.", labels)
        duration = registry.histogram(
            "tocsin_destination_request_duration_seconds", help: "Time from a request to its answer.",
            bounds: Self.bounds, labels)
        heldStreams = registry.gauge(
            "tocsin_destination_held_streams",
            help: "Streams held back by a limit of the destination while the others go on.", labels)
        waitingTenants = registry.gauge(
            "tocsin_destination_waiting_tenants",
            help: "Tenants the destination does not serve now (their rate, their rights) while it serves others.",
            labels)
        let promtail: LabelSet = ["host": host]
        promtailEncodedBytes = registry.counter(
            "promtail_encoded_bytes_total", help: "Number of bytes encoded and ready to send.", promtail)
        promtailSentBytes = registry.counter("promtail_sent_bytes_total", help: "Number of bytes sent.", promtail)
        promtailSentEntries = registry.counter(
            "promtail_sent_entries_total", help: "Number of log entries sent to the ingester.", promtail)
        // Dashboards want the series from the beginning, not from the first trouble on.
        for reason in ["ingester_error", "rate_limited", "stream_limited", "line_too_long"] {
            _ = promtailDropped(reason, tenant: "")
        }
        _ = promtailRetries(tenant: "")
        _ = promtailMutated(tenant: "")
        for reason in ["ingester_error", "rate_limited", "damaged_block"] { _ = droppedEntries(reason) }
        for reason in PushRejection.Reason.allCases where !reason.isTemporary {
            _ = quarantinedEntries(reason.rawValue)
        }
        _ = quarantinedEntries("refused")
        _ = requests("204")
        _ = promtailDuration("204")
    }

    /// Counts an answer, or with code 0 its absence.
    func requested(code: Int, seconds: Double, entries: Int, bytes: Int) {
        sentEntries.add(entries)
        sentBytes.add(bytes)
        promtailEncodedBytes.add(bytes)
        duration.observe(seconds)
        requests(code == 0 ? "none" : String(code)).add()
        // promtail says -1 where there was no answer.
        promtailDuration(code == 0 ? "-1" : String(code)).observe(seconds)
    }

    func acknowledged(entries: Int, bytes: Int) {
        acknowledgedEntries.add(entries)
        promtailSentEntries.add(entries)
        promtailSentBytes.add(bytes)
    }

    func retried(tenant: String) {
        retries.add()
        promtailRetries(tenant: tenant).add()
    }

    func dropped(_ reason: String, entries: Int, bytes: Int, tenant: String) {
        droppedEntries(reason).add(entries)
        let promtail = promtailDropped(reason, tenant: tenant)
        promtail.entries.add(entries)
        promtail.bytes.add(bytes)
    }

    func quarantined(_ reason: String, entries: Int) {
        quarantinedEntries(reason).add(entries)
    }

    /// Counts lines sent cut, and the bytes cut off, under promtail's names.
    func mutated(entries: Int, bytes: Int, tenant: String) {
        let promtail = promtailMutated(tenant: tenant)
        promtail.entries.add(entries)
        promtail.bytes.add(bytes)
    }

    /// Publishes how far behind the destination is, as `backlog` tells when it is asked.
    func publishLag(_ backlog: @escaping @Sendable () -> (bytes: Int, oldest: Timestamp?)) {
        registry.computed(
            "tocsin_destination_lag_bytes", help: "Stored bytes the destination has not taken yet.", labels
        ) { Double(backlog().bytes) }
        registry.computed(
            "tocsin_destination_lag_seconds", help: "Age of the oldest stored entry not yet taken.", labels
        ) {
            let (bytes, oldest) = backlog()
            guard bytes > 0, let oldest else { return 0 }
            return max(0, Timestamp.now.seconds(since: oldest))
        }
    }

    /// Forgets the destination's own series.
    func remove() { registry.removeAll(matching: labels) }

    private func promtailDropped(_ reason: String, tenant: String) -> (entries: Counter, bytes: Counter) {
        let labels: LabelSet = ["host": host, "tenant": tenant, "reason": reason]
        let entries = registry.counter(
            "promtail_dropped_entries_total",
            help: "Number of log entries dropped because failed to be sent to the ingester after all retries.", labels)
        let bytes = registry.counter(
            "promtail_dropped_bytes_total",
            help: "Number of bytes dropped because failed to be sent to the ingester after all retries.", labels)
        return (entries, bytes)
    }

    private func promtailMutated(tenant: String) -> (entries: Counter, bytes: Counter) {
        let labels: LabelSet = ["host": host, "tenant": tenant, "reason": "line_too_long"]
        let entries = registry.counter(
            "promtail_mutated_entries_total", help: "The total number of log entries that have been mutated.", labels)
        let bytes = registry.counter(
            "promtail_mutated_bytes_total", help: "The total number of bytes that have been mutated.", labels)
        return (entries, bytes)
    }

    private func droppedEntries(_ reason: String) -> Counter {
        registry.counter(
            "tocsin_destination_dropped_entries_total", help: "Entries given up, kept nowhere for this destination.",
            labels.overridden(by: ["reason": reason]))
    }

    private func quarantinedEntries(_ reason: String) -> Counter {
        registry.counter(
            "tocsin_destination_quarantined_entries_total",
            help: "Entries the destination refuses for good, kept in its quarantine file.",
            labels.overridden(by: ["reason": reason]))
    }

    private func requests(_ code: String) -> Counter {
        registry.counter(
            "tocsin_destination_requests_total", help: "Requests by the status answered.",
            labels.overridden(by: ["code": code]))
    }

    private func promtailDuration(_ code: String) -> Histogram {
        registry.histogram(
            "promtail_request_duration_seconds", help: "Duration of send requests.", bounds: Self.bounds,
            ["host": host, "status_code": code])
    }

    private func promtailRetries(tenant: String) -> Counter {
        registry.counter(
            "promtail_batch_retries_total", help: "Number of times batches has had to be retried.",
            ["host": host, "tenant": tenant])
    }
}
