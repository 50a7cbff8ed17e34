import Bytes
import Synchronization
import Telemetry

/// The store as it was when the reader was opened. For one thread.
///
/// What a reader holds are the arrays of that moment; whoever appends while it is open copies them first, once. The bits of
/// chunks only ever grow, and a chunk is read as far as it went then. The store's lock is taken for as long as it takes
/// to copy the bits of one series.
final class StoreReader: SampleReader {
    private let locked: LockedState
    private let entries: [SeriesEntry?]
    private let states: [SeriesState]
    private let window: Window
    private let late: [LateSample]
    private let sealed: [Window]
    private let blocks: [Block]
    let seriesGeneration: UInt64
    /// Chunks that were passed over because they are not what was written.
    private(set) var damagedChunks = 0

    private var decoder = ChunkDecoder()
    private var open = ChainCopy()
    private var columns: [ColumnKey: [Int64]] = [:]
    /// The one that was wanted last, as series of one scrape stand side by side.
    private var column: (key: ColumnKey, times: [Int64])?
    private var one = SampleColumns()

    private struct ColumnKey: Hashable {
        var owner: ObjectIdentifier
        var column: UInt32
    }

    /// The chunks of one series in a window, newest first, and their bits, one after the other.
    private struct ChainCopy {
        struct Piece {
            var header: ChunkHeader
            var bitCount: Int
            var firstWord: Int
        }
        var pieces: [Piece] = []
        var words: [UInt64] = []
    }

    /// With the lock held.
    init(_ locked: LockedState, _ state: borrowing StoreState) {
        self.locked = locked
        entries = state.entries
        states = state.states
        window = state.window
        late = state.window.late
        sealed = state.sealed
        blocks = state.blocks
        seriesGeneration = state.generation
    }

    var hasMappedFiles: Bool { blocks.contains { $0.isMapped } }

    // MARK: Series

    func series(matching matchers: [LabelMatcher]) -> [SeriesID] {
        let query = SeriesQuery(matchers: matchers)
        var answers: [SeriesQuery.Question] = []
        while true {
            let answer = locked.shared.index.withLock { index in
                query.ask(&index, answers: answers)
            }
            switch answer {
            case .series(let found):
                // What came since the reader was opened is not there.
                return found.compactMap { place in
                    Int(place) < entries.count && entries[Int(place)] != nil ? SeriesID(index: Int32(place)) : nil
                }
            case .questions(let questions):
                answers = questions
                for place in answers.indices { answers[place].answer(matchers[answers[place].matcher]) }
            }
        }
    }

    func labels(of series: SeriesID) -> LabelSet {
        guard entries.indices.contains(Int(series.index)) else { return LabelSet() }
        return entries[Int(series.index)]?.series.labels ?? LabelSet()
    }

    func start(of series: SeriesID) -> Int64? {
        guard states.indices.contains(Int(series.index)) else { return nil }
        let start = states[Int(series.index)].start
        return start == .min ? nil : start
    }

    // MARK: Samples

    var head: HeadExtent {
        var head = HeadExtent(chunks: 0, oldest: nil)
        func count(_ header: ChunkHeader) {
            head.chunks += 1
            head.oldest = min(head.oldest ?? .max, header.firstTime)
        }
        for window in sealed { for chunk in window.sealed { count(chunk.header) } }
        for state in states where !state.chunk.isEmpty { count(state.chunk.header) }
        locked.state.withLock { _ in
            for chunk in window.sealed { count(chunk.header) }
        }
        return head
    }

    func newest(of series: SeriesID, after: Int64, through: Int64) -> (timestamp: Int64, value: Double)? {
        let place = Int(series.index)
        guard states.indices.contains(place), states[place].lastTime > after else { return nil }
        if states[place].lastTime <= through, states[place].isValueKnown {
            return (states[place].lastTime, states[place].lastValue)
        }
        one.removeAll()
        append(samplesOf: series, after: after, through: through, to: &one)
        guard let time = one.timestamps.last, let value = one.values.last else { return nil }
        return (time, value)
    }

    func append(samplesOf series: SeriesID, after: Int64, through: Int64, to columns: inout SampleColumns) {
        let place = Int(series.index)
        guard states.indices.contains(place), let entry = entries[place], states[place].lastTime > after else { return }
        let start = columns.count
        for block in blocks where block.mayHold(after: after, through: through) {
            append(entry.id, of: block, after, through, &columns)
        }
        for window in sealed { append(place, of: window, after, through, &columns) }
        appendOpen(place, after, through, &columns)
        if states[place].hasLate { columns.settle(from: start) }
    }

    private func append(_ id: UInt32, of block: Block, _ after: Int64, _ through: Int64, _ columns: inout SampleColumns)
    {
        block.forEachChunk(of: id, after: after, through: through) { header, load in
            guard load(&decoder.reader) else { return damagedChunks += 1 }
            let times = times(of: header, ObjectIdentifier(block)) { block.column(header.column) }
            if !decoder.decode(header, times, after: after, through: through, into: &columns) { damagedChunks += 1 }
        }
    }

