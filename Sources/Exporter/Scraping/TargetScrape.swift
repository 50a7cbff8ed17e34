import Bytes
import Synchronization
import Telemetry
import Transport

/// Why a scrape brought nothing.
struct ScrapeFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Scrapes one target at a time per thread: gets the page, turns it into samples of series, hands them to the sinks.
final class TargetScrape: Sendable {
    /// What is used by one scrape at a time, for as long as its page is taken apart. Unchecked: buffers of its own.
    private struct Scratch: ~Copyable, @unchecked Sendable {
        var batch = SampleBatch(sampleLimit: ScrapeLimits.samples, textLimit: 2 * ScrapeLimits.pageSize)
        var text = PrometheusTextParser()
        var openMetrics = OpenMetricsParser()
        var output = SeriesBatch()
    }

    private let sinks: [any SampleSink]
    private let userAgent: String
    private let stop: StopToken
    private let scratch = Mutex(Scratch())
    private let scrapes: Counter
    private let failures: Counter
    private let samples: Counter
    private let refused: Counter

    init(sinks: [any SampleSink], userAgent: String, metrics: MetricRegistry, stop: StopToken) {
        self.sinks = sinks
        self.userAgent = userAgent
        self.stop = stop
        scrapes = metrics.counter("tocsin_scrapes_total", help: "Scrapes of targets.")
        failures = metrics.counter("tocsin_scrape_failures_total", help: "Scrapes that brought no samples.")
        samples = metrics.counter("tocsin_scrape_samples_total", help: "Samples scraped, after relabelling.")
        refused = metrics.counter(
            "tocsin_scrape_samples_refused_total",
            help: "Samples left out as their timestamps were no later than the series' last, or too far ahead.")
    }

    /// Scrapes `target` now. `page` is the thread's own.
    func run(_ target: ScrapeTarget, page: inout ByteBuffer) {
        let begin = Timestamp.monotonic
        let now = Timestamp.now
        let time = Self.aligned(now, target).milliseconds
        page.removeAll()
        var bodySize = 0.0
        let format: Result<ScrapeProtocol, ScrapeFailure>
        do throws(ScrapeFailure) {
            format = .success(try fetch(target, into: &page, &bodySize))
        } catch {
            if stop.isStopped { return }
            page.removeAll()
            format = .failure(error)
        }
        let error = scratch.withLock { scratch in
            take(target, page, format, at: time, begin: begin, bodySize: bodySize, &scratch)
        }
        // Pages as large as the hard cap are no reason to keep so much.
        if page.capacity > 4 << 20 {
            page.removeAll()
            page.release()
        }
        var metadata: [MetricMetadata]?
        if target.cache.metadataChanges != target.metadataChanges {
            target.metadataChanges = target.cache.metadataChanges
            metadata = target.cache.metadata
        }
        scrapes.add(1)
        if error != nil { failures.add(1) }
        target.status.withLock { status in
            status.lastScrape = now
            status.lastDuration = Timestamp.monotonic.seconds(since: begin)
            status.lastError = error ?? ""
            if let metadata { status.metadata = metadata }
        }
    }

    /// The moment that was meant, where it is hardly past: samples at even distances are stored in fewer bytes.
    private static func aligned(_ now: Timestamp, _ target: ScrapeTarget) -> Timestamp {
        let tick = target.tick(before: now)
        let tolerance = min(2_000_000, target.intervalNanoseconds / 100)
        return now.nanoseconds - tick.nanoseconds <= tolerance ? tick : now
    }

    // MARK: The page

