import Alerting
import Glibc
import Logging
import Rules
import Synchronization
import Telemetry

/// Alerts on their way to other Alertmanagers: runs a forwarder while the configuration wants one.
final class ForwardingRoad: Sendable {
    private struct Running: Sendable {
        var forwarder: AlertForwarder
        var thread: WorkerThread
    }

    private let directory: String
    private let metrics: MetricRegistry
    private let logger: Logger
    private let running = Mutex<Running?>(nil)
    /// Seconds for which what is queued is still sent at the end.
    private static let patience = 1.0

    init(directory: String, metrics: MetricRegistry, logger: Logger) {
        self.directory = directory
        self.metrics = metrics
        self.logger = logger
    }

    /// nil where alerts are told from here alone.
    var forwarder: AlertForwarder? { running.withLock { $0?.forwarder } }

    var alertmanagers: (active: [String], dropped: [String]) { forwarder?.alertmanagers ?? ([], []) }

    /// Brings what runs into line with a configuration.
    ///
    /// - Parameter dispatcher: who tells people from here; nil where nobody does.
    func apply(_ configuration: ForwardingConfiguration, dispatcher: @escaping @Sendable () -> AlertDispatcher?) {
        guard configuration.policy != .local, !configuration.alertmanagers.isEmpty else {
            stop()
            return forget()
        }
        if let forwarder {
            if (forwarder.policy == .both) == (configuration.policy == .both) {
                return forwarder.reconfigure(configuration)
            }
            stop()
        }
        if configuration.policy == .both { forget() }
        let forwarder = AlertForwarder(
            configuration, directory: directory, userAgent: "tocsin/\(Version.current)", metrics: metrics,
            told: { dispatcher()?.withEngine { engine, now in engine.firing(at: now) } ?? [] },
            local: { dispatcher()?.take($0) }, say: { [logger] url, failure in Self.tell(logger, url, failure) })
        for sentence in forwarder.trouble { logger.error("state of alerting: \(sentence)") }
        let thread = WorkerThread(name: "forwarding") { forwarder.run() }
        running.withLock { $0 = Running(forwarder: forwarder, thread: thread) }
        metrics.onCollect { [weak forwarder] metrics in
            guard let forwarder else { return }
            let counts = forwarder.counts
            for (state, count) in [("waiting", counts.waiting), ("local", counts.local)] {
                metrics.gauge(
                    "tocsin_forwarding_alerts",
                    help: "Alerts that no Alertmanager has taken yet, and those that this agent tells of instead.",
                    ["state": state]
                ).set(count)
            }
            metrics.gauge(
                "prometheus_notifications_alertmanagers_discovered", help: "Alertmanagers that alerts are sent to."
            ).set(forwarder.alertmanagers.active.count)
        }
    }

    /// Where this agent tells of everything nothing is kept: whoever falls back next begins with what was told until then.
    private func forget() { unlink("\(directory)/forwarding.state") }

    /// Sends what is queued, as far as that is quick, and ends.
    func stop() {
        guard
            let ended = running.withLock({ running in
                defer { running = nil }
                return running
            })
        else { return }
        ended.forwarder.end(within: Self.patience)
        ended.thread.join()
    }

    private static func tell(_ logger: Logger, _ url: String, _ failure: String?) {
        guard let failure else {
            return logger.info("an Alertmanager takes alerts again", metadata: ["url": "\(url)"])
        }
        logger.warning("an Alertmanager does not take alerts", metadata: ["url": "\(url)", "reason": "\(failure)"])
    }
}
