import Exporter
import PushServer
import Synchronization
import Telemetry
import Testing

/// Keeps what it is given.
final class RecordingSink: SampleSink {
    private let samples = Mutex<[SeriesSample]>([])

    func append(_ batch: borrowing SeriesBatch) {
        let new = batch.samples
        samples.withLock { $0 += new }
    }

    var all: [SeriesSample] { samples.withLock { $0 } }

    /// `name{labels} value`, in the order of their coming; `scrape_duration_seconds` without its value.
    var lines: [String] {
        all.map { sample in
            var labels = sample.series.labels
            let name = labels["__name__"] ?? ""
            labels["__name__"] = nil
            if StaleMarker.isStale(sample.value) { return "\(name)\(labels) stale" }
            return "\(name)\(labels) \(name == "scrape_duration_seconds" ? "" : "\(sample.value)")"
        }
    }

    /// The values a metric had, stale markers left out.
    func values(_ name: String) -> [Double] {
        all.filter { $0.series.labels["__name__"] == name && !StaleMarker.isStale($0.value) }.map(\.value)
    }

    func markers(_ name: String) -> Int {
        all.count { $0.series.labels["__name__"] == name && StaleMarker.isStale($0.value) }
    }
}

/// Waits until `condition` holds, for at most `seconds`.
func eventually(_ seconds: Double = 10, _ condition: () -> Bool) async -> Bool {
    for _ in 0..<Int(seconds * 50) {
        if condition() { return true }
        try? await Task.sleep(nanoseconds: 20_000_000)
    }
    return condition()
}

/// A job with one target at `port`, scraped three times a second.
func job(_ name: String = "j", port: UInt16, _ configure: (inout MetricScrapeJob) -> Void = { _ in }) -> MetricScrapeJob
{
    var job = MetricScrapeJob(jobName: name)
    job.scrapeInterval = 0.3
    job.scrapeTimeout = 0.3
    job.discoveries = [.fixed([TargetGroup(targets: [["__address__": "127.0.0.1:\(port)"]])])]
    configure(&job)
    return job
}

/// A page as text/plain.
func page(_ body: String) -> PushServer.Reply {
    .status(200, headers: ["Content-Type: text/plain; version=0.0.4"], body: body)
}

extension Scraper {
    func apply(_ jobs: [MetricScrapeJob]) throws { apply(try Plan(jobs)) }
}
