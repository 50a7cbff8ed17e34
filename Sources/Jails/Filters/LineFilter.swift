/// What reads a log line by line and says who failed. It may remember lines; not for several threads.
package protocol LineFilter: AnyObject {
    /// Reads the next line, without its end, and tells `body` every failure.
    ///
    /// - Parameters:
    ///   - time: of the line where its source knows it, as the journal does; the line then has no date to look for. Seconds since 1970.
    ///   - now: seconds since 1970.
    func read(_ line: RawSpan, time: Double?, now: Double, _ body: (Failure) -> Void)

    /// What became of the last line.
    var outcome: Filter.Outcome { get }

    /// What has its patterns, itself or a part of it; nil where it has none.
    var textFilter: Filter? { get }
}

extension LineFilter {
    /// The failures of the next line.
    package func failures(in line: RawSpan, time: Double? = nil, now: Double) -> [Failure] {
        var failures: [Failure] = []
        read(line, time: time, now: now) { failures.append($0) }
        return failures
    }
}
