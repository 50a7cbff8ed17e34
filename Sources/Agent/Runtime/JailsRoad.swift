import Bytes
import Configuration
import Jails
import Logging
import Logs
import Loki
import Synchronization
import Telemetry

/// The jails of one agent: what they read, whom they ban, and who enforces it. Brings what runs into line with a configuration.
final class JailsRoad: Sendable {
    /// What is to run, worked out before anything is changed.
    struct Plan: Sendable {
        var jails: [JailPlan]
        /// What is wrong with jails that do not run.
        var problems: [String]
        var section: JailsSection
    }

    private struct Running: Sendable {
        var crew: JailCrew
        var plans: [JailPlan]
        var section: JailsSection
    }

    let store: BanStore
    private let streams: StoredStreams
    private let observer: JailMetrics
    private let metrics: MetricRegistry
    private let readiness: Readiness
    private let logger: Logger
    private let firewall: Firewalls
    private let running = Mutex<Running?>(nil)
    private let shell: ShellRunner

    init(
        stateDirectory: String, logs: LogStore, metrics: MetricRegistry, readiness: Readiness, logger: Logger
    ) {
        store = BanStore(directory: "\(stateDirectory)/bans")
        for sentence in store.trouble { logger.error("state of bans: \(sentence)") }
        streams = StoredStreams(feed: logs) { StreamLabelsReader.read($0) }
        observer = JailMetrics(metrics, readiness: readiness, logger: logger)
        self.metrics = metrics
        self.readiness = readiness
        self.logger = logger
        firewall = Firewalls(metrics: metrics, readiness: readiness, logger: logger)
        shell = ShellRunner()
        observer.provide { [weak self] in self?.statuses ?? [] }
        BanStoreMetrics(store).register(in: metrics)
    }

    private var crew: JailCrew? { running.withLock { $0?.crew } }

    /// How each jail is doing.
    var statuses: [(plan: JailPlan, status: JailStatus)] { crew?.ask { $0.statuses } ?? [] }

    /// Has the crew's thread do something; throws where no jail runs.
    func ask<Answer: Sendable>(_ body: @escaping @Sendable (CrewCore) -> Answer) throws(BanActionError) -> Answer {
        guard let crew else { throw BanActionError("no jail runs: see jails: in the configuration") }
        guard let answer = crew.ask(body) else { throw BanActionError("the jails do not answer; is the agent ending?") }
        return answer
    }

    // MARK: Configuration

    /// Reads fail2ban's configuration and works out the jails. What is wrong with one does not stop the others.
    func plan(_ section: JailsSection) -> Plan { JailPlanner(section).plan() }

    func apply(_ plan: Plan) {
        for problem in plan.problems { logger.error("jails: \(problem)") }
        let old = running.withLock { $0 }
        if let old, old.plans.map(\.fingerprint) == plan.jails.map(\.fingerprint), old.section == plan.section { return }
        let names = Set(plan.jails.map(\.settings.name))
        if let old {
            old.crew.stop(within: 3, removed: Set(old.plans.map(\.settings.name)).subtracting(names))
            running.withLock { $0 = nil }
        }
        observer.expect(plan.jails.map(\.settings.name))
        guard !plan.jails.isEmpty else {
            readiness.remove("jails")
            return
        }
        let firewall = firewall
        firewall.apply(plan.section.firewall, ignored: plan.section.ignored)
        let crew = JailCrew(
            plan.jails,
            CrewSurroundings(
                store: store, streams: streams, observer: observer, guarding: firewall.guarding, commands: shell,
                banLog: plan.section.banLog.map { BanLog(path: $0) },
                makeLane: { [metrics, readiness, store] action, jail in
                    firewall.lane(
                        action, of: plan.jails.first { $0.settings.name == jail }?.settings ?? JailSettings(name: jail),
                        metrics: metrics, readiness: readiness, holding: { store.bans(of: jail, withGroups: true) })
                }))
        running.withLock { $0 = Running(crew: crew, plans: plan.jails, section: plan.section) }
    }

    func look() {
        let failure = store.numbers.failure
        readiness.set("bans", failure.map { .degraded("the state of bans cannot be written: \($0)") } ?? .ok)
    }

    /// Ends; bans stay in force.
    func stop() {
        let crew = running.withLock { running in
            defer { running = nil }
            return running?.crew
        }
        crew?.stop(within: 2)
        store.commit()
    }
}
