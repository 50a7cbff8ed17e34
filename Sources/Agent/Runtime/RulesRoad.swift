import Alerting
import Bytes
import Configuration
import Logging
import Rules
import Synchronization
import Telemetry
import Web

/// The rules of one agent: the series store they read and write, their groups, and what is asked about them.
/// Brings what runs into line with a configuration.
final class RulesRoad: Sendable {
    /// Where every sample goes that the agent collects, scrapes, probes or records.
    let store: SeriesStore
    let groups: RuleGroups
    /// Ends what others ask for when the agent stops.
    let queries = QueryCancellation()
    private let language: RuleLanguage
    private let readiness: Readiness
    private let logger: Logger
    private let lookback: Int64
    /// One change at a time.
    private let applying = Mutex(())

    init(
        stateDirectory: String, section: RulesSection, alerts: any AlertSink, history: AlertHistory,
        metrics: MetricRegistry, readiness: Readiness, logger: Logger
    ) throws {
        self.readiness = readiness
        self.logger = logger
        lookback = Int64(section.queries.lookbackDelta * 1000)
        store = try SeriesStore(
            configuration: section.series.store(in: "\(stateDirectory)/series"), metrics: metrics)
        language = .promQL(section.queryOptions)
        groups = RuleGroups(
            directory: "\(stateDirectory)/alerts", language: language, source: store, output: store,
            alerts: AlertSinks(sinks: [LoggedAlerts(logger: logger), alerts]), metrics: metrics, readiness: readiness,
            onTransitions: { group, transitions in history.log.note(transitions, group: group) },
            onProblem: { group, rule, problem in Self.tell(logger, group, rule, problem) })
    }

    /// Reads the rule files again and applies what changed in them. A file or group that is wrong leaves the rest alone.
    func apply(_ configuration: AgentConfiguration) {
        let section = configuration.rules
        let options = Self.options(configuration)
        let paths = RuleFile.paths(matching: section.files)
        let files =
            (section.hasDefaultPack ? DefaultPack.files(language) : [])
            + paths.map { RuleFile(path: $0, language: language, timeIntervals: options.timeIntervals) }
        applying.withLock { _ in
            store.setRetention(
                minimum: Int64(section.series.retention * 1000),
                longer: files.flatMap {
                    $0.reaches(
                        interval: options.evaluationInterval, queryOffset: options.queryOffset, lookback: lookback)
                }.filter { $0.milliseconds > Int64(section.series.retention * 1000) }
                    .map { ($0.matchers, $0.milliseconds) })
            store.start()
            groups.apply(files, options)
            log(files)
        }
        look()
    }

    static func options(_ configuration: AgentConfiguration) -> RuleOptions {
        let section = configuration.rules
        var options = RuleOptions()
        options.evaluationInterval = Int64(section.evaluationInterval * 1000)
        options.queryOffset = Int64(section.queryOffset * 1000)
        options.resendDelay = Int64(section.resendDelay * 1000)
        options.outageTolerance = Int64(section.outageTolerance * 1000)
        options.noData = section.noData
        options.externalLabels = configuration.metrics.global.externalLabels
        options.externalURL = externalURL(configuration)
        options.timeIntervals = configuration.alerting.configuration?.timeIntervals ?? [:]
        return options
    }

    /// What links in alerts begin with.
    static func externalURL(_ configuration: AgentConfiguration) -> String {
        let url = configuration.rules.externalURL
        return url.isEmpty ? Self.url(of: configuration.server) : url
    }

    /// Where the server answers, as far as its configuration tells.
    private static func url(of server: ServerSection) -> String {
        for case .tcp(let host, let port) in server.addresses {
            let name = host ?? "localhost"
            return "\(server.webConfig == nil ? "http" : "https")://\(name.contains(":") ? "[\(name)]" : name):\(port)"
        }
        return ""
    }

    /// Tells how the store is doing.
    func look() { readiness.set("series", store.trouble.map { .degraded($0) } ?? .ok) }

    /// Ends evaluations, then writes what the store has, within about `deadline` seconds.
    func stop(deadline: Double) {
        groups.stop(deadline: deadline)
        store.stop()
    }

    private func log(_ files: [RuleFile]) {
        for problem in files.flatMap(\.problems) { logger.error("rule file: \(problem)") }
        for warning in files.flatMap(\.warnings) { logger.warning("rule file: \(warning)") }
    }

    private static func tell(_ logger: Logger, _ group: String, _ rule: String, _ problem: String) {
        let place: Logger.Metadata = ["group": "\(group)", "rule": "\(rule)"]
        if problem.isEmpty {
            logger.info("rule is all right", metadata: place)
        } else {
            logger.warning("rule has a problem", metadata: place.merging(["problem": "\(problem)"]) { $1 })
        }
    }
}

extension SeriesSection {
    /// As the store wants it.
    func store(in directory: String) -> SeriesStoreConfiguration {
        var configuration = SeriesStoreConfiguration(directory: directory)
        configuration.seriesLimit = maxSeries
        configuration.memoryLimit = maxMemory
        configuration.diskLimit = maxDisk
        configuration.lateWindow = Int64(outOfOrderWindow * 1000)
        configuration.minimumRetention = Int64(retention * 1000)
        return configuration
    }
}

extension RulesSection {
    /// As the engine wants it. A subquery that names no step has the interval of evaluation, as in Prometheus.
    var queryOptions: QueryOptions {
        var options = QueryOptions()
        options.lookback = Int64(queries.lookbackDelta * 1000)
        options.subqueryStep = Int64(evaluationInterval * 1000)
        options.maximalSamples = queries.maxSamples
        options.timeout = queries.timeout
        options.countsFromBirth = true
        return options
    }
}
