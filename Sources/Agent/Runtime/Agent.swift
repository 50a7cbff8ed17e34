import Alerting
import CLinux
import Configuration
import Exporter
import Glibc
import Logging
import Logs
import Loki
import Rules
import ServiceLifecycle
import Synchronization
import Telemetry
import UnixSignals
import Web

/// The running agent: owns every part, starts them, reloads them, ends them in order.
final class Agent: Sendable {
    /// Where the configuration comes from.
    struct Origin: Sendable {
        /// Nil for the built-in defaults.
        var path: String?
        /// Overrides `state_dir`.
        var stateDirectory: String?
        /// Overrides `server.listen`.
        var addresses: [ListenAddress]?
    }

    let metrics = MetricRegistry()
    let readiness = Readiness()
    let logger: Logger
    private let origin: Origin
    private let current: Mutex<AgentConfiguration>
    private let road: LogRoad
    private let metricsRoad: MetricsRoad
    private let rulesRoad: RulesRoad
    private let alertingRoad: AlertingRoad
    private let jailsRoad: JailsRoad
    private let history: AlertHistory
    private let heartbeat: HeartbeatRoad
    private let reloads: ReloadMetrics
    /// nil without `server.web_config`.
    private let access: WebAccess?
    /// One reload at a time; they block.
    private let reloading = Mutex(())

    init(origin: Origin, configuration: AgentConfiguration, logger: Logger) throws {
        self.origin = origin
        self.logger = logger
        current = Mutex(configuration)
        reloads = ReloadMetrics(metrics)
        access = try configuration.server.webConfig.map { [metrics, readiness] path in
            try WebAccess(path: path, metrics: metrics, readiness: readiness, logger: logger)
        }
        try StateDirectory.prepare(configuration.stateDirectory)
        history = AlertHistory(
            stateDirectory: configuration.stateDirectory, section: configuration.alerting.history, metrics: metrics,
            readiness: readiness, logger: logger)
        alertingRoad = AlertingRoad(
            stateDirectory: configuration.stateDirectory, history: history, metrics: metrics, readiness: readiness,
            logger: logger)
        rulesRoad = try RulesRoad(
            stateDirectory: configuration.stateDirectory, section: configuration.rules, alerts: alertingRoad,
            history: history, metrics: metrics, readiness: readiness, logger: logger)
        heartbeat = HeartbeatRoad(
            groups: rulesRoad.groups, alerting: alertingRoad, metrics: metrics, readiness: readiness, logger: logger)
        metricsRoad = MetricsRoad(
            stateDirectory: configuration.stateDirectory, store: rulesRoad.store, metrics: metrics,
            readiness: readiness, logger: logger)
        road = try LogRoad(
            stateDirectory: configuration.stateDirectory, store: configuration.store, metrics: metrics,
            readiness: readiness, logger: logger)
        jailsRoad = JailsRoad(
            stateDirectory: configuration.stateDirectory, logs: road.store, alerts: alertingRoad, metrics: metrics,
            readiness: readiness, logger: logger)
    }

    /// The configuration as `origin` says, with its overrides.
    static func load(_ origin: Origin, logger: Logger?) throws(ConfigurationError) -> AgentConfiguration {
        var configuration = AgentConfiguration()
        if let path = origin.path {
            let file = try ConfigurationFile<AgentConfiguration>(path: path)
            for warning in file.warnings { logger?.warning("\(warning)") }
            configuration = file.contents
        }
        if let stateDirectory = origin.stateDirectory { configuration.stateDirectory = stateDirectory }
        if let addresses = origin.addresses { configuration.server.addresses = addresses }
        return configuration
    }

