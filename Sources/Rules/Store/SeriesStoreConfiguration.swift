/// How much a series store keeps, and where.
package struct SeriesStoreConfiguration: Sendable, Equatable {
    /// For its files, its own; nil for a store in memory alone, which keeps what `memoryLimit` has room for.
    package var directory: String?
    /// Series at a time; further ones are left out and counted.
    package var seriesLimit = 100_000
    /// Bytes of samples and series in memory; at it new series are left out and counted, and samples go to disk early.
    package var memoryLimit = 64 << 20
    /// Bytes of files; above it the oldest samples go.
    package var diskLimit = 512 << 20
    /// Milliseconds by which a sample may be older than the newest of its series.
    package var lateWindow: Int64 = 60_000
    /// Seconds of samples that are held in memory and in a log before they become a block, at most.
    package var blockInterval = 3600.0
    /// Nanoseconds that reading the log again may take, about, before its samples become a block earlier than that.
    package var longestReplay = 25_000_000
    /// Seconds after which samples are in the log: what kill -9 costs.
    package var writeInterval = 1.0
    /// Seconds after which the log is durable: what a power failure costs.
    package var syncInterval = 5.0
    /// Milliseconds for which samples are kept of every series.
    package var minimumRetention: Int64 = 6 * 3_600_000

    /// Reads the files and leaves them as they are, damaged ones too; what is appended is in memory alone.
    package var isReadOnly = false

    package init(directory: String?) { self.directory = directory }
}
