import Bytes
import CLinux
import Rules
import Telemetry

/// Runs the engine: gives it alerts, the time and results, writes what it changes, and has sent what it wants to be sent.
/// Safe from any thread.
package final class AlertDispatcher: AlertSink {
    private struct State {
        var engine: AlertingEngine
        var log: AlertingLog
        var lanes: [String: [DeliveryLane]] = [:]
        /// What rules have said and the engine has not heard yet.
        var inbox: [[AlertNotice]] = []
        /// Whether the engine wants to be called earlier than it was last asked.
        var hasChanged = false
        /// Changes since what they left behind was last given back to the system.
        var changes = 0
    }

    private let state: Condition<State>
    private let stop: StopToken
    private let observer: any AlertingObserver
    /// What was wrong with the state on disk when it was read.
    package let trouble: [String]
    /// Seconds after which the clock is looked at again, in case somebody set it.
    private static let longestSleep = 60.0
    /// What is made of so many alerts is written and let go of before the next: a storm of them costs the memory that it is
    /// kept in, and little more.
    private static let alertsPerStep = 128
    /// Changes after which the next calm is worth the trouble of giving back what the heap holds, and seconds without any
    /// that make a calm.
    private static let storm = 1_000
    private static let calm = 0.5

    /// - Parameters:
    ///   - directory: where the state is kept.
    ///   - integrations: each receiver's ways, in the order in which the configuration's summary has them.
    ///   - stop: ends deliveries that are under way.
    package init(
        _ configuration: AlertingConfiguration, integrations: [String: [any Integration]], directory: String,
        externalURL: String, stop: StopToken, observer: any AlertingObserver = NoObserver(),
        faults: DiskFaults = DiskFaults()
    ) {
        var saved = AlertingState()
        let log = AlertingLog(directory: directory, faults: faults, into: &saved)
        let engine = AlertingEngine(
            configuration, externalURL: externalURL, state: saved, now: Timestamp.now.milliseconds)
        trouble = log.trouble
        self.stop = stop
        self.observer = observer
        state = Condition(State(engine: engine, log: log))
        state.withLock { $0.lanes = makeLanes(integrations) }
    }

    private func makeLanes(_ integrations: [String: [any Integration]]) -> [String: [DeliveryLane]] {
        integrations.mapValues { ways in
            ways.map { way in
                DeliveryLane(way, stop: stop, observe: { [observer] in observer.attempted($0) }) {
                    [weak self] delivery, result in
                    self?.observer.delivered(delivery, kind: way.kind, result)
                    self?.withEngine { engine, now in engine.finish(delivery.id, result, at: now) }
                }
            }
        }
    }

    /// Takes another configuration; what is under way goes on as it began.
    package func reconfigure(
        _ configuration: AlertingConfiguration, integrations: [String: [any Integration]], externalURL: String
    ) {
        state.change { state in
            state.hasChanged = true
            state.lanes = makeLanes(integrations)
            state.engine.externalURL = externalURL
            state.engine.reconfigure(configuration, at: Timestamp.now.milliseconds)
            carryOut(&state)
        }
    }

    package func take(_ alerts: [AlertNotice]) {
        guard !alerts.isEmpty else { return }
        state.change { $0.inbox.append(alerts) }
    }

    /// Has `body` look at the engine or change it; returns once what it changed is written.
    package func withEngine<Result>(_ body: (inout AlertingEngine, Int64) throws -> Result) rethrows -> Result {
        try state.change { state in
            state.hasChanged = true
            defer { carryOut(&state) }
            return try body(&state.engine, Timestamp.now.milliseconds)
        }
    }

    /// Takes alerts; returns once they are written.
    func receive(_ alerts: [TrackedAlert]) {
        state.change { state in
            state.hasChanged = true
            receive(alerts, &state, at: Timestamp.now.milliseconds)
            carryOut(&state)
        }
    }

    /// What is left in the engine's step is part of it, and carried out by the caller.
    private func receive(_ alerts: [TrackedAlert], _ state: inout State, at now: Int64) {
        for start in stride(from: 0, to: alerts.count, by: Self.alertsPerStep) {
            if start > 0 { carryOut(&state, isLast: false) }
            state.engine.receive(alerts[start..<min(start + Self.alertsPerStep, alerts.count)], at: now)
        }
    }

    /// Has `body` look at the engine.
    func read<Result>(_ body: (AlertingEngine, Int64) -> Result) -> Result {
        state.withLock { body($0.engine, Timestamp.now.milliseconds) }
    }

    /// What the last attempt to write the state failed of.
    package var failure: String? { state.withLock { $0.log.failure } }

    /// How much there is of what.
    package struct Numbers: Sendable {
        package var active = 0
        package var suppressed = 0
        package var silences: [Silence.State: Int] = [:]
        package var groups = 0
        package var underWay = 0
        package var flapping = 0
    }

    package var numbers: Numbers {
        state.withLock { state in
            let engine = state.engine
            let now = Timestamp.now.milliseconds
            var numbers = Numbers()
            for alert in engine.state.alerts.values where !alert.isResolved(at: now) {
                let isHeld =
                    engine.inhibition(of: alert.labels, at: now) != nil
                    || !engine.silences(of: alert.labels, at: now).isEmpty
                if isHeld { numbers.suppressed += 1 } else { numbers.active += 1 }
            }
            for silence in engine.state.silences.values { numbers.silences[silence.state(at: now), default: 0] += 1 }
            numbers.groups = engine.groups.count
            numbers.underWay = engine.underWay.count
            numbers.flapping = engine.state.flaps.values.count { $0.since != nil }
            return numbers
        }
    }

    /// Does what is due until it is stopped. Blocks; for a thread of its own.
    package func run() {
        while !stop.isStopped {
            let (wake, isStorm) = state.withLock { state in
                let now = Timestamp.now.milliseconds
                let notices = state.inbox
                state.inbox = []
                state.hasChanged = false
                for alerts in notices { receive(alerts.map { TrackedAlert($0, at: now) }, &state, at: now) }
                state.engine.advance(to: now)
                carryOut(&state)
                return (Double(state.engine.nextWake - now) / 1000, state.changes >= Self.storm)
            }
            let pause = min(max(wake, 0), isStorm ? Self.calm : Self.longestSleep)
            let change = state.wait(until: Timestamp.monotonic.adding(seconds: pause)) { state in
                state.hasChanged || !state.inbox.isEmpty || stop.isStopped ? true : nil
            }
            if change == nil, isStorm, pause == Self.calm {
                state.withLock { $0.changes = 0 }
                clinux_trim_heap()
            }
        }
    }

    /// Wakes the thread in `run` so that it sees that all is to end.
    package func wake() { state.change { $0.hasChanged = true } }

    /// Writes first, then sends.
    private func carryOut(_ state: inout State, isLast: Bool = true) {
        let step = state.engine.takeStep()
        state.changes += step.changes.count
        state.log.write(step, state: state.engine.state, isLast: isLast)
        observer.observed(step)
        let now = Timestamp.now.milliseconds
        var strays: [Delivery] = []
        for delivery in step.deliveries {
            if let lanes = state.lanes[delivery.receiver], lanes.indices.contains(delivery.way) {
                lanes[delivery.way].add(delivery, seconds: Double(delivery.deadline - now) / 1000)
            } else {
                strays.append(delivery)
            }
        }
        for delivery in strays {
            state.engine.finish(delivery.id, .refused(reason: "the receiver is not there"), at: now)
        }
        if !strays.isEmpty { carryOut(&state) }
    }
}

/// Whoever counts or writes down what alerting does. Called from any thread.
package protocol AlertingObserver: Sendable {
    /// Called under a lock.
    func observed(_ step: EngineStep)
    func attempted(_ attempt: DeliveryAttempt)
    func delivered(_ delivery: Delivery, kind: String, _ result: DeliveryResult)
}

extension AlertingObserver {
    package func observed(_ step: EngineStep) {}
    package func attempted(_ attempt: DeliveryAttempt) {}
    package func delivered(_ delivery: Delivery, kind: String, _ result: DeliveryResult) {}
}

/// Nobody.
package struct NoObserver: AlertingObserver {
    package init() {}
}

/// Several.
package struct AlertingObservers: AlertingObserver {
    private let all: [any AlertingObserver]

    package init(_ all: [any AlertingObserver]) { self.all = all }
    package func observed(_ step: EngineStep) { for observer in all { observer.observed(step) } }
    package func attempted(_ attempt: DeliveryAttempt) { for observer in all { observer.attempted(attempt) } }
    package func delivered(_ delivery: Delivery, kind: String, _ result: DeliveryResult) {
        for observer in all { observer.delivered(delivery, kind: kind, result) }
    }
}
