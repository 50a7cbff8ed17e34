import Glibc

/// A point in time: nanoseconds since 1970-01-01T00:00:00Z, from 1677 to 2262.
package struct Timestamp: Hashable, Comparable, Sendable {
    package var nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }
    package init(seconds: Int64) { nanoseconds = seconds &* 1_000_000_000 }
    package init(microseconds: Int64) { nanoseconds = microseconds &* 1000 }

    /// The wall clock now.
    package static var now: Timestamp { read(CLOCK_REALTIME) }

    /// A clock that never goes back, for measuring durations; its origin is arbitrary.
    package static var monotonic: Timestamp { read(CLOCK_MONOTONIC) }

    private static func read(_ clock: clockid_t) -> Timestamp {
        var time = timespec()
        clock_gettime(clock, &time)
        return Timestamp(nanoseconds: Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec))
    }

    package static func < (a: Timestamp, b: Timestamp) -> Bool { a.nanoseconds < b.nanoseconds }

    /// `a - b` in seconds.
    package func seconds(since other: Timestamp) -> Double {
        Double(nanoseconds &- other.nanoseconds) / 1e9
    }

    /// So many seconds later, or earlier.
    package func adding(seconds: Double) -> Timestamp {
        Timestamp(nanoseconds: nanoseconds &+ Int64(min(max(seconds, -1e9), 1e9) * 1e9))
    }

    package var secondsSince1970: Double { Double(nanoseconds) / 1e9 }

    /// Milliseconds since 1970, rounded down, as Prometheus counts time.
    package var milliseconds: Int64 {
        let (quotient, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000)
        return rest < 0 ? quotient - 1 : quotient
    }

    /// Whole seconds, rounded down, and the nanoseconds left.
    package var parts: (seconds: Int64, nanoseconds: Int32) {
        let rest = nanoseconds % 1_000_000_000
        let seconds = nanoseconds / 1_000_000_000
        return rest < 0 ? (seconds - 1, Int32(rest + 1_000_000_000)) : (seconds, Int32(rest))
    }
}
