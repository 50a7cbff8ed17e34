import Telemetry

/// A series of the store while a reader is open.
package struct SeriesID: Hashable, Sendable {
    package let index: Int32
    package init(index: Int32) { self.index = index }
}

/// Samples of one series, column by column; emptied and filled again without allocating.
package struct SampleColumns: Sendable {
    /// Milliseconds since 1970, ascending.
    package var timestamps: [Int64] = []
    package var values: [Double] = []

    package init() {}

    package var count: Int { timestamps.count }

    package mutating func removeAll() {
        timestamps.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
    }

    package mutating func append(_ timestamp: Int64, _ value: Double) {
        timestamps.append(timestamp)
        values.append(value)
    }
}

/// A view of stored samples that does not change while it is open: what PromQL is evaluated on.
package protocol SampleReader: AnyObject {
    /// Changes whenever a series appears or goes or an index is given to another series: as long as it is the same, what
    /// `series(matching:)` said still holds. Never the same for two different stores.
    var seriesGeneration: UInt64 { get }

    /// The series that meet all matchers, in ascending order of their label sets.
    func series(matching matchers: [LabelMatcher]) -> [SeriesID]

    /// With `__name__`.
    func labels(of series: SeriesID) -> LabelSet

    /// Appends the samples with `after < timestamp <= through`, stale markers included, in order of time.
    func append(samplesOf series: SeriesID, after: Int64, through: Int64, to columns: inout SampleColumns)

    /// The newest sample with `after < timestamp <= through`, a stale marker included; nil where there is none.
    func newest(of series: SeriesID, after: Int64, through: Int64) -> (timestamp: Int64, value: Double)?

    /// When the counter is known to have begun at 0, milliseconds since 1970; nil where that is not known.
    func start(of series: SeriesID) -> Int64?

    /// How much of the samples is in memory.
    var head: HeadExtent { get }
}

extension SampleReader {
    package var head: HeadExtent { HeadExtent(chunks: 0, oldest: nil) }
}

/// What of a store is in memory and not in a block.
package struct HeadExtent: Sendable {
    package var chunks: Int
    /// Milliseconds since 1970; nil where there is no sample.
    package var oldest: Int64?
}

/// Where readers come from.
package protocol SampleSource: AnyObject, Sendable {
    /// Opens a reader for as long as `body` runs.
    func read<Result>(_ body: (any SampleReader) throws -> Result) rethrows -> Result
}
