import Logging
import Telemetry

/// What is wrong with one destination and for whom, as readiness and the log tell it. For the lane's thread.
final class Troubles {
    /// Whom a trouble concerns.
    enum Scope: Hashable {
        case destination
        case tenant(String)
        case store
    }

    private let context: ShipperContext
    private var known: [Scope: PartState] = [:]
    /// Those that the log does not know of yet.
    private var unlogged: Set<Scope> = []
    private var logged: Timestamp?
    /// Whether the log's last word is a trouble.
    private var isLogged = false

    init(_ context: ShipperContext) { self.context = context }

    /// Shows a trouble in readiness, and logs it when it is a new one, but one in ten seconds: another is logged when it
    /// is reported again.
    func report(_ state: PartState, of scope: Scope) {
        if known[scope] != state {
            known[scope] = state
            unlogged.insert(scope)
            publish()
        }
        let now = Timestamp.monotonic
        if let logged, now.seconds(since: logged) < 10 { return }
        guard unlogged.remove(scope) != nil else { return }
        logged = now
        isLogged = true
        context.logger.warning(
            "destination in trouble",
            metadata: [
                "destination": "\(context.configuration.name)", "reason": "\(Self.sentence(scope, state))",
            ])
    }

    /// The trouble of `scope` is over, if there was one.
    func end(of scope: Scope) {
        guard !known.isEmpty, known.removeValue(forKey: scope) != nil else { return }
        unlogged.remove(scope)
        publish()
        // A server that fails every second request would fill the log.
        guard known.isEmpty, isLogged else { return }
        isLogged = false
        context.logger.info("destination takes data again", metadata: ["destination": "\(context.configuration.name)"])
    }

    /// The worst of all, the destination's own first.
    private func publish() {
        let sorted = known.sorted { Self.rank($0) < Self.rank($1) }
        guard let first = sorted.first else {
            context.readiness.set(context.part, .ok)
            return
        }
        let more = sorted.count > 1 ? " (and \(sorted.count - 1) more)" : ""
        let text = Self.sentence(first.key, first.value) + more
        if case .failed = first.value {
            context.readiness.set(context.part, .failed(text))
        } else {
            context.readiness.set(context.part, .degraded(text))
        }
    }

    private static func rank(_ trouble: (key: Scope, value: PartState)) -> (Int, Int, String) {
        let severity = if case .failed = trouble.value { 0 } else { 1 }
        return switch trouble.key {
        case .destination: (severity, 0, "")
        case .store: (severity, 1, "")
        case .tenant(let name): (severity, 2, name)
        }
    }

    private static func sentence(_ scope: Scope, _ state: PartState) -> String {
        let reason =
            switch state {
            case .degraded(let text), .failed(let text): text
            case .ok, .starting: ""
            }
        if case .tenant(let name) = scope, !name.isEmpty { return "tenant \(name): \(reason)" }
        return reason
    }
}
