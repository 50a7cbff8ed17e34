import Bytes
import Synchronization
import Telemetry

/// Samples that follow one another in a batch and have the same time.
struct SampleRun {
    var time: Int64
    /// Whether there are enough of them to share a column.
    var isShared: Bool
    /// Whose column; `SeriesState.none` until one is found.
    var clock = SeriesState.none
    var tick: UInt32 = 0
}

extension StoreState {
    /// Samples of one time in a batch from which on they share a column.
    private static let sharedLength = 4
    /// Samples that are looked at for a series whose clock can be taken.
    private static let lookahead = 64
    /// Samples of a series below which a block would not be worth it.
    private static let fewestSamples = 120

    /// Takes a batch. O(1) per sample of a known series.
    mutating func append(_ samples: [SeriesSample]) {
        var run = SampleRun(time: .min, isShared: false)
        var expected = log.current == SeriesState.none ? SeriesState.none : states[Int(log.current)].successor
        var steady = 0
        for position in samples.indices {
            let time = samples[position].timestamp
            if time != run.time || position == 0 {
                let last = position + Self.sharedLength - 1
                run = SampleRun(time: time, isShared: last < samples.count && samples[last].timestamp == time)
                log.setTime(time)
            }
            let object = ObjectIdentifier(samples[position].series)
            if expected != SeriesState.none, states[Int(expected)].object == object,
                samples[position].startTimestamp == 0
                    || samples[position].startTimestamp == states[Int(expected)].start
            {
                let value = samples[position].value
                let isTaken: Bool
                if Self.takeRepeated(&states[Int(expected)], run, value) {
                    log.repeatSample()
                    isTaken = true
                } else {
                    let old = states[Int(expected)].lastValue
                    let change = Self.takeChanged(&states[Int(expected)], run, value, &arena)
                    if let change { log.change(value, from: old, change) }
                    isTaken = change != nil
                }
                if isTaken {
                    steady &+= 1
                    log.current = expected
                    expected = states[Int(expected)].successor
                    continue
                }
            }
            guard let place = place(of: samples, position, &run) else { continue }
            take(place, samples[position].value, start: samples[position].startTimestamp, &run)
            expected = log.current == SeriesState.none ? SeriesState.none : states[Int(log.current)].successor
        }
        log.flush()
        tally.samples &+= steady
        window.samples &+= tally.samples
        if log.replayNanoseconds > configuration.longestReplay, window.samples >= Self.fewestSamples * seriesCount {
            mustSeal = true
        }
    }

    /// The place of a sample's series, which is made where it is new; nil where it may not be.
    private mutating func place(of samples: [SeriesSample], _ position: Int, _ run: inout SampleRun) -> Int? {
        let series = samples[position].series
        let known = find(ObjectIdentifier(series)) ?? rebind(series)
        if run.isShared, run.clock == SeriesState.none {
            // A series that is new, or has times of its own, takes the clock of those that come with it.
            if known.map({ states[$0].chunk.isEmpty }) ?? true { findClock(samples, from: position, &run) }
        }
        if let known { return known }
        guard seriesCount < configuration.seriesLimit else {
            tally.overSeriesLimit += 1
            return nil
        }
        guard !isFull else {
            tally.overMemoryLimit += 1
            return nil
        }
        let birth = birth(of: series, run)
        let place = insert(series, id: nextID)
        if let birth, samples[position].startTimestamp == 0 {
            states[place].start = birth
            tally.births += 1
        }
        return place
    }

    // MARK: One sample

    /// Takes a sample of a known series at the run's time.
    mutating func take(_ place: Int, _ value: Double, start: Int64, _ run: inout SampleRun) {
        let time = run.time
        let lastTime = states[place].lastTime
        if time <= lastTime { return takeLate(place, time, value) }
        // Differences of such times would not be numbers.
        guard time.magnitude < Self.lastTimeOfAll else { return tally.tooOld += 1 }
        let hasNewStart = start != 0 && states[place].start != start
        if hasNewStart { states[place].start = start }
        let oldValue = states[place].lastValue
        let coded = states[place].chunk.model.previous
        let wasEmpty = states[place].chunk.isEmpty
        let change = write(place, value, &run)
        states[place].lastTime = time
        states[place].lastValue = value
        states[place].isValueKnown = true
        tally.samples &+= 1
        let clock = states[place].chunk.header.column
        states[place].wasThereBefore =
            clock != ChunkHeader.ownTimes && lastTime != .min && lastTime == clocks[Int(clock)].before
            && !isStaleMarker(oldValue)

        let isDefined = name(place)
        if states[place].start != .min, hasNewStart || isDefined { log.start(states[place].start) }
        if !states[place].isValueLogged {
            states[place].isValueLogged = true
            log.whole(value)
        } else if value.bitPattern == oldValue.bitPattern {
            log.repeatSample()
        } else {
            // The difference is from the chunk's last value, which may be another.
            let fits = !wasEmpty && coded.bitPattern == oldValue.bitPattern
            log.change(value, from: oldValue, fits ? change : .other)
        }
    }