    /// A window that is sealed does not change: no lock.
    private func append(
        _ place: Int, of window: Window, _ after: Int64, _ through: Int64, _ columns: inout SampleColumns
    ) {
        guard place < window.newest.count else { return }
        open.pieces.removeAll(keepingCapacity: true)
        open.words.removeAll(keepingCapacity: true)
        copy(chain: window.newest[place], of: window, window.arena, after, through)
        decode(window, after, through, &columns) { window.columns[Int($0)] }
        append(late: window.late, place, after, through, &columns)
    }

    private func appendOpen(_ place: Int, _ after: Int64, _ through: Int64, _ columns: inout SampleColumns) {
        let chunk = states[place].chunk
        guard !chunk.isEmpty || chunk.before != SealedChunk.none || !late.isEmpty else { return }
        open.pieces.removeAll(keepingCapacity: true)
        open.words.removeAll(keepingCapacity: true)
        locked.state.withLock { state in
            if state.window === window {
                copy(chunk, of: window, state.arena, after, through)
            } else {
                copy(chunk, of: window, window.arena, after, through)
            }
            // A column is copied while nobody lengthens it.
            for piece in open.pieces where piece.header.column != ChunkHeader.ownTimes {
                _ = times(of: piece.header, ObjectIdentifier(window)) { window.columns[Int(piece.header.column)] }
            }
        }
        decode(window, after, through, &columns) { _ in [] }
        append(late: late, place, after, through, &columns)
    }

    private func copy(
        _ chunk: OpenChunk, of window: Window, _ arena: borrowing CellArena, _ after: Int64, _ through: Int64
    ) {
        if !chunk.isEmpty { copy(chunk.header, chunk.bits, arena, after, through) }
        copy(chain: chunk.before, of: window, arena, after, through)
    }

    private func copy(
        chain newest: UInt32, of window: Window, _ arena: borrowing CellArena, _ after: Int64, _ through: Int64
    ) {
        var next = newest
        while next != SealedChunk.none {
            let chunk = window.sealed[Int(next)]
            if chunk.header.lastTime <= after { return }
            copy(chunk.header, chunk.bits, arena, after, through)
            next = chunk.before
        }
    }

    private func copy(
        _ header: ChunkHeader, _ bits: CellChain, _ arena: borrowing CellArena, _ after: Int64, _ through: Int64
    ) {
        guard header.firstTime <= through, header.lastTime > after else { return }
        open.pieces.append(
            ChainCopy.Piece(header: header, bitCount: Int(bits.bitCount), firstWord: open.words.count))
        arena.copy(bits, to: &open.words)
    }

    private func decode(
        _ window: Window, _ after: Int64, _ through: Int64, _ columns: inout SampleColumns,
        _ column: (UInt32) -> [Int64]
    ) {
        for piece in open.pieces.reversed() {
            let words = (piece.bitCount + 63) / 64
            decoder.reader.load(bitCount: piece.bitCount) { target in
                target.append(contentsOf: open.words[piece.firstWord..<(piece.firstWord + words)])
            }
            let times = times(of: piece.header, ObjectIdentifier(window)) { column(piece.header.column) }
            if !decoder.decode(piece.header, times, after: after, through: through, into: &columns) {
                damagedChunks += 1
            }
        }
    }

    /// The column of a chunk; `load`ed the first time.
    private func times(of header: ChunkHeader, _ owner: ObjectIdentifier, _ load: () -> [Int64]) -> [Int64] {
        guard header.column != ChunkHeader.ownTimes else { return [] }
        let key = ColumnKey(owner: owner, column: header.column)
        if let column, column.key == key { return column.times }
        let times = columns[key] ?? load()
        if columns[key] == nil { columns[key] = times }
        column = (key, times)
        return times
    }

    private func append(
        late: [LateSample], _ place: Int, _ after: Int64, _ through: Int64, _ columns: inout SampleColumns
    ) {
        guard states[place].hasLate else { return }
        for sample in late where sample.series == UInt32(place) && sample.time > after && sample.time <= through {
            columns.append(sample.time, sample.value)
        }
    }
}

extension SampleColumns {
    /// Puts what is from `start` on in order of time; of several of one time the first stays.
    mutating func settle(from start: Int) {
        var isOrdered = true
        for place in timestamps.indices.dropFirst(start + 1) where timestamps[place] <= timestamps[place - 1] {
            isOrdered = false
            break
        }
        if isOrdered { return }
        let order = (start..<timestamps.count).sorted { (timestamps[$0], $0) < (timestamps[$1], $1) }
        var sorted = SampleColumns()
        for place in order where sorted.timestamps.last != timestamps[place] {
            sorted.append(timestamps[place], values[place])
        }
        timestamps.removeLast(timestamps.count - start)
        values.removeLast(values.count - start)
        timestamps.append(contentsOf: sorted.timestamps)
        values.append(contentsOf: sorted.values)
    }
}
