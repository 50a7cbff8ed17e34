import Bytes

/// The filters of all jails that read one log.
///
/// Not for several threads.
package final class FilterGroup {
    package let filters: [Filter]

    package init(_ filters: [Filter]) { self.filters = filters }

    /// Reads the next line of the log, without its end, and tells `body` what was found: the place of a filter in `filters`, and a
    /// failure of it, one with `isNoFail` or without `id` among them.
    ///
    /// - Parameters:
    ///   - time: of the line where its source knows it, as the journal does; seconds since 1970.
    ///   - now: seconds since 1970.
    package func read(_ line: RawSpan, time: Double?, now: Double, _ body: (Int, Failure) -> Void) {
        for (index, filter) in filters.enumerated() {
            for failure in filter.failures(in: line, time: time, now: now) { body(index, failure) }
        }
    }
}
