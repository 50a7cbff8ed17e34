import Bytes
import Telemetry

/// Turns the samples of one source's batches into samples of series.
///
/// A series is found by the bytes it has in the batch (name and label text); its labels are taken apart, joined with the
/// target's and relabelled only when these bytes are new. A scrape of series that are known allocates nothing per sample.
///
/// Each collection is one round: `begin`, `take` for each batch, then `finish`, which adds stale markers for what is gone,
/// or `fail`, which adds them for all. Memory is bound to the largest of the last rounds: a series not seen for
/// `longestAbsence` rounds is forgotten. For one thread at a time.
package struct SeriesCache: ~Copyable {
    package let rules: SeriesRules
    /// Of the round that runs or ran last.
    package private(set) var counts = SeriesCounts()

    private var table = SeriesTable()
    private var maker: SeriesMaker
    private var round: UInt32 = 0
    /// The last good round with a page that had something on it: a series it did not have counts as added when it comes
    /// back, as it does for Prometheus, which forgets it then.
    private var lastFullRound: UInt32 = 0
    /// Where in the table the next sample is looked for first: pages keep their order.
    private var expected = 0
    /// Rounds since one had new series.
    private var rest = 0
    /// The last exemplar of each series that has any, by its place in the table.
    private var exemplars: [Int32: LastExemplar] = [:]

    /// A page shows an exemplar until there is a newer one; it goes out once, as it does from Prometheus.
    private struct LastExemplar: Equatable {
        var labels: UInt64
        var value: UInt64
        /// As the page has it.
        var timestamp: Int64
    }

    static let longestAbsence: UInt32 = 2
    /// Milliseconds.
    private static let mostAhead: Int64 = 600_000

    package init(_ rules: SeriesRules) {
        self.rules = rules
        maker = SeriesMaker(rules)
    }

    /// Series known, those included that relabelling drops.
    package var count: Int { table.entries.count }
    /// Of each family seen, what is known about it.
    package var metadata: [MetricMetadata] { maker.metadata.values.sorted { $0.name < $1.name } }

    /// Grows with each change of `metadata`.
    var metadataChanges: Int { maker.metadataChanges }

    /// Begins a round.
    package mutating func begin() {
        round &+= 1
        counts = SeriesCounts()
        expected = 0
    }

    /// Adds the samples of `batch` to `output`. `time` is the round's, milliseconds since 1970.
    ///
    /// Throws where a limit is exceeded or a series is none; what it added until then is the caller's to take back, with
    /// `fail`. Exceeding the limit on samples is thrown after all have been counted.
    package mutating func take(
        _ batch: borrowing SampleBatch, at time: Int64, into output: inout SeriesBatch
    ) throws(SeriesError) {
        var exemplar = 0
        for index in 0..<batch.samples.count {
            let sample = batch.samples[index]
            if sample.suffix == .created, !rules.keepsCreatedSeries { continue }
            counts.scraped += 1
            table.key.removeAll()
            batch.appendName(of: sample, to: &table.key)
            table.key.append(0xff)
            table.key.append(batch.bytes(sample.labels.text))
            var isNew = false
            var place = table.find(expected: expected)
            if place < 0 {
                isNew = true
                place = try add(batch, sample)
            } else {
                isNew = table.entries[place].lastSeen < lastFullRound
            }
            expected = place + 1
            table.entries[place].lastSeen = round
            guard let series = table.entries[place].series else { continue }
            counts.kept += 1
            let fate = append(series, place, sample, Self.start(batch, index), time, to: &output)
            if isNew, fate != .refused { counts.added += 1 }
            if fate != .taken { continue }
            while exemplar < batch.exemplars.count, Int(batch.exemplars[exemplar].sample) < index { exemplar += 1 }
            if exemplar < batch.exemplars.count, Int(batch.exemplars[exemplar].sample) == index {
                append(batch, batch.exemplars[exemplar], of: series, place, time, to: &output)
            }
        }
        if isOverLimit { throw .sampleLimit(limit: rules.limits.samples, found: counts.kept) }
    }

    /// Ends a round that went well: adds stale markers for series that were there in an earlier one and are gone.
    /// `isEmpty` says that there was nothing at all on the page.
    package mutating func finish(at time: Int64, isEmpty: Bool = false, into output: inout SeriesBatch) {
        if !isEmpty { lastFullRound = round }
        var absent = 0
        for index in 0..<table.entries.count {
            if table.entries[index].trackedIn == round {
                table.entries[index].isLive = true
            } else if table.entries[index].isLive {
                markStale(index, at: time, in: &output)
            }
            if round &- table.entries[index].lastSeen > Self.longestAbsence { absent += 1 }
        }
        if counts.added > 0 { rest = 0 } else { rest += 1 }
        // Only once it has stopped growing: trimmed, it copies all with the next new series.
        if rest == 2 { table.trim() }
        // Not at each absence: forgetting one costs as much as forgetting all.
        if absent > 32, absent * 4 > table.entries.count {
            table = table.kept(round: round, longestAbsence: Self.longestAbsence)
            maker.forgetStrings()
            // Places have changed: some go out again.
            exemplars = [:]
        }
    }

    /// Ends a round that failed: `output` is emptied and has stale markers for all series there were.
    package mutating func fail(at time: Int64, into output: inout SeriesBatch) {
        output.removeAll()
        exemplars = [:]
        for index in 0..<table.entries.count {
            if table.entries[index].lastSeen == round {
                // Its samples of this round never went out. One that has times of its own may come again; that does
                // less harm than missing one.
                let isTracked = table.entries[index].trackedIn == round
                table.entries[index].lastTime = isTracked ? min(time - 1, table.entries[index].lastTime) : .min
            }
            if table.entries[index].isLive { markStale(index, at: time, in: &output) }
        }
    }

    /// Goes on with the series of `other`: those it had last and this one does not find get stale markers at the end of the
    /// next good round, and the others stay the same objects. Before the first round.
    package mutating func adopt(_ other: borrowing SeriesCache) {
        for entry in other.table.entries where entry.isLive {
            guard let series = entry.series, table.find(series.labels) == nil else { continue }
            // Bytes that no batch has.
            table.key.removeAll()
            table.key.append(0xfe)
            table.key.append(littleEndian: UInt32(table.entries.count))
            let place = table.append(series: series, round: round)
            table.entries[place].isLive = true
            table.entries[place].lastTime = entry.lastTime
        }
    }

    // MARK: Samples

    private var isOverLimit: Bool { rules.limits.samples > 0 && counts.kept > rules.limits.samples }

    private enum Fate {
        case taken
        /// The series has a sample of this time.
        case repeated
        case refused
    }

    private mutating func append(
        _ series: Series, _ place: Int, _ sample: SampleBatch.Sample, _ start: Int64, _ time: Int64,
        to output: inout SeriesBatch
    ) -> Fate {
        let owner = Int(table.entries[place].owner)
        let hasTime = rules.honorsTimestamps && sample.timestamp != SampleBatch.noTimestamp
        let timestamp = hasTime ? sample.timestamp : time
        if !hasTime || rules.tracksTimestampStaleness { table.entries[owner].trackedIn = round }
        if isOverLimit { return .refused }
        guard timestamp > table.entries[owner].lastTime else {
            counts.outOfOrder += 1
            return timestamp == table.entries[owner].lastTime ? .repeated : .refused
        }
        guard !hasTime || timestamp <= time + Self.mostAhead else {
            counts.ahead += 1
            return .refused
        }
        table.entries[owner].lastTime = timestamp
        output.samples.append(
            SeriesSample(series: series, timestamp: timestamp, value: sample.value, startTimestamp: start))
        return .taken
    }

    private mutating func append(
        _ batch: borrowing SampleBatch, _ exemplar: SampleBatch.Exemplar, of series: Series, _ place: Int,
        _ time: Int64, to output: inout SeriesBatch
    ) {
        let last = LastExemplar(
            labels: batch.bytes(exemplar.labels.text).fnv1a, value: exemplar.value.bitPattern,
            timestamp: exemplar.timestamp)
        guard exemplars.updateValue(last, forKey: table.entries[place].owner) != last else { return }
        guard let labels = SeriesText.labels(batch.bytes(exemplar.labels.text)) else { return }
        output.exemplars.append(
            SeriesExemplar(
                series: series, labels: labels, value: exemplar.value,
                timestamp: exemplar.timestamp == SampleBatch.noTimestamp ? time : exemplar.timestamp))
    }

    private mutating func markStale(_ index: Int, at time: Int64, in output: inout SeriesBatch) {
        table.entries[index].isLive = false
        guard let series = table.entries[index].series, time > table.entries[index].lastTime else { return }
        table.entries[index].lastTime = time
        output.samples.append(SeriesSample(series: series, timestamp: time, value: StaleMarker.value))
    }

    /// When the series of a sample began, if the batch says so within the next samples of its family; 0 else.
    private static func start(_ batch: borrowing SampleBatch, _ index: Int) -> Int64 {
        let sample = batch.samples[index]
        switch batch.families[Int(sample.family.index)].type {
        case .counter, .histogram, .summary: break
        default: return 0
        }
        guard sample.suffix != .created, sample.suffix != .bucket else { return 0 }
        for next in (index + 1)..<max(index + 1, min(index + 4, batch.samples.count)) {
            let other = batch.samples[next]
            guard other.family == sample.family else { return 0 }
            guard other.suffix == .created else { continue }
            guard
                other.labels == sample.labels
                    || batch.bytes(other.labels.text).equals(batch.bytes(sample.labels.text)),
                other.value.isFinite, other.value.magnitude < 9e15
            else { return 0 }
            return Int64(other.value * 1000)
        }
        return 0
    }

    // MARK: Series

    /// Makes the series whose bytes are the table's `key` and returns its place.
    private mutating func add(
        _ batch: borrowing SampleBatch, _ sample: SampleBatch.Sample
    ) throws(SeriesError) -> Int {
        guard let labels = try maker.labels(of: sample, in: batch) else {
            return table.append(series: nil, round: round)
        }
        if let owner = table.find(labels) {
            return table.append(series: table.entries[owner].series, owner: owner, round: round)
        }
        let series = Series(labels: labels, metadata: maker.metadata(of: sample, in: batch))
        return table.append(series: series, round: round)
    }
}
