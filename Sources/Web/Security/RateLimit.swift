import Synchronization

/// `rate_limit`: a request per `interval` in the long run, `burst` at once.
package struct RateLimit: Sendable, Equatable {
    package var interval: Duration
    package var burst: Int

    package init(interval: Duration, burst: Int) {
        self.interval = interval
        self.burst = burst
    }
}

/// A token bucket.
package final class TokenBucket: Sendable {
    package let limit: RateLimit
    /// Until when the bucket's use reaches: each request moves it on by an interval, and it may lie at most
    /// `burst` intervals ahead of now.
    private let usedUntil: Mutex<Duration>

    package init(_ limit: RateLimit) {
        self.limit = limit
        usedUntil = Mutex(.zero)
    }

    /// Takes a token at `now`, which is since any fixed moment and never goes back; else how long to wait for one.
    package func take(at now: Duration) -> Duration? {
        usedUntil.withLock { used in
            let next = max(used, now) + limit.interval
            let wait = next - now - limit.interval * limit.burst
            guard wait <= .zero else { return wait }
            used = next
            return nil
        }
    }
}
