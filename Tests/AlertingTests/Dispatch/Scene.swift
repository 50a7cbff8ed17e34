import Configuration
import Rules
import Synchronization
import Telemetry

@testable import Alerting

/// An engine, a clock and receivers that take everything, unless told otherwise.
struct Scene {
    /// A notification that went out.
    struct Sent: Equatable, CustomStringConvertible {
        /// Seconds since the beginning.
        var at: Int64
        var receiver: String
        var reason: Notification.Reason
        var firing: [String]
        var resolved: [String]

        var description: String {
            "\(at)s \(receiver) \(reason.rawValue): firing \(firing) resolved \(resolved)"
        }
    }

    static let begin: Int64 = 1_700_000_000_000
    var engine: AlertingEngine
    var now = Scene.begin
    var sent: [Sent] = []
    /// Of these, what arrived or may have arrived.
    var heard: [Sent] = []
    var notifications: [Notification] = []
    /// What receivers answer; nil leaves the delivery under way.
    var answer: (Delivery) -> DeliveryResult? = { _ in .delivered(memory: [:]) }
    var open: [Delivery] = []
    var held: [EngineStep.Held] = []
    var events: [HistoryEvent] = []
    /// All changes since the beginning, by step.
    var steps: [[StateChange]] = []
    /// What so many of these make of nothing: all that a `kill -9` leaves.
    private var saved = AlertingState()
    private var savedSteps = 0

    /// - Parameter text: a configuration; every receiver has one webhook, `quiet` ones do not tell of ends.
    init(_ text: String, state: AlertingState = AlertingState(), now: Int64 = Scene.begin) throws {
        self.now = now
        saved = state
        engine = AlertingEngine(
            try Self.configuration(text), externalURL: "http://a", state: state, now: now, makeID: RandomID.uuid)
        work()
    }

    /// Those that were read: the default templates take longest, and a restart reads none that others have not read.
    private static let known = Mutex<[String: AlertingConfiguration]>([:])

    static func configuration(_ text: String) throws -> AlertingConfiguration {
        if let known = known.withLock({ $0[text] }) { return known }
        var configuration = try AlertingConfigurationTests.read(text).contents
        configuration.receivers = configuration.receivers.map {
            ReceiverSummary(
                name: $0.name, ways: [.init(kind: "webhook", index: 0, sendsResolved: !$0.name.hasPrefix("quiet"))])
        }
        let read = configuration
        known.withLock { $0[text] = read }
        return configuration
    }

    var seconds: Int64 { (now - Self.begin) / 1000 }

    mutating func work() {
        var again = true
        while again {
            let step = engine.takeStep()
            if !step.changes.isEmpty { steps.append(step.changes) }
            held += step.suppressions
            events += step.events
            again = !step.deliveries.isEmpty
            for delivery in step.deliveries {
                let notification = delivery.notification
                func names(_ state: AlertNotice.State) -> [String] {
                    notification.alerts.filter { $0.state == state }.map { $0.labels["alertname"] ?? "" }
                }
                notifications.append(notification)
                sent.append(
                    Sent(
                        at: seconds, receiver: notification.receiver, reason: notification.reason,
                        firing: names(.firing), resolved: names(.resolved)))
                let result = answer(delivery)
                switch result {
                case .delivered?, nil: heard.append(sent[sent.count - 1])
                default: break
                }
                if let result {
                    engine.finish(delivery.id, result, at: now)
                } else {
                    open.append(delivery)
                }
            }
        }
    }

    /// Lets the time pass, waking the engine when it asks for it.
    mutating func run(to seconds: Int64) {
        let end = Self.begin + seconds * 1000
        while now < end {
            now = min(end, max(engine.nextWake, now + 1))
            engine.advance(to: now)
            work()
        }
    }

    /// An alert that begins now and fires for as long as nobody says otherwise.
    mutating func fire(_ name: String, _ labels: LabelSet = [:], start: Int64? = nil) {
        var labels = labels
        labels["alertname"] = name
        let alert = TrackedAlert(
            labels: labels, startsAt: start ?? now, endsAt: now + 7 * 86_400_000, updatedAt: now)
        engine.receive([alert], at: now)
        work()
    }

    mutating func resolve(_ name: String, _ labels: LabelSet = [:]) {
        var labels = labels
        labels["alertname"] = name
        let known = engine.state.alerts[AlertID(of: labels)]
        engine.receive(
            [TrackedAlert(labels: labels, startsAt: known?.startsAt ?? now, endsAt: now, updatedAt: now)], at: now)
        work()
    }

    mutating func finish(_ index: Int, _ result: DeliveryResult) {
        engine.finish(open.remove(at: index).id, result, at: now)
        work()
    }

    /// The same after a `kill -9`: only what was written is left.
    mutating func restart(_ text: String, down seconds: Int64 = 0) throws {
        for change in steps[savedSteps...].joined() { saved.apply(change) }
        let earlier = self
        self = try Scene(text, state: saved, now: now + seconds * 1000)
        answer = earlier.answer
        sent = earlier.sent + sent
        heard = earlier.heard + heard
        notifications = earlier.notifications + notifications
        held = earlier.held + held
        events = earlier.events + events
        savedSteps = earlier.steps.count
        steps = earlier.steps + steps
    }
}
