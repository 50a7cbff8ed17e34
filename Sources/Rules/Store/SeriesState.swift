import Telemetry

/// Who a series is.
struct SeriesEntry: Sendable {
    /// The object by which its source names it. It is held, so that its address stays its own.
    var series: Series
    /// Never given to another one.
    var id: UInt32
}

/// What of a series changes with its samples; nothing that is counted by reference.
struct SeriesState: Sendable {
    static let none = UInt32.max

    /// Of the entry's series; nil where there is no series.
    var object: ObjectIdentifier?
    /// Of the newest sample; `.min` before the first.
    var lastTime = Int64.min
    /// Of the newest sample, a stale marker too. Without meaning where `isValueKnown` is false.
    var lastValue = 0.0
    /// When its counter began at 0; `.min` where that is not known.
    var start = Int64.min
    var chunk = OpenChunk()
    /// The series that came after it the last time.
    var successor = SeriesState.none
    /// Whose times it shares, or did last.
    var clock = SeriesState.none
    /// Seconds for which samples are kept.
    var horizon: UInt32 = 0
    /// Whether `lastValue` is; not where the newest sample is in a block that nobody looked into.
    var isValueKnown = false
    /// Whether the log of the open window says who it is.
    var isLogged = false
    /// Whether `lastValue` is in that log, so that the next value can build on it.
    var isValueLogged = false
    /// Whether it had a sample the last time but one that its clock went on.
    var wasThereBefore = false
    /// Whether late samples of it are in memory or in a block.
    var hasLate = false
}

/// A source's times: what comes in one batch at one time shares them.
struct Clock: Sendable {
    /// The newest time, and the one before; `.min` for none. They outlive a window.
    var last = Int64.min
    var before = Int64.min
    /// Whether this process saw them, and did not read them in a log.
    var isLastLive = false
    var isBeforeLive = false
    /// The window in which it went on last.
    var window: UInt64 = 0
}
