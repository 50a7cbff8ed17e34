import Alerting
import Logging
import Rules
import Synchronization
import Telemetry

/// Alerts on their way to people: runs a dispatcher while there is a configuration for it.
final class AlertingRoad: AlertSink {
    private struct Running: Sendable {
        var dispatcher: AlertDispatcher
        var stop: StopToken
        var thread: WorkerThread
    }

    private let directory: String
    private let observer: AlertingMetrics
    private let history: AlertHistory
    /// Which receivers fail.
    let health = DeliveryHealth()
    private let metrics: MetricRegistry
    private let readiness: Readiness
    private let logger: Logger
    private let running = Mutex<Running?>(nil)
    private let forwarding: ForwardingRoad
    /// Whether it is known if there is a configuration.
    private let hasBegun = Atomic<Bool>(false)

    init(
        stateDirectory: String, history: AlertHistory, metrics: MetricRegistry, readiness: Readiness, logger: Logger
    ) {
        self.history = history
        directory = "\(stateDirectory)/alerts"
        observer = AlertingMetrics(metrics, logger: logger)
        self.metrics = metrics
        self.readiness = readiness
        self.logger = logger
        forwarding = ForwardingRoad(directory: directory, metrics: metrics, logger: logger)
    }

    /// While parts start, a client has to come again.
    var isStarting: Bool { !hasBegun.load(ordering: .acquiring) }

    /// nil without a configuration.
    var dispatcher: AlertDispatcher? { running.withLock { $0?.dispatcher } }

    /// The Alertmanagers that alerts go to, and those that relabelling drops.
    var alertmanagers: (active: [String], dropped: [String]) { forwarding.alertmanagers }

    func take(_ alerts: [AlertNotice]) {
        if let forwarder = forwarding.forwarder { forwarder.take(alerts) } else { dispatcher?.take(alerts) }
    }

    /// Brings what runs into line with a configuration.
    func apply(_ section: AlertingSection, externalURL: String, externalLabels: LabelSet) {
        history.apply(section.history)
        applyDispatcher(section, externalURL)
        var configuration = section.forwarding
        configuration.externalLabels = externalLabels
        forwarding.apply(configuration) { [weak self] in self?.dispatcher }
        hasBegun.store(true, ordering: .releasing)
    }

    private func applyDispatcher(_ section: AlertingSection, _ externalURL: String) {
        guard var configuration = section.configuration, let templates = configuration.templates else {
            return stopDispatcher()
        }
        let url = section.externalURL.isEmpty ? externalURL : section.externalURL
        let environment = ReceiverEnvironment(
            templates: templates, userAgent: "tocsin/\(Version.current)",
            templateFailed: { [observer] kind, key, error in observer.templateFailed(kind, key, "\(error)") })
        let integrations = configuration.makeIntegrations(environment)
        if let dispatcher {
            dispatcher.reconfigure(configuration, integrations: integrations, externalURL: url)
        } else {
            start(configuration, integrations, url)
        }
        look()
    }

    private func start(
        _ configuration: AlertingConfiguration, _ integrations: [String: [any Integration]], _ url: String
    ) {
        let stop = StopToken()
        let dispatcher = AlertDispatcher(
            configuration, integrations: integrations, directory: directory, externalURL: url, stop: stop,
            observer: AlertingObservers([observer, history.log, health]))
        for sentence in dispatcher.trouble { logger.error("state of alerting: \(sentence)") }
        let thread = WorkerThread(name: "alerting") { dispatcher.run() }
        running.withLock { $0 = Running(dispatcher: dispatcher, stop: stop, thread: thread) }
        observer.watch(dispatcher, metrics)
    }

    /// Tells how the state on disk is doing.
    func look() {
        history.look()
        let forwarder = forwarding.forwarder
        guard dispatcher != nil || forwarder != nil else { return readiness.remove("alerting") }
        let failure = dispatcher?.failure ?? forwarder?.failure
        readiness.set("alerting", failure.map { .degraded("its state cannot be written: \($0)") } ?? .ok)
    }

    /// Ends the dispatcher; what is under way is told again after the next start.
    func stop() {
        forwarding.stop()
        stopDispatcher()
    }

    private func stopDispatcher() {
        guard
            let ended = running.withLock({ running in
                defer { running = nil }
                return running
            })
        else { return }
        ended.stop.stop()
        ended.dispatcher.wake()
        ended.thread.join()
        readiness.remove("alerting")
    }
}

/// Several who want to hear of alerts.
struct AlertSinks: AlertSink {
    var sinks: [any AlertSink]

    func take(_ alerts: [AlertNotice]) { for sink in sinks { sink.take(alerts) } }
}
