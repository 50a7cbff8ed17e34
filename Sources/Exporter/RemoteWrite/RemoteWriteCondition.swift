import Logging
import Synchronization
import Telemetry

/// How one remote write is doing, as `/-/ready` tells it: its sending, the disk under its queue, and what it had to give
/// up, in one sentence. From any thread.
final class RemoteWriteCondition: Sendable {
    private struct State {
        var sending = PartState.ok
        var disk: String?
        var loss: DropReason?
        /// When a loss was logged last, on the monotonic clock.
        var told = Timestamp(nanoseconds: -1_000_000_000_000)
        var isOver = false

        /// All of it together.
        var part: PartState {
            let sentences = [sending.sentence, disk, loss.flatMap(RemoteWriteCondition.sentence)].compactMap { $0 }
            if case .failed = sending { return .failed(sentences.joined(separator: "; ")) }
            return sentences.isEmpty ? sending : .degraded(sentences.joined(separator: "; "))
        }
    }

    /// Seconds between two lines in the log about losses: a server that is too slow makes them come and go.
    private static let quiet = 60.0

    private let state = Mutex(State())
    private let readiness: Readiness
    private let name: String
    private let logger: Logger

    /// - Parameter name: the remote write's; its part is `remote_write/NAME`.
    init(readiness: Readiness, name: String, logger: Logger) {
        self.readiness = readiness
        self.name = name
        self.logger = logger
    }

    func show(sending: PartState) { change { $0.sending = sending } }

    /// Why records cannot be written, nil where they can.
    func show(disk: String?) {
        change { $0.disk = disk.map { "its queue cannot be written, samples wait in memory: \($0)" } }
    }

    /// Samples were given up for want of room or for their age. Said until the server takes some again.
    func lost(_ reason: DropReason) {
        guard let sentence = Self.sentence(reason) else { return }
        let now = Timestamp.monotonic
        let isTold = change { state in
            let isNew = state.loss != reason
            state.loss = reason
            guard isNew, now.seconds(since: state.told) >= Self.quiet else { return false }
            state.told = now
            return true
        }
        guard isTold else { return }
        logger.warning("remote write loses samples", metadata: ["remote_write": "\(name)", "reason": "\(sentence)"])
    }

    /// The server has taken a batch.
    func taken() { change { $0.loss = nil } }

    func end() {
        state.withLock { state in
            state.isOver = true
            readiness.remove("remote_write/\(name)")
        }
    }

    /// In the lock, so that an older state never comes after a newer one.
    @discardableResult
    private func change<Result>(_ body: (inout State) -> Result) -> Result {
        state.withLock { state in
            let result = body(&state)
            if !state.isOver { readiness.set("remote_write/\(name)", state.part) }
            return result
        }
    }

    /// Nil for what is no trouble of the remote write's.
    private static func sentence(_ reason: DropReason) -> String? {
        switch reason {
        case .queueFull: "its queue is full (queue.max_size) and the oldest samples are dropped"
        case .tooOld: "samples older than sample_age_limit or queue.max_age are dropped"
        case .capacity: "more samples come than can be written to the queue (queue_config.capacity), and are dropped"
        case .relabelled, .duplicate, .outOfOrder, .damaged: nil
        }
    }
}

extension PartState {
    fileprivate var sentence: String? {
        switch self {
        case .degraded(let reason), .failed(let reason): reason
        case .starting, .ok: nil
        }
    }
}
