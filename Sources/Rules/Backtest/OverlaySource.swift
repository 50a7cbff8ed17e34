import Synchronization
import Telemetry

/// A store with what rules write while they are tried out: it hides what the store has under those names, and changes nothing in
/// it.
final class OverlaySource: SampleSource, SampleSink {
    private struct Own: Sendable {
        var indices: [LabelSet: Int] = [:]
        var labels: [LabelSet] = []
        var samples: [SampleColumns] = []
        var count = 0
    }

    private let base: any SampleSource
    /// Names of the base's series that are not seen.
    private let hidden: Set<String>
    private let own = Mutex(Own())
    private let salt = UInt64.random(in: 0 ... .max)
    /// Beyond so many samples nothing more is kept.
    static let capacity = 4_000_000

    init(_ base: any SampleSource, hiding hidden: Set<String>) {
        self.base = base
        self.hidden = hidden
    }

    var isFull: Bool { own.withLock { $0.count >= Self.capacity } }

    func append(_ batch: borrowing SeriesBatch) {
        own.withLock { own in
            for sample in batch.samples where own.count < Self.capacity {
                let labels = sample.series.labels
                let index: Int
                if let known = own.indices[labels] {
                    index = known
                } else {
                    index = own.labels.count
                    own.indices[labels] = index
                    own.labels.append(labels)
                    own.samples.append(SampleColumns())
                }
                own.samples[index].append(sample.timestamp, sample.value)
                own.count += 1
            }
        }
    }

    func read<Result>(_ body: (any SampleReader) throws -> Result) rethrows -> Result {
        // Written and read by turns, so the copies cost a reference each.
        let own = own.withLock { $0 }
        return try base.read { base in try body(Reader(base, own, hidden, salt)) }
    }

    /// The base's series by their own numbers, the overlay's by negative ones.
    private final class Reader: SampleReader {
        private let base: any SampleReader
        private let own: Own
        private let hidden: Set<String>
        let seriesGeneration: UInt64

        init(_ base: any SampleReader, _ own: Own, _ hidden: Set<String>, _ salt: UInt64) {
            self.base = base
            self.own = own
            self.hidden = hidden
            seriesGeneration = (base.seriesGeneration &* 1_000_003 &+ UInt64(own.labels.count)) ^ salt
        }

        func series(matching matchers: [LabelMatcher]) -> [SeriesID] {
            var found = base.series(matching: matchers)
            // A name that is asked for tells whether any of its series could be hidden, or be one of ours.
            let name = matchers.first { $0.name == "__name__" && $0.operation == .equal }?.value
            if name.map(hidden.contains) ?? true {
                found.removeAll { hidden.contains(base.labels(of: $0)["__name__"] ?? "") }
            }
            let mine = own.labels.indices.filter { index in matchers.allSatisfy { $0.matches(own.labels[index]) } }
            guard !mine.isEmpty else { return found }
            found += mine.map { SeriesID(index: Int32(-1 - $0)) }
            return found.map { ($0, labels(of: $0)) }.sorted { $0.1.isListed(before: $1.1) }.map(\.0)
        }

        func labels(of series: SeriesID) -> LabelSet {
            series.index < 0 ? own.labels[place(series)] : base.labels(of: series)
        }

        func append(samplesOf series: SeriesID, after: Int64, through: Int64, to columns: inout SampleColumns) {
            guard series.index < 0 else {
                return base.append(samplesOf: series, after: after, through: through, to: &columns)
            }
            let samples = own.samples[place(series)]
            var index = Self.count(samples.timestamps, through: after)
            while index < samples.count, samples.timestamps[index] <= through {
                columns.append(samples.timestamps[index], samples.values[index])
                index += 1
            }
        }

        func newest(of series: SeriesID, after: Int64, through: Int64) -> (timestamp: Int64, value: Double)? {
            guard series.index < 0 else { return base.newest(of: series, after: after, through: through) }
            let samples = own.samples[place(series)]
            let index = Self.count(samples.timestamps, through: through) - 1
            guard index >= 0, samples.timestamps[index] > after else { return nil }
            return (samples.timestamps[index], samples.values[index])
        }

        func start(of series: SeriesID) -> Int64? { series.index < 0 ? nil : base.start(of: series) }

        private func place(_ series: SeriesID) -> Int { Int(-1 - series.index) }

        /// How many of the ascending times are not after `limit`.
        private static func count(_ times: [Int64], through limit: Int64) -> Int {
            var lower = 0
            var upper = times.count
            while lower < upper {
                let middle = (lower + upper) / 2
                if times[middle] <= limit { lower = middle + 1 } else { upper = middle }
            }
            return lower
        }
    }
}