    /// Tells the log whose sample comes next; true where it did not know the series.
    private mutating func name(_ place: Int) -> Bool {
        let current = log.current
        let isExpected = current != SeriesState.none && states[Int(current)].successor == UInt32(place)
        if !isExpected, current != SeriesState.none { states[Int(current)].successor = UInt32(place) }
        log.current = UInt32(place)
        if !states[place].isLogged {
            states[place].isLogged = true
            if let entry = entries[place] { log.define(entry.id, entry.series.labels) }
            return true
        }
        if !isExpected, let entry = entries[place] { log.seek(entry.id) }
        return false
    }

    /// Puts it into the series' chunk, or a new one.
    private mutating func write(_ place: Int, _ value: Double, _ run: inout SampleRun) -> ValueModel.Change {
        if !states[place].chunk.isEmpty {
            // A stale marker never begins a chunk that could go on: what comes after it is coded by what was before.
            let isFull = states[place].chunk.isFull && !isStaleMarker(value)
            let column = states[place].chunk.header.column
            if column == ChunkHeader.ownTimes {
                if !isFull { return states[place].chunk.append(run.time, value, &arena) }
                window.seal(&states[place].chunk)
            } else if let tick = tick(of: column, &run) {
                if !isFull { return states[place].chunk.append(run.time, value, tick: tick, &arena) }
                window.seal(&states[place].chunk)
            } else {
                // Another source's batch, it seems: times of its own until this chunk is full.
                window.seal(&states[place].chunk)
                states[place].chunk.begin(run.time, value, column: ChunkHeader.ownTimes, tick: 0)
                return .other
            }
        }
        if run.isShared, let (clock, tick) = clock(for: place, &run) {
            states[place].clock = clock
            states[place].chunk.begin(run.time, value, column: clock, tick: tick)
        } else {
            states[place].chunk.begin(run.time, value, column: ChunkHeader.ownTimes, tick: 0)
        }
        return .other
    }

    private static let lastTimeOfAll: UInt64 = 1 << 60

    // MARK: Late samples

    private static let mostLate = 1 << 16

    // What a block has at the same time is not looked up: of the two the block's is shown, and the late one counts as taken.
    private mutating func takeLate(_ place: Int, _ time: Int64, _ value: Double) {
        let lastTime = states[place].lastTime
        if time == lastTime {
            guard states[place].isValueKnown else { return tally.duplicates += 1 }
            return count(value, isAlso: states[place].lastValue)
        }
        guard time >= lastTime &- configuration.lateWindow else { return tally.tooOld += 1 }
        if let there = stored(of: place, at: time) { return count(value, isAlso: there) }
        guard window.late.count < Self.mostLate || isReplaying else { return tally.tooManyLate += 1 }
        window.late.append(LateSample(series: UInt32(place), time: time, value: value))
        states[place].hasLate = true
        tally.late += 1
        tally.samples += 1
        _ = name(place)
        log.whole(value)
    }

    private mutating func count(_ value: Double, isAlso there: Double) {
        if value.bitPattern == there.bitPattern || value.isNaN && there.isNaN {
            tally.duplicates += 1
        } else {
            tally.conflicts += 1
        }
    }

    /// The value that a series has in the open window at just this time.
    private func stored(of place: Int, at time: Int64) -> Double? {
        if let late = window.late.last(where: { $0.series == UInt32(place) && $0.time == time }) { return late.value }
        var decoder = ChunkDecoder()
        var found = SampleColumns()
        func look(_ header: ChunkHeader, _ bits: CellChain) {
            guard header.firstTime <= time, header.lastTime >= time else { return }
            decoder.reader.load(bitCount: Int(bits.bitCount)) { arena.copy(bits, to: &$0) }
            let times = header.column == ChunkHeader.ownTimes ? [] : window.columns[Int(header.column)]
            _ = decoder.decode(header, times, after: time &- 1, through: time, into: &found)
        }
        if !states[place].chunk.isEmpty { look(states[place].chunk.header, states[place].chunk.bits) }
        var next = states[place].chunk.before
        while found.count == 0, next != SealedChunk.none {
            let chunk = window.sealed[Int(next)]
            if chunk.header.lastTime < time { break }
            look(chunk.header, chunk.bits)
            next = chunk.before
        }
        return found.values.first
    }

