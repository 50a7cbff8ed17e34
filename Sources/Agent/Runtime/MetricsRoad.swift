import Exporter
import Logging
import Synchronization
import Telemetry

/// The metrics road of one agent: the host's collectors and the page that shows them. Brings what runs into line with a
/// configuration, touching only what changed.
final class MetricsRoad: Sendable {
    let page: MetricsPage
    private let metrics: MetricRegistry
    private let logger: Logger
    private let probes: ProbeRunner
    private let applied = Mutex<MetricsSection?>(nil)

    init(metrics: MetricRegistry, logger: Logger) {
        self.metrics = metrics
        self.logger = logger
        page = MetricsPage(metrics) { examples in
            logger.warning(
                "samples of one name and labels: the first is shown",
                metadata: ["samples": "\(examples.joined(separator: " "))"])
        }
        probes = ProbeRunner(
            metrics: metrics,
            onProblem: { probe, problem in
                if problem.isEmpty {
                    logger.info("probe succeeds", metadata: ["probe": "\(probe)"])
                } else {
                    logger.warning("probe fails", metadata: ["probe": "\(probe)", "problem": "\(problem)"])
                }
            })
        page.onRender { [probes] in probes.write(into: &$0) }
    }

    /// Ends what runs, after at most `deadline` seconds.
    func stop(deadline: Double) { probes.stop(deadline: deadline) }

    /// Throws, having touched nothing, when a collector's options are wrong.
    func apply(_ section: MetricsSection) throws {
        try applied.withLock { applied in
            guard applied != section else { return }
            // The one that can fail comes first.
            if applied?.host != section.host { page.host = try hostCollection(section.host) }
            try probes.apply(section.probes)
            applied = section
        }
    }

    private func hostCollection(_ host: HostConfiguration) throws -> HostCollection {
        let logger = logger
        return HostCollection(
            try host.makeCollectors(), sampleLimit: host.sampleLimit, metrics: metrics,
            onProblem: { collector, problem in
                if problem.isEmpty {
                    logger.info("collector is all right again", metadata: ["collector": "\(collector)"])
                } else {
                    logger.warning(
                        "collector has a problem", metadata: ["collector": "\(collector)", "problem": "\(problem)"])
                }
            })
    }
}
