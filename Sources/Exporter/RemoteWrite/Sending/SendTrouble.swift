import Logging
import Telemetry

/// What is said about trouble, and how often.
struct SendTrouble {
    private var current: String?
    private var logged = Timestamp(nanoseconds: 0)
    private var said: Set<String> = []

    /// Shows a trouble in readiness, and logs it when it is a new one, but not more than once in ten seconds.
    mutating func report(_ state: PartState, _ context: SendContext) {
        guard case .degraded(let reason) = state.orDegraded else { return }
        context.condition.show(sending: state)
        let isNew = current != reason
        current = reason
        let now = Timestamp.monotonic
        guard isNew, now.seconds(since: logged) > 10 else { return }
        logged = now
        context.logger.warning("remote write in trouble", metadata: metadata(context, reason))
    }

    /// A batch was dropped because the server will not have it. Said once, until it takes one again.
    mutating func refused(_ reason: String, _ context: SendContext) {
        let text = "the server refuses samples, which are dropped: \(reason)"
        context.condition.show(sending: .degraded(text))
        if current != "refused" {
            context.logger.error("remote write drops samples", metadata: metadata(context, text))
        }
        current = "refused"
    }

    mutating func recovered(_ context: SendContext) {
        context.condition.taken()
        guard current != nil else { return }
        current = nil
        context.condition.show(sending: .ok)
        context.logger.info(
            "remote write goes on", metadata: ["remote_write": "\(context.configuration.name)"])
    }

    /// Logs `text` once for a `key`, until it is forgotten.
    mutating func sayOnce(_ key: String, _ text: String, _ context: SendContext) {
        guard said.insert(key).inserted else { return }
        context.logger.warning("remote write", metadata: metadata(context, text))
    }

    mutating func forget(_ key: String) { said.remove(key) }
}

extension SendTrouble {
    private func metadata(_ context: SendContext, _ reason: String) -> Logger.Metadata {
        ["remote_write": "\(context.configuration.name)", "reason": "\(reason)"]
    }
}

extension PartState {
    /// The state with its sentence, failed or not.
    fileprivate var orDegraded: PartState {
        if case .failed(let reason) = self { return .degraded(reason) }
        return self
    }
}
