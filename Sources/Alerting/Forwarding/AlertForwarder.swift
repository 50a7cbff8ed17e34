import Rules
import Telemetry
import Transport

/// Sends alerts to Alertmanagers as Prometheus does, and hands on to this agent's own dispatcher those that it has to tell of itself.
/// Safe from any thread.
package final class AlertForwarder: AlertSink {
    private struct State {
        var configuration = ForwardingConfiguration()
        var relabeler: Relabeler?
        var queues: [AlertmanagerQueue] = []
        var dropped: [String] = []
        var ledger: FallbackLedger
        var log: FallbackLog
    }

    private let state: Condition<State>
    private let ending = StopToken()
    private let userAgent: String
    private let metrics: MetricRegistry
    private let local: @Sendable ([AlertNotice]) -> Void
    private let say: @Sendable (_ url: String, _ failure: String?) -> Void
    /// What was wrong with the state on disk when it was read.
    package let trouble: [String]
    /// Seconds after which the clock is looked at again, in case somebody set it.
    private static let longestSleep = 60.0

    /// - Parameters:
    ///   - directory: where the state is kept.
    ///   - told: the alerts that this agent told of before it forwarded any.
    ///   - local: takes what this agent is to tell of; called under a lock.
    ///   - say: told when an Alertmanager begins to fail, and with nil when it works again.
    package init(
        _ configuration: ForwardingConfiguration, directory: String, userAgent: String, metrics: MetricRegistry,
        told: () -> [AlertID], local: @escaping @Sendable ([AlertNotice]) -> Void,
        say: @escaping @Sendable (_ url: String, _ failure: String?) -> Void
    ) {
        self.userAgent = userAgent
        self.metrics = metrics
        self.local = local
        self.say = say
        let log = FallbackLog(directory: directory)
        trouble = log.trouble
        var ledger = FallbackLedger(log.saved ?? [], at: Timestamp.now.milliseconds)
        if log.saved == nil, configuration.policy != .both {
            ledger.adopt(told(), at: Timestamp.now.milliseconds)
            log.write(ledger.takeChanges(), all: { [ledger] in ledger.all })
        }
        state = Condition(State(ledger: ledger, log: log))
        reconfigure(configuration)
    }

    /// Takes another configuration. Queues whose Alertmanager is as it was stay.
    package func reconfigure(_ configuration: ForwardingConfiguration) {
        let ended = state.withLock { state -> [AlertmanagerQueue] in
            guard state.configuration != configuration else { return [] }
            state.configuration = configuration
            // Rules that cannot be used are refused when the configuration is read.
            state.relabeler = try? Relabeler(configuration.alertRelabeling)
            let (active, dropped) = configuration.endpoints()
            let before = state.queues
            state.dropped = dropped
            state.queues = active.map { endpoint in
                before.first { $0.endpoint == endpoint } ?? queue(endpoint)
            }
            return before.filter { old in !state.queues.contains { $0 === old } }
        }
        let kept = state.withLock { $0.queues.map(\.endpoint.target.description) }
        for queue in ended {
            queue.end(within: 0)
            let url = queue.endpoint.target.description
            if !kept.contains(url) { metrics.removeAll(matching: ["alertmanager": url]) }
        }
    }

    private func queue(_ endpoint: AlertmanagerEndpoint) -> AlertmanagerQueue {
        let url = endpoint.target.description
        return AlertmanagerQueue(
            endpoint, userAgent: userAgent, metrics: metrics,
            report: { [weak self] taken, ids in self?.note(taken, ids) }, say: { [say] in say(url, $0) })
    }

    package func take(_ alerts: [AlertNotice]) {
        state.withLock { state in
            let now = Timestamp.now.milliseconds
            let configuration = state.configuration
            let patience =
                configuration.policy == .fallback ? Int64(configuration.fallbackAfter * 1000) : nil
            var items: [AlertmanagerQueue.Item] = []
            var mine: [AlertNotice] = []
            for alert in alerts {
                var item = AlertmanagerQueue.Item(id: AlertID(of: alert.labels), notice: alert)
                for label in configuration.externalLabels.labels where item.notice.labels[label.name] == nil {
                    item.notice.labels[label.name] = label.value
                }
                if configuration.policy == .both { mine.append(alert) }
                // One that relabelling drops no Alertmanager is to hear of, nor anybody in its place.
                guard let kept = state.relabeler?.applied(to: item) else { continue }
                items.append(kept)
                guard configuration.policy != .both else { continue }
                if state.ledger.offer(alert, item.id, patience: patience, at: now) { mine.append(alert) }
            }
            write(&state)
            for queue in state.queues { queue.add(items) }
            if !mine.isEmpty { local(mine) }
        }
    }

    private func note(_ taken: Bool, _ ids: [AlertID]) {
        state.withLock { state in
            if taken { state.ledger.accept(ids) } else { state.ledger.refuse(ids) }
            write(&state)
        }
    }

    /// What is local is so on disk before anybody is told, so that it stays local after a crash.
    private func write(_ state: inout State) {
        let changes = state.ledger.takeChanges()
        if !changes.isEmpty { state.log.write(changes, all: { [ledger = state.ledger] in ledger.all }) }
    }

    /// Hands on what has waited for long enough, until it is ended. Blocks; for a thread of its own.
    package func run() {
        while !ending.isStopped {
            let wake = state.withLock { state -> Double in
                guard state.configuration.policy == .fallback else { return Self.longestSleep }
                let patience = Int64(state.configuration.fallbackAfter * 1000)
                let now = Timestamp.now.milliseconds
                let due = state.ledger.due(patience: patience, at: now)
                if !due.isEmpty {
                    write(&state)
                    local(due)
                }
                // What begins to wait while this sleeps is not due before that either.
                let next = state.ledger.nextDue(patience: patience) ?? now + patience
                return Double(next - now) / 1000
            }
            ending.wait(seconds: min(max(wake, 0.01), Self.longestSleep))
        }
    }

    /// Sends what is queued for so many seconds at most. `run` returns then.
    package func end(within seconds: Double) {
        ending.stop()
        let queues = state.withLock { $0.queues }
        let deadline = Timestamp.monotonic.adding(seconds: seconds)
        for queue in queues { queue.end(within: max(0, deadline.seconds(since: .monotonic))) }
    }

    package var policy: ForwardingConfiguration.Policy { state.withLock { $0.configuration.policy } }

    /// What the last attempt to write the state failed of.
    package var failure: String? { state.withLock { $0.log.failure } }

    /// The URLs of the Alertmanagers that alerts are sent to, and of those that relabelling drops.
    package var alertmanagers: (active: [String], dropped: [String]) {
        state.withLock { ($0.queues.map(\.endpoint.target.description), $0.dropped) }
    }

    /// How many alerts wait for an Alertmanager to take them, and of how many this agent tells people.
    package var counts: (waiting: Int, local: Int) { state.withLock { $0.ledger.counts } }
}
