import Telemetry

/// Series in plain arrays: the storage of test scripts.
///
/// For one thread.
package final class MemorySamples: SampleSource, SampleStartReader, HistogramReader, @unchecked Sendable {
    private var indices: [LabelSet: Int] = [:]
    private var sets: [LabelSet] = []
    private var columns: [SampleColumns] = []
    /// Start timestamps beside the samples, 0 where there is none; empty where a series has none at all.
    private var starts: [[Int64]] = []
    private var histograms = HistogramTable()
    private var chunks: [Int: HistogramChunk] = [:]
    private var generation: UInt64

    /// No two stores share a generation.
    private nonisolated(unsafe) static var generations: UInt64 = 0

    package init() {
        MemorySamples.generations += 1 << 32
        generation = MemorySamples.generations
    }

    package var seriesGeneration: UInt64 { generation }

    package var seriesCount: Int { sets.count }

    /// Adds a sample; one at the same time is replaced.
    package func append(_ labels: LabelSet, _ timestamp: Int64, _ value: Double, start: Int64 = 0) {
        let index = index(of: labels)
        if !value.isHistogramMark { chunks[index] = nil }
        if let last = columns[index].timestamps.last, last >= timestamp {
            insert(index, timestamp, value, start)
            return
        }
        columns[index].append(timestamp, value)
        appendStart(index, start)
    }

    /// Adds a native histogram as Prometheus's store would: what it says of counter resets, and which empty buckets it has, comes
    /// of the histograms before it.
    package func append(_ labels: LabelSet, _ timestamp: Int64, _ histogram: FloatHistogram, start: Int64 = 0) {
        let index = index(of: labels)
        var chunk = chunks[index]
        let joined = chunk?.join(histogram)
        if joined == nil {
            chunk = HistogramChunk(histogram)
        } else if let filling = chunk?.filling {
            // Those before it get the buckets that it has brought.
            for place in columns[index].values.suffix(filling.count) {
                guard let earlier = histograms[place] else { continue }
                histograms.replace(place, by: earlier.filled(with: filling.layout))
            }
        }
        append(labels, timestamp, histograms.put(joined ?? chunk?.first ?? histogram), start: start)
        chunks[index] = chunk
    }

    package func histogram(_ mark: Double) -> FloatHistogram? { histograms[mark] }

    private func index(of labels: LabelSet) -> Int {
        if let index = indices[labels] { return index }
        indices[labels] = sets.count
        sets.append(labels)
        columns.append(SampleColumns())
        starts.append([])
        generation += 1
        return sets.count - 1
    }

    private func appendStart(_ index: Int, _ start: Int64) {
        if start == 0, starts[index].isEmpty { return }
        while starts[index].count < columns[index].count - 1 { starts[index].append(0) }
        starts[index].append(start)
    }

    private func insert(_ index: Int, _ timestamp: Int64, _ value: Double, _ start: Int64) {
        let place = columns[index].timestamps.firstIndex { $0 >= timestamp } ?? columns[index].count
        while !starts[index].isEmpty, starts[index].count < columns[index].count { starts[index].append(0) }
        if columns[index].timestamps[place] == timestamp {
            columns[index].values[place] = value
            return
        }
        columns[index].timestamps.insert(timestamp, at: place)
        columns[index].values.insert(value, at: place)
        if !starts[index].isEmpty { starts[index].insert(start, at: place) }
    }

    // MARK: - Reading

    package func read<Result>(_ body: (any SampleReader) throws -> Result) rethrows -> Result { try body(self) }

    package func series(matching matchers: [LabelMatcher]) -> [SeriesID] {
        let found = sets.indices.filter { index in matchers.allSatisfy { $0.matches(sets[index]) } }
        return found.sorted { sets[$0].precedes(sets[$1]) }.map { SeriesID(index: Int32($0)) }
    }

    package func labels(of series: SeriesID) -> LabelSet { sets[Int(series.index)] }

    package func append(samplesOf series: SeriesID, after: Int64, through: Int64, to output: inout SampleColumns) {
        let index = Int(series.index)
        var place = firstIndex(index, after: after)
        while place < columns[index].count, columns[index].timestamps[place] <= through {
            output.append(columns[index].timestamps[place], columns[index].values[place])
            place += 1
        }
    }

    package func append(startsOf series: SeriesID, after: Int64, through: Int64, to output: inout [Int64]) {
        let index = Int(series.index)
        guard !starts[index].isEmpty else { return }
        var place = firstIndex(index, after: after)
        while place < columns[index].count, columns[index].timestamps[place] <= through {
            output.append(place < starts[index].count ? starts[index][place] : 0)
            place += 1
        }
    }

    package func newest(of series: SeriesID, after: Int64, through: Int64) -> (timestamp: Int64, value: Double)? {
        let index = Int(series.index)
        let place = firstIndex(index, after: through) - 1
        guard place >= 0, columns[index].timestamps[place] > after else { return nil }
        return (columns[index].timestamps[place], columns[index].values[place])
    }

    package func start(of series: SeriesID) -> Int64? { nil }

    /// The first sample later than `time`.
    private func firstIndex(_ index: Int, after time: Int64) -> Int {
        var (low, high) = (0, columns[index].count)
        while low < high {
            let middle = (low + high) / 2
            if columns[index].timestamps[middle] <= time { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
