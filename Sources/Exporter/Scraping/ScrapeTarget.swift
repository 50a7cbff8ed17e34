import Bytes
import Synchronization
import Telemetry
import Transport

/// What the targets of a job share.
final class ScrapeJobRules: Sendable {
    let job: MetricScrapeJob
    let relabeler: Relabeler
    let metricRelabeler: Relabeler?
    let accept: String

    init(_ job: MetricScrapeJob) throws(RelabelError) {
        self.job = job
        relabeler = try Relabeler(job.relabelRules)
        metricRelabeler = job.metricRelabelRules.isEmpty ? nil : try Relabeler(job.metricRelabelRules)
        accept = ScrapeProtocol.accept(job.scrapeProtocols)
    }

    func seriesRules(_ labels: LabelSet) -> SeriesRules {
        var rules = SeriesRules(targetLabels: labels)
        rules.honorsLabels = job.honorLabels
        rules.honorsTimestamps = job.honorTimestamps
        rules.tracksTimestampStaleness = job.trackTimestampsStaleness
        rules.relabeler = metricRelabeler
        rules.limits = job.limits
        return rules
    }
}

/// One target and all that is kept for it.
///
/// Unchecked, as what is not constant or under a lock is used only by the worker that has taken the target out of the
/// queue, and before it has been put there first.
final class ScrapeTarget: @unchecked Sendable {
    /// How its last scrape went.
    struct Status: Sendable {
        /// Nil before the first.
        var lastScrape: Timestamp?
        var lastDuration = 0.0
        /// Empty for none.
        var lastError = ""
        /// Of all targets of a job with too many; empty for none.
        var forcedError = ""
        /// No longer wanted.
        var isRetired = false
        /// Another target goes on with its series.
        var isSucceeded = false
        /// Its series have got their markers, or it never had any.
        var isEnded = false
        /// Of the families seen so far.
        var metadata: [MetricMetadata] = []
    }

    let rules: ScrapeJobRules
    let resolved: ResolvedTarget
    let status = Mutex(Status())

    // Of the worker.
    var cache: SeriesCache
    var client: HTTPClient?
    let reports: ReportSeries
    /// The target whose series this one goes on with, until it has them.
    var predecessor: ScrapeTarget?
    /// Changes of the cache's metadata that `status` has.
    var metadataChanges = 0
    /// When its series are to be marked as ended, milliseconds since 1970; 0 before it has been retired.
    var staleTime: Int64 = 0

    init(_ resolved: ResolvedTarget, _ rules: ScrapeJobRules, after predecessor: ScrapeTarget? = nil) {
        self.rules = rules
        self.predecessor = predecessor
        self.resolved = resolved
        cache = SeriesCache(rules.seriesRules(resolved.labels))
        reports = predecessor?.reports ?? ReportSeries(resolved.labels)
    }

    /// Takes over the series of those before it. Under the lock of whoever scrapes.
    func inherit() {
        guard let before = predecessor else { return }
        before.inherit()
        cache.adopt(before.cache)
        predecessor = nil
    }

    /// Where in each interval it is scraped, nanoseconds from 0 to the interval: the same for the same target, spread over
    /// the interval for different ones.
    var offset: Int64 {
        let identity = Array("\(resolved.url)\(resolved.labels)".utf8)
        return Int64(identity.span.bytes.fnv1a % UInt64(max(1, intervalNanoseconds)))
    }

    /// Gives back what it holds, when no more will come of it. Of the worker, under the lock of whoever scrapes.
    func release() {
        client = nil
        cache = SeriesCache(SeriesRules(targetLabels: [:]))
        predecessor = nil
        status.withLock { $0.metadata = [] }
    }

    /// Whether it is retired and no more will come of it.
    var isOver: Bool { status.withLock { $0.isSucceeded || $0.isEnded } }

    var intervalNanoseconds: Int64 { Int64(resolved.interval * 1e9) }

    /// The last moment at or before `time` at which it was due, wall clock.
    func tick(before time: Timestamp) -> Timestamp {
        let since = (time.nanoseconds - offset) % intervalNanoseconds
        return Timestamp(nanoseconds: time.nanoseconds - (since < 0 ? since + intervalNanoseconds : since))
    }
}

/// The series that are about the scrape itself.
final class ReportSeries: Sendable {
    let up: Series
    let duration: Series
    let scraped: Series
    let kept: Series
    let added: Series
    let timeout: Series
    let sampleLimit: Series
    let bodySize: Series

    init(_ labels: LabelSet) {
        func series(_ name: String, _ help: String, unit: String = "") -> Series {
            var all = labels
            all["__name__"] = name
            return Series(
                labels: all, metadata: MetricMetadata(name: name, type: .gauge, help: help, unit: unit))
        }
        up = series("up", "1 if the last scrape of the target went well, else 0.")
        duration = series("scrape_duration_seconds", "How long the last scrape took.", unit: "seconds")
        scraped = series("scrape_samples_scraped", "Samples of the last scrape.")
        kept = series("scrape_samples_post_metric_relabeling", "Samples of the last scrape after relabelling.")
        added = series("scrape_series_added", "Series of the last scrape that were not known.")
        timeout = series("scrape_timeout_seconds", "What a scrape of the target may take.", unit: "seconds")
        sampleLimit = series("scrape_sample_limit", "Samples that a scrape of the target may have, 0 for any.")
        bodySize = series(
            "scrape_body_size_bytes", "Bytes of the last page, uncompressed; -1 for too many.", unit: "bytes")
    }

    /// Those that are written, in order.
    func all(extra: Bool) -> [Series] {
        [up, duration, scraped, kept, added] + (extra ? [timeout, sampleLimit, bodySize] : [])
    }
}
