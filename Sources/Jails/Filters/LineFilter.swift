/// What reads a log line by line and says who failed. It may remember lines; not for several threads.
package protocol LineFilter: AnyObject {
    /// Reads the next line, without its end.
    ///
    /// - Parameters:
    ///   - time: of the line where its source knows it, as the journal does. Seconds since 1970.
    ///   - now: seconds since 1970.
    func failures(in line: RawSpan, time: Double?, now: Double) -> [Failure]

    /// What became of the last line.
    var outcome: Filter.Outcome { get }

    /// What has its patterns, itself or a part of it; nil where it has none.
    var textFilter: Filter? { get }
}
