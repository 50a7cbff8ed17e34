import Synchronization
import Telemetry

/// What a file source counts beside lines and bytes.
struct FileMetrics: Sendable {
    let registry: MetricRegistry
    let source: String
    let paths = PathMetrics()
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
        registry.provide("files/\(source)") { [paths] in paths.families }
        lagBytes = registry.gauge("tocsin_source_lag_bytes", help: "Bytes known of but not yet read.", labels)
        lagSeconds = registry.gauge(
            "tocsin_source_lag_seconds", help: "Age of the oldest bytes not yet stored, in seconds.", labels)
    }

    /// The source ends.
    func withdraw() { registry.provide("files/\(source)", nil) }

    func lines(job: String) -> Counter {
        registry.counter(
            "tocsin_source_read_lines_total", help: "Lines read from the source.", ["source": source, "job": job])
    }

    func bytes(job: String) -> Counter {
        registry.counter(
            "tocsin_source_read_bytes_total", help: "Bytes read from the source.", ["source": source, "job": job])
    }
}

/// What is counted of one followed file. Safe from any thread.
final class PathCounts: Sendable {
    let path: String
    let lines = Atomic<UInt64>(0)
    /// As of the last look.
    let readBytes = Atomic<UInt64>(0)
    let fileBytes = Atomic<UInt64>(0)
    /// Its place in the list of all.
    fileprivate let index: Atomic<Int>

    fileprivate init(_ path: String, _ index: Int) {
        self.path = path
        self.index = Atomic(index)
    }
}

/// The series of all followed files, under promtail's names: made when they are asked for, because kept they would take
/// as much memory as everything else that is known of an idle file.
final class PathMetrics: Sendable {
    private let counts = Mutex<[PathCounts]>([])

    /// The counts of a path that is not there yet, exported from now on.
    func add(_ path: String) -> PathCounts {
        counts.withLock { counts in
            let made = PathCounts(path, counts.count)
            counts.append(made)
            return made
        }
    }

    func remove(_ gone: PathCounts) {
        counts.withLock { counts in
            let index = gone.index.load(ordering: .relaxed)
            guard counts.indices.contains(index), counts[index] === gone else { return }
            let last = counts.removeLast()
            guard last !== gone else { return }
            counts[index] = last
            last.index.store(index, ordering: .relaxed)
        }
    }

    var families: [MetricRegistry.Family] {
        let counts = counts.withLock { $0 }
        func family(
            _ name: String, _ help: String, _ type: MetricType, _ value: @escaping @Sendable (PathCounts) -> UInt64
        ) -> MetricRegistry.Family {
            var series: [LabelSet: MetricValue] = [:]
            series.reserveCapacity(counts.count)
            for count in counts { series[["path": count.path]] = .computed { Double(value(count)) } }
            return MetricRegistry.Family(name: name, help: help, type: type, series: series)
        }
        return [
            family("promtail_read_lines_total", "Number of lines read.", .counter) {
                $0.lines.load(ordering: .relaxed)
            },
            family("promtail_read_bytes_total", "Number of bytes read.", .gauge) {
                $0.readBytes.load(ordering: .relaxed)
            },
            family("promtail_file_bytes_total", "Number of bytes total.", .gauge) {
                $0.fileBytes.load(ordering: .relaxed)
            },
        ]
    }
}
