import Synchronization
import Telemetry

/// Which ways to people fail, and since when. As many as the configuration has; those of receivers that are no more are
/// forgotten when they have not been tried for long. Times are milliseconds since 1970. Safe from any thread.
package final class DeliveryHealth: AlertingObserver {
    /// A way whose last attempt failed.
    package struct Failure: Sendable, Equatable {
        package var receiver: String
        package var integration: String
        /// Of the first and the last of the attempts since which none succeeded.
        package var since: Int64
        package var last: Int64
        package var error: String

        /// Whether it has failed for longer than `limit`. One that nobody has tried for a while since is no sign of anything: what it
        /// was to tell is over.
        func isLasting(for limit: Int64, _ longestDelivery: Int64, at now: Int64) -> Bool {
            now - since > limit && now - last <= max(limit, longestDelivery) + limit
        }
    }

    private struct Way: Hashable {
        var receiver: String
        var way: Int
    }

    private let failing = Mutex<[Way: Failure]>([:])
    private let now: @Sendable () -> Int64
    private static let memory: Int64 = 2 * 86_400_000

    package init(now: @escaping @Sendable () -> Int64 = { Timestamp.now.milliseconds }) { self.now = now }

    package func attempted(_ attempt: DeliveryAttempt) {
        let way = Way(receiver: attempt.delivery.receiver, way: attempt.delivery.way)
        let now = now()
        failing.withLock { failing in
            switch attempt.result {
            case .delivered: failing[way] = nil
            case .retry(let reason, _), .refused(let reason):
                let since = failing[way]?.since ?? now
                failing[way] = Failure(
                    receiver: way.receiver, integration: attempt.kind, since: since, last: now, error: reason)
            }
            failing = failing.filter { now - $0.value.last < Self.memory }
        }
    }

    package var failures: [Failure] {
        failing.withLock { Array($0.values) }.sorted { ($0.receiver, $0.integration) < ($1.receiver, $1.integration) }
    }
}
