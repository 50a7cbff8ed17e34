/// How long to wait before trying again: doubling from `minimum` to `maximum`, with jitter, so that agents that lost
/// their server together do not come back together.
///
/// As promtail's: each wait lies between d and 2d, d doubling; never more than `maximum`.
package struct Backoff: Sendable, Equatable {
    /// Seconds.
    package let minimum: Double
    /// Seconds.
    package let maximum: Double
    /// Waits given since the last reset.
    package private(set) var attempts = 0
    private var delay: Double

    package init(minimum: Double, maximum: Double) {
        self.minimum = max(0.001, minimum)
        self.maximum = max(self.minimum, maximum)
        delay = self.minimum
    }

    /// The next wait in seconds. `jitter` is from 0 to 1.
    package mutating func next(jitter: Double = .random(in: 0..<1)) -> Double {
        let wait = min(maximum, delay * (1 + jitter))
        delay = min(maximum, delay * 2)
        if attempts < Int.max { attempts += 1 }
        return wait
    }

    package mutating func reset() {
        delay = minimum
        attempts = 0
    }
}
