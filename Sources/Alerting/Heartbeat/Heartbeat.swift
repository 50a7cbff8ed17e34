import Synchronization
import Telemetry
import Transport

/// Tells a URL at its interval that the agent keeps watch, for as long as it does.
package final class Heartbeat: Sendable {
    /// How the last beat went.
    package enum State: Sendable, Equatable {
        /// There was none yet.
        case starting
        case sent
        /// Nobody was told, as something is wrong.
        case withheld([HeartbeatJudge.Trouble])
        /// It could not be sent.
        case failed(String)
    }

    package struct Report: Sendable, Equatable {
        package var state = State.starting
        /// Milliseconds since 1970.
        package var lastSuccess: Int64?
    }

    private let configuration: HeartbeatConfiguration
    private let client: ServiceClient
    private let look: @Sendable () -> [HeartbeatJudge.Trouble]
    private let observe: @Sendable (Report, _ before: Report) -> Void
    private let current = Mutex(Report())
    /// Seconds from the start to the first, and to the next after one that failed, where the interval is not shorter.
    private static let shortPause = 15.0

    /// - Parameters:
    ///   - http: where the configuration has none of its own.
    ///   - look: what is wrong.
    ///   - observe: told of each beat, and of how the one before went.
    package init(
        _ configuration: HeartbeatConfiguration, http: HTTPClientConfiguration, userAgent: String,
        look: @escaping @Sendable () -> [HeartbeatJudge.Trouble],
        observe: @escaping @Sendable (Report, Report) -> Void
    ) {
        self.configuration = configuration
        client = ServiceClient(
            configuration.http ?? http, userAgent: userAgent, timeout: configuration.timeout)
        self.look = look
        self.observe = observe
    }

    package var report: Report { current.withLock { $0 } }

    /// Beats until it is stopped. Blocks; for a thread of its own.
    package func run(stop: StopToken) {
        var pause = min(configuration.interval, Self.shortPause)
        while !stop.wait(seconds: pause) {
            let state = beat(at: Timestamp.now.milliseconds, stop: stop)
            if case .failed = state {
                pause = min(configuration.interval, Self.shortPause)
            } else {
                pause = configuration.interval
            }
        }
    }

    /// One beat.
    @discardableResult
    package func beat(at now: Int64, stop: StopToken) -> State {
        let troubles = look()
        let state = troubles.isEmpty ? send(stop) : .withheld(troubles)
        if stop.isStopped, case .failed = state { return state }
        let (report, before) = current.withLock { current in
            let before = current
            current.state = state
            if state == .sent { current.lastSuccess = now }
            return (current, before)
        }
        observe(report, before)
        return state
    }

    private func send(_ stop: StopToken) -> State {
        do throws(DeliveryFailure) {
            guard let url = try configuration.url?.read() else { return .failed("there is no URL") }
            try client.send(url, method: configuration.method.rawValue, headers: [], body: [], stop: stop)
            return .sent
        } catch {
            switch error {
            case .retry(let reason, _), .refused(let reason): return .failed(reason)
            }
        }
    }
}