    // MARK: Clocks

    private static let mostTicks = 1 << 16

    /// The place of the run's time in a clock's column, which it may lengthen; nil where it does not fit there.
    private mutating func tick(of clock: UInt32, _ run: inout SampleRun) -> UInt32? {
        if run.clock == clock { return run.tick }
        guard run.clock == SeriesState.none else { return nil }
        let index = Int(clock)
        while window.columns.count <= index { window.columns.append([]) }
        let last = clocks[index].last
        if last == run.time, !window.columns[index].isEmpty {
            if run.isShared { run.clock = clock }
            run.tick = UInt32(window.columns[index].count - 1)
            return run.tick
        }
        guard run.isShared, last < run.time else { return nil }
        guard window.columns[index].count < Self.mostTicks else {
            mustSeal = true
            return nil
        }
        clocks[index].go(to: run.time, window: window.number, isLive: !isReplaying)
        window.columns[index].append(run.time)
        run.clock = clock
        run.tick = UInt32(window.columns[index].count - 1)
        return run.tick
    }

    /// The clock for a series that begins a chunk.
    private mutating func clock(for place: Int, _ run: inout SampleRun) -> (UInt32, tick: UInt32)? {
        if run.clock != SeriesState.none { return (run.clock, run.tick) }
        let own = states[place].clock
        if own != SeriesState.none, let tick = tick(of: own, &run) { return (own, tick) }
        let new = newClock()
        return tick(of: new, &run).map { (new, $0) }
    }

    private mutating func findClock(_ samples: [SeriesSample], from position: Int, _ run: inout SampleRun) {
        for next in position..<min(position + Self.lookahead, samples.count) {
            guard samples[next].timestamp == run.time else { return }
            guard let place = find(ObjectIdentifier(samples[next].series)), states[place].clock != SeriesState.none
            else { continue }
            if tick(of: states[place].clock, &run) != nil { return }
        }
    }

    private mutating func newClock() -> UInt32 {
        // One that went on neither in this window nor in the one before.
        if let idle = clocks.firstIndex(where: { $0.window + 1 < window.number }) {
            clocks[idle] = Clock(window: window.number)
            return UInt32(idle)
        }
        clocks.append(Clock(window: window.number))
        return UInt32(clocks.count - 1)
    }

    // MARK: Births

    /// When a counter that comes for the first time began to count, where that can be told honestly: its source reported
    /// others of the same name the last time, does so now, and not this one.
    ///
    /// It is then the last time: what it counted, it counted since. A whole family that is new says nothing; it may be its
    /// collector that has come to life.
    private func birth(of series: Series, _ run: SampleRun) -> Int64? {
        guard !isReplaying, run.clock != SeriesState.none, let name = series.labels["__name__"],
            series.metadata.counts(name)
        else { return nil }
        let clock = clocks[Int(run.clock)]
        guard clock.last == run.time, clock.isBeforeLive, clock.before != .min else { return nil }
        let hasSibling = shared.index.withLock { index in
            guard let names = index.names["__name__"], let place = names.find(name) else { return false }
            let value = names.values[place]
            let siblings = value.all.isEmpty ? [value.first] : value.all
            return siblings.prefix(256).contains { sibling in
                guard sibling != SeriesState.none else { return false }
                let state = states[Int(sibling)]
                guard state.clock == run.clock, state.isValueKnown, !isStaleMarker(state.lastValue) else {
                    return false
                }
                return state.lastTime == clock.before || state.lastTime == run.time && state.wasThereBefore
            }
        }
        return hasSibling ? clock.before : nil
    }
}

extension Clock {
    mutating func go(to time: Int64, window: UInt64, isLive: Bool) {
        before = last
        isBeforeLive = isLastLive
        last = time
        isLastLive = isLive
        self.window = window
    }
}

extension MetricMetadata {
    /// Whether a series of the family, under this name, is a count that begins at 0.
    fileprivate func counts(_ series: String) -> Bool {
        switch type {
        case .counter: !series.hasSuffix("_created")
        case .histogram: series.hasSuffix("_bucket") || series.hasSuffix("_count") || series.hasSuffix("_sum")
        case .summary: series != name && (series.hasSuffix("_count") || series.hasSuffix("_sum"))
        default: false
        }
    }
}