    private func fetch(
        _ target: ScrapeTarget, into page: inout ByteBuffer, _ bodySize: inout Double
    ) throws(ScrapeFailure) -> ScrapeProtocol {
        let forced = target.status.withLock { $0.forcedError }
        guard forced.isEmpty else { throw ScrapeFailure(forced) }
        let job = target.rules.job
        do throws(HTTPFailure) {
            if target.client == nil {
                target.client = try HTTPClient(
                    target.resolved.endpoint, configuration: job.http, userAgent: userAgent)
            }
        } catch {
            throw ScrapeFailure("\(error)")
        }
        // Prometheus's limit is the first size that is too much.
        let limit = job.bodySizeLimit > 0 ? job.bodySizeLimit - 1 : ScrapeLimits.pageSize
        let headers = [
            HTTPHeader("Accept", target.rules.accept),
            HTTPHeader("Accept-Encoding", job.enableCompression ? "gzip" : "identity"),
            HTTPHeader("X-Prometheus-Scrape-Timeout-Seconds", Self.seconds(target.resolved.timeout)),
        ]
        let answer: HTTPDocument?
        do throws(HTTPFailure) {
            answer = try target.client?.get(
                headers: headers, timeout: target.resolved.timeout, bodyLimit: limit, stop: stop, into: &page)
        } catch {
            throw ScrapeFailure("\(error)")
        }
        guard let document = answer else { throw ScrapeFailure("no client") }
        if document.status == 401 || document.status == 403 { _ = target.client?.reloadCredentials() }
        guard document.status == 200 else { throw ScrapeFailure("server returned HTTP status \(document.status)") }
        guard !document.isTooLong else {
            bodySize = -1
            throw ScrapeFailure("body size limit exceeded: the page has more than \(limit) bytes")
        }
        bodySize = Double(page.count)
        if let format = ScrapeProtocol.of(contentType: document.contentType) ?? job.fallbackScrapeProtocol {
            return format
        }
        let found = document.contentType.isEmpty ? "none" : "\"\(document.contentType)\""
        throw ScrapeFailure(
            "expected a content type of text/plain or application/openmetrics-text, found \(found); "
                + "fallback_scrape_protocol tells what to read it as")
    }

    private static func seconds(_ seconds: Double) -> String {
        seconds == seconds.rounded() ? "\(Int(seconds))" : "\(seconds)"
    }

    // MARK: The samples

    /// Hands what the page has to the sinks; returns what is wrong with it.
    private func take(
        _ target: ScrapeTarget, _ page: borrowing ByteBuffer, _ format: Result<ScrapeProtocol, ScrapeFailure>,
        at time: Int64, begin: Timestamp, bodySize: Double, _ scratch: inout Scratch
    ) -> String? {
        // While its page was on the way another target may have taken over, or nobody may want it any more.
        if target.status.withLock({ $0.isRetired }) { return nil }
        scratch.batch.removeAll()
        scratch.output.removeAll()
        target.inherit()
        target.cache.begin()
        var problem: String?
        switch format {
        case .failure(let failure): problem = failure.description
        case .success(let format):
            problem = Self.parse(page.bytes, format, &scratch)
            // What stands before an error is counted, as Prometheus does, and then taken back.
            do throws(SeriesError) {
                try target.cache.take(scratch.batch, at: time, into: &scratch.output)
            } catch {
                problem = problem ?? error.description
            }
        }
        if problem == nil {
            target.cache.finish(at: time, isEmpty: page.isEmpty, into: &scratch.output)
        } else {
            target.cache.fail(at: time, into: &scratch.output)
        }
        let counts = target.cache.counts
        samples.add(problem == nil ? counts.kept : 0)
        refused.add(counts.outOfOrder + counts.ahead)
        let values = [
            problem == nil ? 1 : 0, Timestamp.monotonic.seconds(since: begin), Double(counts.scraped),
            Double(counts.kept), Double(counts.added), target.resolved.timeout,
            Double(target.rules.job.limits.samples), bodySize,
        ]
        let series = target.reports.all(extra: target.rules.job.extraScrapeMetrics)
        for (series, value) in zip(series, values) {
            scratch.output.samples.append(SeriesSample(series: series, timestamp: time, value: value))
        }
        for sink in sinks { sink.append(scratch.output) }
        return problem
    }

    private static func parse(
        _ page: RawSpan, _ format: ScrapeProtocol, _ scratch: inout Scratch
    ) -> String? {
        do throws(ExpositionError) {
            if format.isOpenMetrics {
                try scratch.openMetrics.parseKeepingStart(page, into: &scratch.batch)
            } else {
                try scratch.text.parseKeepingStart(page, into: &scratch.batch)
            }
            return nil
        } catch {
            return error.description
        }
    }

    /// Ends the series of a target that is gone.
    func end(_ target: ScrapeTarget) {
        scratch.withLock { scratch in
            let isSucceeded = target.status.withLock { status in
                status.isEnded = true
                return status.isSucceeded
            }
            if isSucceeded { return }
            target.inherit()
            target.cache.begin()
            target.cache.fail(at: target.staleTime, into: &scratch.output)
            for series in target.reports.all(extra: target.rules.job.extraScrapeMetrics) {
                scratch.output.samples.append(
                    SeriesSample(series: series, timestamp: target.staleTime, value: StaleMarker.value))
            }
            for sink in sinks { sink.append(scratch.output) }
            target.release()
        }
    }
}
