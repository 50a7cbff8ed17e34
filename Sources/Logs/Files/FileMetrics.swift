import Telemetry

/// What a file source counts beside lines and bytes.
struct FileMetrics: Sendable {
    let registry: MetricRegistry
    let source: String
    let rotations: Counter
    let truncations: Counter
    let cutLines: Counter
    let truncatedLines: Counter
    let malformedLines: Counter
    let skippedNULBytes: Counter
    let lostBytes: Counter
    let droppedTargets: Counter
    let openFiles: Gauge
    let watches: Gauge
    let activeFiles: Gauge
    let lagBytes: Gauge
    let lagSeconds: Gauge

    init(_ registry: MetricRegistry, source: String) {
        self.registry = registry
        self.source = source
        let labels: LabelSet = ["source": source]
        func dropped(_ reason: String) -> Counter {
            registry.counter(
                "tocsin_file_dropped_total", help: "What a file source left out or could not read, by reason.",
                ["source": source, "reason": reason])
        }
        rotations = registry.counter(
            "tocsin_file_rotations_total", help: "Times a file was found replaced by a new one.", labels)
        truncations = registry.counter(
            "tocsin_file_truncations_total", help: "Times a file was found truncated or rewritten.", labels)
        cutLines = registry.counter(
            "tocsin_file_lines_cut_total", help: "Lines stored in pieces because of their length.", labels)
        truncatedLines = dropped("line_too_long")
        malformedLines = registry.counter(
            "tocsin_file_malformed_lines_total", help: "Lines stored as they are, not being of the file's format.",
            labels)
        skippedNULBytes = dropped("nul_bytes")
        lostBytes = dropped("bytes_gone_unread")
        droppedTargets = dropped("no_labels")
        openFiles = registry.gauge("tocsin_file_open_files", help: "Log files held open.", labels)
        watches = registry.gauge("tocsin_file_watches", help: "inotify watches in use.", labels)
        activeFiles = registry.gauge("promtail_files_active_total", help: "Number of active files.")
        lagBytes = registry.gauge("tocsin_source_lag_bytes", help: "Bytes known of but not yet read.", labels)
        lagSeconds = registry.gauge(
            "tocsin_source_lag_seconds", help: "Age of the oldest bytes not yet stored, in seconds.", labels)
    }

    func lines(job: String) -> Counter {
        registry.counter(
            "tocsin_source_read_lines_total", help: "Lines read from the source.", ["source": source, "job": job])
    }

    func bytes(job: String) -> Counter {
        registry.counter(
            "tocsin_source_read_bytes_total", help: "Bytes read from the source.", ["source": source, "job": job])
    }
}

/// The series of one followed file, under promtail's names.
struct PathMetrics {
    let lines: Counter
    let readBytes: Gauge
    let fileBytes: Gauge
    private let path: String
    private let registry: MetricRegistry

    init(_ registry: MetricRegistry, path: String) {
        self.path = path
        self.registry = registry
        let labels: LabelSet = ["path": path]
        lines = registry.counter("promtail_read_lines_total", help: "Number of lines read.", labels)
        readBytes = registry.gauge("promtail_read_bytes_total", help: "Number of bytes read.", labels)
        fileBytes = registry.gauge("promtail_file_bytes_total", help: "Number of bytes total.", labels)
    }

    func remove() {
        for name in ["promtail_read_lines_total", "promtail_read_bytes_total", "promtail_file_bytes_total"] {
            registry.remove(name, ["path": path])
        }
    }
}
