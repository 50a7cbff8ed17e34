import Logging
import Logs
import Loki
import Synchronization
import Telemetry
import Transport

/// The log road of one agent: sources, store, destinations. Brings what runs into line with a configuration, touching
/// only what changed.
final class LogRoad: Sendable {
    let store: LogStore
    private let metrics: MetricRegistry
    private let readiness: Readiness
    private let logger: Logger
    private let stateDirectory: String
    private let promtail: PromtailMetrics
    private let running = Mutex(Running())

    /// A source and what it was made from.
    private struct RunningSource: Sendable {
        var configuration: ScrapeConfiguration
        var supervisor: SourceSupervisor
    }

    /// A destination's shipper and what it was made from.
    private struct RunningShipper: Sendable {
        var configuration: ClientConfiguration
        var shipper: LokiShipper
    }

    private struct Running: Sendable {
        var sources: [String: RunningSource] = [:]
        var files: FileSource?
        var fileJobs: [ScrapeConfiguration] = []
        var fileSupervisor: SourceSupervisor?
        var histories: [String: (source: HistorySource, supervisor: SourceSupervisor)] = [:]
        var shippers: [String: RunningShipper] = [:]
        var cardinality: CardinalityGuard?
        var isStopped = false
    }

    /// Opens the store under `stateDirectory`.
    init(
        stateDirectory: String, store configuration: StoreConfiguration, metrics: MetricRegistry,
        readiness: Readiness, logger: Logger
    ) throws(StoreError) {
        self.stateDirectory = stateDirectory
        self.metrics = metrics
        promtail = PromtailMetrics(metrics)
        self.readiness = readiness
        self.logger = logger
        store = try LogStore(
            directory: stateDirectory + "/store", configuration: configuration, metrics: metrics,
            readiness: readiness, logger: logger)
    }

    /// What is to run, all that may be wrong with it looked at.
    struct Plan {
        fileprivate let logs: LogsSection
        fileprivate let store: StoreConfiguration
        fileprivate let sources: SourcePlan
    }

    /// Throws, with what runs untouched, when a part cannot be made.
    func plan(_ logs: LogsSection, store: StoreConfiguration) throws -> Plan {
        for client in logs.clients { _ = try HTTPTarget(parsing: client.url) }
        return Plan(logs: logs, store: store, sources: try SourcePlan(logs.scrapes))
    }

    /// Starts, restarts or stops what differs from what runs. Blocks while sources commit and end.
    func apply(_ plan: Plan) {
        let logs = plan.logs
        running.withLock { running in
            guard !running.isStopped else { return }
            store.reconfigure(plan.store)
            if running.cardinality?.limit != logs.limits.maxLabelValues {
                running.cardinality = CardinalityGuard(
                    limit: logs.limits.maxLabelValues, metrics: metrics, logger: logger)
            }
            applyShippers(logs.clients, &running)
            store.retain(destinations: logs.clients.map(\.name))
            applySources(plan.sources.sources, &running)
            applyFiles(plan.sources.fileJobs, &running)
            promtail.update(
                targets: plan.sources.sources.count + plan.sources.fileJobs.count,
                dockerJobs: Set(
                    logs.scrapes.compactMap { scrape in
                        if case .docker = scrape.source { scrape.jobName } else { nil }
                    }))
        }
    }

    /// Makes a history a stream of the store, `{job="tocsin", stream="NAME"}`; nil ends that.
    func follow(_ name: String, _ history: (any HistoryFeed)?) {
        running.withLock { running in
            guard !running.isStopped else { return }
            guard let history else { return Self.endHistory(name, &running) }
            guard running.histories[name] == nil else { return }
            let source = HistorySource(name, history)
            running.histories[name] = (source, SourceSupervisor(source, context: context(running.cardinality)))
        }
    }

    private static func endHistory(_ name: String, _ running: inout Running) {
        guard let (source, supervisor) = running.histories.removeValue(forKey: name) else { return }
        supervisor.requestStop()
        source.wake()
        supervisor.stop()
    }

    /// Ends all sources, gives the shippers `deadline` seconds for what is in the store, and closes it.
    func stop(deadline: Double) {
        running.withLock { running in
            running.isStopped = true
            let supervisors = running.sources.values.map(\.supervisor) + [running.fileSupervisor].compactMap { $0 }
            for supervisor in supervisors { supervisor.requestStop() }
            for name in Array(running.histories.keys) { Self.endHistory(name, &running) }
            for supervisor in supervisors { supervisor.stop() }
            let shippers = running.shippers.values.map(\.shipper)
            let workers = shippers.map { shipper in
                WorkerThread(name: "stop") { shipper.stop(deadline: deadline) }
            }
            for worker in workers { worker.join() }
            store.close()
        }
    }

    private func context(_ cardinality: CardinalityGuard?) -> SourceContext {
        var context = SourceContext(
            store: store, metrics: metrics, readiness: readiness, logger: logger, stop: StopToken())
        context.cardinality = cardinality
        return context
    }

    private func applyShippers(_ clients: [ClientConfiguration], _ running: inout Running) {
        let wanted = Dictionary(clients.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        for (name, shipper) in running.shippers where wanted[name] != shipper.configuration {
            shipper.shipper.stop(deadline: 2)
            running.shippers[name] = nil
            if wanted[name] == nil {
                shipper.shipper.remove()
                logger.info("destination removed", metadata: ["destination": "\(name)"])
            }
        }
        for client in clients where running.shippers[client.name] == nil {
            do throws(HTTPTargetError) {
                let shipper = try LokiShipper(
                    configuration: client, feed: store, metrics: metrics, readiness: readiness, logger: logger,
                    quarantineDirectory: stateDirectory + "/quarantine", userAgent: "tocsin/\(Version.current)")
                running.shippers[client.name] = RunningShipper(configuration: client, shipper: shipper)
                shipper.start()
                logger.info("destination started", metadata: ["destination": "\(client.name)"])
            } catch {
                // The plan has parsed the same URL; this keeps a difference from passing unseen.
                readiness.set("destination/\(client.name)", .failed("url: \(error)"))
            }
        }
    }

    private func applySources(_ planned: [SourcePlan.Planned], _ running: inout Running) {
        let wanted = Dictionary(planned.map { ($0.source.name, $0) }, uniquingKeysWith: { first, _ in first })
        for (name, source) in running.sources where wanted[name]?.configuration != source.configuration {
            source.supervisor.stop()
            running.sources[name] = nil
            logger.info("source stopped", metadata: ["source": "\(name)"])
        }
        for plan in planned where running.sources[plan.source.name] == nil {
            running.sources[plan.source.name] = RunningSource(
                configuration: plan.configuration,
                supervisor: SourceSupervisor(plan.source, context: context(running.cardinality)))
            logger.info("source started", metadata: ["source": "\(plan.source.name)"])
        }
    }

    private func applyFiles(_ jobs: [FileJob], _ running: inout Running) {
        guard running.fileJobs != jobs.map(\.configuration) else { return }
        running.fileJobs = jobs.map(\.configuration)
        if let files = running.files {
            files.reconfigure(jobs: jobs)
        } else if !jobs.isEmpty {
            let files = FileSource(jobs: jobs)
            running.files = files
            running.fileSupervisor = SourceSupervisor(files, context: context(running.cardinality))
        }
    }
}
