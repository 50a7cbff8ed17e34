import Exporter
import Logging
import Synchronization
import Telemetry

/// The metrics road of one agent: collectors, probes, scrapes, the page that shows them and the servers they are sent to.
/// Brings what runs into line with a configuration, touching only what changed.
final class MetricsRoad: Sendable {
    let page: MetricsPage
    let scraper: Scraper
    private let metrics: MetricRegistry
    private let logger: Logger
    private let probes: ProbeRunner
    private let probeSeries: ProbeSeries
    private let ownSeries: OwnSeries
    private let sinks: SampleFanOut
    private let writers: RemoteWriters
    private let applied = Mutex<MetricsSection?>(nil)

    /// - Parameter store: takes every series, whatever else they are sent to.
    init(
        stateDirectory: String, store: any SampleSink, metrics: MetricRegistry, readiness: Readiness, logger: Logger
    ) {
        self.metrics = metrics
        self.logger = logger
        let page = MetricsPage(metrics) { examples in
            logger.warning(
                "samples of one name and labels: the first is shown",
                metadata: ["samples": "\(examples.joined(separator: " "))"])
        }
        self.page = page
        let sinks = SampleFanOut(always: [store])
        let probeSeries = ProbeSeries(sinks: sinks)
        let probes = ProbeRunner(
            metrics: metrics, report: { probeSeries.append($0, $1, at: $2) },
            onProblem: { Self.tell(logger, "probe", $0, $1) })
        page.onRender { probes.write(into: &$0) }
        ownSeries = OwnSeries(sinks: sinks) { [weak page] timeout, batch in
            page?.host?.collect(.all, timeout: timeout, into: &batch)
            metrics.write(into: &batch)
        }
        scraper = Scraper(
            sinks: [sinks], userAgent: "tocsin/\(Version.current)", metrics: metrics,
            onProblem: { Self.tell(logger, "job", $0, $1) })
        writers = RemoteWriters(
            stateDirectory: stateDirectory, metrics: metrics, readiness: readiness, logger: logger)
        self.sinks = sinks
        self.probes = probes
        self.probeSeries = probeSeries
    }

    /// What is to run, with all parts made that may not be had.
    struct Plan: Sendable {
        fileprivate let section: MetricsSection
        /// Nil where it has not changed.
        fileprivate let host: HostCollection?
        fileprivate let writers: RemoteWriters.Plan
        fileprivate let scrapes: Scraper.Plan
        fileprivate let probes: ProbeRunner.Plan
    }

    /// Throws, with what runs untouched, when a part cannot be made.
    func plan(_ section: MetricsSection) throws -> Plan {
        let applied = applied.withLock { $0 }
        return Plan(
            section: section, host: applied?.host == section.host ? nil : try hostCollection(section.host),
            writers: try writers.plan(section.remoteWrites), scrapes: try Scraper.Plan(section.scrapes),
            probes: try ProbeRunner.Plan(section.probes))
    }

    /// Switches to `plan`, which is the newest that was made.
    func apply(_ plan: Plan) {
        applied.withLock { applied in
            let section = plan.section
            guard applied != section else { return }
            if let host = plan.host { page.host = host }
            writers.apply(plan.writers, to: sinks)
            scraper.apply(plan.scrapes)
            probes.apply(plan.probes)
            probeSeries.keep(section.probes, at: .now)
            ownSeries.apply(section.own)
            applied = section
        }
    }

    /// Ends what runs and sends what is left, in at most `deadline` seconds.
    func stop(deadline: Double) {
        ownSeries.stop()
        scraper.stop(within: deadline / 6)
        probes.stop(deadline: deadline / 6)
        writers.stop(deadline: deadline / 2)
    }

    private func hostCollection(_ host: HostConfiguration) throws -> HostCollection {
        let logger = logger
        return HostCollection(
            try host.makeCollectors(), sampleLimit: host.sampleLimit, metrics: metrics,
            onProblem: { Self.tell(logger, "collector", $0, $1) })
    }

    private static func tell(_ logger: Logger, _ kind: String, _ name: String, _ problem: String) {
        if problem.isEmpty {
            logger.info("\(kind) is all right", metadata: ["\(kind)": "\(name)"])
        } else {
            logger.warning("\(kind) has a problem", metadata: ["\(kind)": "\(name)", "problem": "\(problem)"])
        }
    }
}