    /// Runs until SIGTERM or SIGINT; ends with everything flushed.
    func run() async throws {
        let configuration = current.withLock { $0 }
        let counters = WebMetrics(metrics)
        let server = WebServer(
            configuration: {
                var server = ServerConfiguration()
                server.addresses = configuration.server.addresses
                return server
            }(), router: routes(counters), logger: logger, access: access, metrics: counters)
        // First of all, so that a second agent on the same address fails before it reads anything.
        _ = try await server.start()
        var group = ServiceGroupConfiguration(
            services: [
                .init(
                    service: RoadService(
                        agent: self, road: road, metricsRoad: metricsRoad, rulesRoad: rulesRoad,
                        alertingRoad: alertingRoad, jailsRoad: jailsRoad, heartbeat: heartbeat, server: server,
                        access: access,
                        path: origin.path),
                    failureTerminationBehavior: .cancelGroup),
                .init(service: ReloadService(agent: self)),
            ], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        group.maximumGracefulShutdownDuration = .seconds(5)
        try await ServiceGroup(configuration: group).run()
        logger.info("ended")
    }

    /// Starts all parts. Blocks.
    func begin() throws {
        try reloading.withLock { _ in
            let configuration = current.withLock { $0 }
            let metrics = try metricsRoad.plan(configuration.metrics)
            let logs = try road.plan(configuration.logs, store: configuration.store)
            // Nothing can fail from here on, and the first collection should not find a configuration that was refused.
            reloads.succeeded()
            metricsRoad.apply(metrics)
            road.apply(logs)
            followHistories(configuration)
            jailsRoad.apply(configuration.jails, labels: ["instance": configuration.metrics.own.instance])
            // Before rules have anything to say.
            alertingRoad.apply(
                configuration.alerting, externalURL: RulesRoad.externalURL(configuration),
                externalLabels: configuration.metrics.global.externalLabels)
            rulesRoad.apply(configuration)
            heartbeat.apply(configuration.alerting)
        }
    }

    /// Reads the configuration again and applies what differs. A bad file changes nothing.
    func reload(because reason: String) throws {
        try reloading.withLock { _ in
            do {
                let new = try Self.load(origin, logger: logger)
                let old = current.withLock { $0 }
                guard new.stateDirectory == old.stateDirectory, new.server == old.server else {
                    throw ReloadRefusal(
                        "state_dir and server change only with a restart; nothing was changed")
                }
                guard new.rules.series == old.rules.series, new.rules.queries == old.rules.queries else {
                    throw ReloadRefusal(
                        "rules.series and rules.queries change only with a restart; nothing was changed")
                }
                // All that may fail comes before anything changes.
                let metrics = try metricsRoad.plan(new.metrics)
                let logs = try road.plan(new.logs, store: new.store)
                try access?.reload()
                metricsRoad.apply(metrics)
                road.apply(logs)
                followHistories(new)
                alertingRoad.apply(
                    new.alerting, externalURL: RulesRoad.externalURL(new),
                    externalLabels: new.metrics.global.externalLabels)
                rulesRoad.apply(new)
                heartbeat.apply(new.alerting)
                jailsRoad.apply(new.jails, labels: ["instance": new.metrics.own.instance])
                current.withLock { $0 = new }
                reloads.succeeded()
                logger.info("configuration reloaded", metadata: ["because": "\(reason)"])
            } catch {
                reloads.failed()
                logger.error(
                    "configuration not reloaded; the one before stays",
                    metadata: ["because": "\(reason)", "error": "\(error)"])
                throw error
            }
        }
    }

    /// What became of alerts and bans is told in the logs as well, where that is wanted.
    private func followHistories(_ configuration: AgentConfiguration) {
        road.follow(
            "alerts", configuration.alerting.history.isLogged ? AlertHistoryFeed(log: history.log) : nil)
        road.follow("bans", configuration.jails.isLogged ? BanHistoryFeed(jailsRoad.store) : nil)
    }

    private func routes(_ counters: WebMetrics) -> Router {
        BuildDescription(version: Version.current, revision: Version.revision).register(in: metrics)
        ProcessMetrics().register(in: metrics)
        ReadinessMetrics(readiness).register(in: metrics)
        var router = Router()
        if let access { router.add(AccessControl(access, metrics: counters)) }
        router.add(AddressPolicy())
        router.addMetrics(metricsRoad.page)
        router.addTargets { [metricsRoad] in metricsRoad.scraper.report }
        router.addAgentRoutes(readiness: readiness)
        router.addReload {
            do {
                try await Blocking.run(stackSize: QueryEngine.stackSize) {
                    try self.reload(because: "POST /-/reload")
                }
            } catch {
                throw HTTPError(500, "\(error)")
            }
        }
        let stateDirectory = current.withLock { $0.stateDirectory }
        router.addLogs(store: road.store, stateDirectory: stateDirectory)
        router.addRules(rulesRoad.groups, stateDirectory: stateDirectory, queries: rulesRoad.queries)
        router.addAlertHistory(history.log.files, stateDirectory: stateDirectory)
        router.addJails(jailsRoad, stateDirectory: stateDirectory)
        router.addHeartbeat(heartbeat, stateDirectory: stateDirectory)
        let started = Timestamp.now.milliseconds
        router.addAlertmanager(alertingRoad, stateDirectory: stateDirectory) { [self] in
            // Its own file where it has one, so that amtool can read it.
            let path = current.withLock { $0.alerting.file } ?? origin.path
            return AlertmanagerAPI(
                about: .init(
                    version: Version.current, startedAt: started,
                    configuration: path.map(ConfigurationText.read) ?? ""))
        }
        router.addQueries(
            rulesRoad, current.withLock { $0.rules }, path: origin.path, stateDirectory: stateDirectory,
            metadata: { [metricsRoad, rulesRoad] in
                metricsRoad.scraper.report.active.flatMap(\.metadata) + rulesRoad.store.families
            },
            alertmanagers: { [alertingRoad] in alertingRoad.alertmanagers }, lastReload: { [reloads] in reloads.last })
        return router
    }
}

/// Why a reload was refused.
struct ReloadRefusal: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// What Prometheus and promtail export about reloads.
private struct ReloadMetrics: Sendable {
    private let success: Gauge
    private let time: Gauge
    private let successes: Counter
    private let failures: Counter

    init(_ registry: MetricRegistry) {
        success = registry.gauge(
            "tocsin_config_reload_success", help: "Whether the last attempt to load the configuration succeeded.")
        time = registry.gauge(
            "tocsin_config_last_reload_timestamp_seconds", help: "When the configuration was last loaded.")
        successes = registry.counter(
            "promtail_config_reload_success_total", help: "Configurations loaded, under promtail's name.")
        failures = registry.counter(
            "promtail_config_reload_fail_total", help: "Configurations refused, under promtail's name.")
    }

    /// When the configuration was last loaded, and whether that succeeded.
    var last: (time: Timestamp, isSuccess: Bool) {
        (Timestamp(nanoseconds: Int64(time.current * 1e9)), success.current == 1)
    }

    func succeeded() {
        success.set(1)
        time.set(Double(Timestamp.now.nanoseconds) / 1e9)
        successes.add()
    }

    func failed() {
        success.set(0)
        failures.add()
    }
}
