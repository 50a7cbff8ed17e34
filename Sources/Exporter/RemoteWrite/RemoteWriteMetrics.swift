import Telemetry

/// What one remote write counts, under Prometheus's names where it has them, so that its dashboards and alerts work.
final class RemoteWriteMetrics: Sendable {
    private let registry: MetricRegistry
    let labels: LabelSet

    let samples: Counter
    let exemplars: Counter
    let metadata: Counter
    let failedSamples: Counter
    let failedExemplars: Counter
    let failedMetadata: Counter
    let retriedSamples: Counter
    let retriedExemplars: Counter
    let retriedMetadata: Counter
    let bytes: Counter
    let metadataBytes: Counter
    let duration: Histogram
    let unconfirmedSamples: Counter
    let damagedBytes: Counter
    let damagedRecords: Counter
    private let samplesIn: Counter
    private let exemplarsIn: Counter
    private let highestIn: Gauge

    private static let bounds: [Double] = [
        0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60, 120, 300,
    ]

    init(_ registry: MetricRegistry, name: String, url: String, maxSamplesPerSend: Int, capacity: Int) {
        self.registry = registry
        let labels: LabelSet = ["remote_name": name, "url": url]
        self.labels = labels
        func counter(_ name: String, _ help: String) -> Counter {
            registry.counter("prometheus_remote_storage_" + name, help: help, labels)
        }
        func gauge(_ name: String, _ help: String) -> Gauge {
            registry.gauge("prometheus_remote_storage_" + name, help: help, labels)
        }
        samples = counter("samples_total", "Samples in requests to the server, repeats included.")
        exemplars = counter("exemplars_total", "Exemplars in requests to the server, repeats included.")
        metadata = counter("metadata_total", "Families in metadata requests to the server, repeats included.")
        failedSamples = counter("samples_failed_total", "Samples that the server refused for good.")
        failedExemplars = counter("exemplars_failed_total", "Exemplars that the server refused for good.")
        failedMetadata = counter("metadata_failed_total", "Families whose metadata the server refused for good.")
        retriedSamples = counter("samples_retried_total", "Samples that had to be sent again.")
        retriedExemplars = counter("exemplars_retried_total", "Exemplars that had to be sent again.")
        retriedMetadata = counter("metadata_retried_total", "Families whose metadata has to be sent again.")
        bytes = counter("bytes_total", "Bytes of request bodies with samples, compressed, repeats included.")
        metadataBytes = counter("metadata_bytes_total", "Bytes of metadata request bodies, compressed.")
        duration = registry.histogram(
            "prometheus_remote_storage_sent_batch_duration_seconds",
            help: "Time from a request with samples to its answer.", bounds: Self.bounds, labels)
        _ = counter("enqueue_retries_total", "Always 0: what is handed over is taken or dropped at once.")
        for name in ["shards", "shards_max", "shards_min", "shards_desired"] {
            gauge(name, "Always 1: one request at a time keeps the order.").set(1)
        }
        gauge("max_samples_per_send", "Most samples of one request.").set(maxSamplesPerSend)
        gauge("shard_capacity", "Samples that may wait in memory to be written to the queue.").set(capacity)
        unconfirmedSamples = registry.counter(
            "tocsin_remote_write_unconfirmed_samples_total",
            help: "Samples in requests that the server took without saying that it wrote them (remote write 2.0).",
            labels)
        damagedBytes = registry.counter(
            "tocsin_remote_write_damaged_bytes_total", help: "Bytes of the queue that held no intact record.", labels)
        damagedRecords = registry.counter(
            "tocsin_remote_write_damaged_records_total", help: "Records of the queue that could not be read.", labels)
        samplesIn = registry.counter(
            "prometheus_remote_storage_samples_in_total",
            help: "Samples that came to be sent, counted by every remote write.")
        exemplarsIn = registry.counter(
            "prometheus_remote_storage_exemplars_in_total",
            help: "Exemplars that came to be sent, counted by every remote write.")
        highestIn = registry.gauge(
            "prometheus_remote_storage_highest_timestamp_in_seconds",
            help: "Time of the newest sample that came to be sent.")
        // Dashboards want the series from the beginning, not from the first trouble on.
        for reason in DropReason.allCases { dropped(0, 0, reason) }
    }

    /// Counts what came, `newest` being its newest sample's time in milliseconds.
    func came(samples: Int, exemplars: Int, newest: Int64) {
        samplesIn.add(samples)
        exemplarsIn.add(exemplars)
        let seconds = Double(newest) / 1000
        if seconds > highestIn.current { highestIn.set(seconds) }
    }

    /// Counts that the server has taken a batch, `newest` being its newest sample's time in milliseconds. There is no such
    /// series before, as there is none of Prometheus's: alerts compare it with the newest that came.
    func sent(newest: Int64) {
        let gauge = registry.gauge(
            "prometheus_remote_storage_queue_highest_sent_timestamp_seconds",
            help: "Time of the newest sample that the server has taken.", labels)
        gauge.set(max(gauge.current, Double(newest) / 1000))
    }

    func dropped(_ samples: Int, _ exemplars: Int, _ reason: DropReason) {
        let labels = labels.overridden(by: ["reason": reason.rawValue])
        registry.counter(
            "prometheus_remote_storage_samples_dropped_total", help: "Samples that were not sent, by reason.", labels
        ).add(samples)
        registry.counter(
            "prometheus_remote_storage_exemplars_dropped_total", help: "Exemplars that were not sent, by reason.",
            labels
        ).add(exemplars)
    }

    /// Publishes the state of the queue, as it is when it is asked for.
    func publish(_ queue: DiskQueue, inMemory: @escaping @Sendable () -> Int) {
        func computed(_ name: String, _ help: String, _ read: @escaping @Sendable () -> Double) {
            registry.computed(name, help: help, labels, read)
        }
        computed("prometheus_remote_storage_samples_pending", "Samples that are not sent yet.") {
            Double(queue.samples + inMemory())
        }
        computed("tocsin_remote_write_queue_bytes", "Bytes that the queue takes on disk.") { Double(queue.size) }
        computed("tocsin_remote_write_lag_seconds", "How long the oldest sample that is not sent has waited.") {
            guard let oldest = queue.oldestArrival else { return 0 }
            return max(0, Double(Timestamp.now.milliseconds - oldest) / 1000)
        }
    }

    /// Forgets the series of this remote write.
    func remove() { registry.removeAll(matching: labels) }
}
