import Synchronization
import Telemetry

/// The host's own page as series for the sinks, as if a Prometheus had scraped it: with `job`, `instance`, `up` and the
/// like, so that dashboards work the same whether it is pulled or pushed.
///
/// A thread collects at each interval, as long as there is a sink. Safe from any thread.
package final class OwnSeries: Sendable {
    /// What the series are called and how often they are collected.
    package struct Configuration: Sendable, Equatable {
        package var job = "node"
        package var instance: String
        /// Seconds.
        package var interval = 15.0
        /// Seconds that a collection may take.
        package var timeout = 10.0

        package init(instance: String) { self.instance = instance }
    }

    private let sinks: SampleFanOut
    private let collect: @Sendable (_ timeout: Double, inout SampleBatch) -> Void
    private let running = Mutex<(configuration: Configuration, stop: StopToken, thread: WorkerThread)?>(nil)

    /// - Parameter collect: adds the page's samples to a batch.
    package init(sinks: SampleFanOut, collect: @escaping @Sendable (Double, inout SampleBatch) -> Void) {
        self.sinks = sinks
        self.collect = collect
    }

    /// Collects from now on as `configuration` says; nil for not at all.
    package func apply(_ configuration: Configuration?) {
        running.withLock { running in
            guard running?.configuration != configuration else { return }
            if let old = running {
                old.stop.stop()
                old.thread.join()
                running = nil
            }
            guard let configuration else { return }
            let stop = StopToken()
            let thread = WorkerThread(name: "own-series") { [sinks, collect] in
                Self.run(configuration, sinks, collect, stop)
            }
            running = (configuration, stop, thread)
        }
    }

    /// Ends without stale markers: the next start goes on.
    package func stop() { apply(nil) }

    private static func run(
        _ configuration: Configuration, _ sinks: SampleFanOut,
        _ collect: @Sendable (Double, inout SampleBatch) -> Void, _ stop: StopToken
    ) {
        var rules = SeriesRules(targetLabels: ["job": configuration.job, "instance": configuration.instance])
        rules.keepsCreatedSeries = false
        rules.namesUnits = true
        var cache = SeriesCache(rules)
        var batch = SampleBatch()
        var output = SeriesBatch()
        var next = Timestamp.monotonic
        while !stop.isStopped {
            let time = Timestamp.now.milliseconds
            batch.removeAll()
            output.removeAll()
            let start = Timestamp.monotonic
            collect(min(configuration.timeout, configuration.interval), &batch)
            let seconds = Timestamp.monotonic.seconds(since: start)
            report(seconds, &batch)
            cache.begin()
            do throws(SeriesError) {
                try cache.take(batch, at: time, into: &output)
                cache.finish(at: time, into: &output)
            } catch {
                // Without limits there is nothing to exceed but a series without a name, which no collector writes.
                cache.fail(at: time, into: &output)
            }
            sinks.append(output)
            // Missed times are left out, not made up for.
            repeat { next = next.adding(seconds: configuration.interval) } while next < Timestamp.monotonic
            stop.wait(seconds: next.seconds(since: .monotonic))
        }
    }

    /// What Prometheus adds to a scrape, in the words of `ReportSeries`: families have one description.
    private static func report(_ seconds: Double, _ batch: inout SampleBatch) {
        let count = Double(batch.samples.count)
        batch.sample("up", .gauge, "1 if the last scrape of the target went well, else 0.", 1)
        batch.sample("scrape_duration_seconds", .gauge, "How long the last scrape took.", seconds)
        batch.sample("scrape_samples_scraped", .gauge, "Samples of the last scrape.", count)
        batch.sample(
            "scrape_samples_post_metric_relabeling", .gauge, "Samples of the last scrape after relabelling.", count)
    }
}
