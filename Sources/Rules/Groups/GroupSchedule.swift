import Bytes

/// When a group is evaluated: at slots that lie an interval apart, at an offset of its own, so that not all groups run at once
/// and a restart changes nothing (Prometheus `rules/group.go`, `EvalTimestamp`). Milliseconds since 1970.
package struct GroupSchedule: Sendable, Equatable {
    package let interval: Int64
    /// Of the slots, from multiples of the interval.
    package let offset: Int64
    /// The last one that was taken.
    package private(set) var last: Int64?

    /// - Parameters:
    ///   - key: what the offset is made from.
    ///   - start: the first slot is the next one after it.
    package init(key: String, interval: Int64, start: Int64) {
        let bytes = Array(key.utf8)
        self.init(interval: interval, offset: Int64(bytes.span.bytes.fnv1a % UInt64(max(interval, 1))), start: start)
    }

    package init(interval: Int64, offset: Int64, start: Int64) {
        self.interval = max(interval, 1)
        self.offset = offset
        last = slot(notAfter: start)
    }

    /// The last slot there is at `time`.
    package func slot(notAfter time: Int64) -> Int64 {
        let shifted = time - offset
        let rest = ((shifted % interval) + interval) % interval
        return shifted - rest + offset
    }

    /// The next slot to take.
    package var next: Int64 { (last ?? 0) + interval }

    /// When to look at it next, seen from `now`: the next slot, or at once when a clock that was set back has put that far off.
    package func due(at now: Int64) -> Int64 { next - now > 2 * interval ? now : next }

    /// The newest slot that is due at `now`, and how many before it were missed; nil before the next. A clock that was set back
    /// by more than an interval begins anew.
    package mutating func take(at now: Int64) -> (slot: Int64, missed: Int)? {
        let slot = slot(notAfter: now)
        guard let last else {
            self.last = slot
            return (slot, 0)
        }
        if slot > last {
            self.last = slot
            return (slot, Int((slot - last) / interval) - 1)
        }
        if now < last - interval { self.last = slot }
        return nil
    }
}
