import Bytes
import CLinux
import Glibc
import Synchronization
import Telemetry

extension SeriesStore {
    /// Blocks above which some are brought together.
    private static let mostBlocks = 24
    /// Brought together at a time.
    private static let mergedBlocks = 6
    /// Series forgotten while the lock is held.
    private static let forgottenAtOnce = 256

    /// Looks after memory and disk: forgets what is older than its series' horizon, brings small blocks together.
    func maintain(now: Timestamp) {
        measure()
        let time = now.milliseconds
        forgetSeries(time)
        let horizons = self.horizons()
        let longest = Int64(horizons.values.reduce(0) { max($0, $1) }) * 1000
        let minimum = max(longest, configuration.minimumRetention)
        drop { $0.latest < time &- minimum }
        if writer.withLock({ $0.blockRetry.isDue(.monotonic) }) { compact(time, horizons) }
        bound()
    }

    /// The part of it that does without knowing what is wanted.
    func measure() {
        let mustTrim = writer.withLock { writer in
            writer.maintained = .monotonic
            let rests = writer.rests()
            defer { writer.mustTrim = false }
            return writer.mustTrim || rests
        }
        measureMemory()
        bound()
        releaseMemory(trims: mustTrim)
    }

    /// Makes less resident: the pages of blocks, of which comes back what is read, and the holes that a window leaves in the
    /// heap, or a burst of samples.
    private func releaseMemory(trims: Bool) {
        for block in locked.state.withLock({ $0.blocks }) { block.releasePages() }
        if trims { clinux_trim_heap() }
    }

    /// By id, in seconds.
    private func horizons() -> [UInt32: UInt32] {
        let (entries, states) = locked.state.withLock { ($0.entries, $0.states) }
        var result: [UInt32: UInt32] = [:]
        for (place, entry) in entries.enumerated() {
            if let entry { result[entry.id] = states[place].horizon }
        }
        return result
    }

    private func measureMemory() {
        locked.state.withLock { state in
            state.isFull = state.memory > configuration.memoryLimit
            if state.windowByteCount > configuration.memoryLimit / 2 { state.mustSeal = true }
        }
    }

    /// Forgets series without a sample within their horizon. Places are given to others only while nobody reads.
    private func forgetSeries(_ time: Int64) {
        while true {
            let isOver = locked.state.withLock { state -> Bool in
                guard state.readers == 0, state.sealed.isEmpty else { return true }
                var gone: [Int] = []
                for place in state.states.indices where state.entries[place] != nil {
                    let last = state.states[place].lastTime
                    guard last < time &- Int64(state.states[place].horizon) * 1000 else { continue }
                    // What is in memory becomes part of a block first.
                    if !state.states[place].chunk.isEmpty || state.states[place].chunk.before != SealedChunk.none {
                        continue
                    }
                    if state.states[place].isLogged { continue }
                    gone.append(place)
                    if gone.count == Self.forgottenAtOnce { break }
                }
                state.remove(gone)
                return gone.count < Self.forgottenAtOnce
            }
            if isOver { return }
        }
    }

    /// Drops the blocks for which `isGone` holds, their files too; readers go on undisturbed.
    private func drop(where isGone: (Block) -> Bool) {
        let gone = locked.state.withLock { state in
            let gone = state.blocks.filter(isGone)
            if !gone.isEmpty { state.blocks.removeAll(where: isGone) }
            return gone
        }
        guard let path = configuration.directory else { return }
        for block in gone { remove(BlockFormat.fileName(block.numbers), in: StoreDirectory(path: path)) }
    }

    /// Keeps files, or the memory of a store without any, below their limits: the oldest go.
    func bound() {
        while true {
            let oldest = locked.state.withLock { state -> Block? in
                let isOver =
                    configuration.directory != nil
                    ? Self.blockBytes(state) > configuration.diskLimit
                    : state.blocks.reduce(0) { $0 + $1.memory } > configuration.memoryLimit / 2
                // Windows that the disk does not take must not fill the memory.
                if state.sealed.count > 1, state.sealed.reduce(0, { $0 + $1.byteCount }) > configuration.memoryLimit / 2
                {
                    state.sealed.removeFirst()
                    metrics.lostWindows.add()
                }
                return isOver ? state.blocks.first : nil
            }
            guard let oldest else { break }
            drop { $0 === oldest }
        }
        locked.state.withLock { $0.isFull = $0.memory > configuration.memoryLimit }
    }

    // MARK: Compaction

    /// Writes anew what is worth it: a block of which more than half is past its horizon, or several small ones when there
    /// are many.
    private func compact(_ time: Int64, _ horizons: [UInt32: UInt32]) {
        let blocks = locked.state.withLock { $0.blocks }
        for block in blocks where isMostlyGone(block, time, horizons) { rewrite([block], time, horizons) }
        let left = locked.state.withLock { $0.blocks }
        guard left.count > Self.mostBlocks else { return }
        var best = 0
        var least = Int.max
        for start in 0...(left.count - Self.mergedBlocks) {
            let size = left[start..<(start + Self.mergedBlocks)].reduce(0) { $0 + $1.size }
            if size < least { (best, least) = (start, size) }
        }
        rewrite(Array(left[best..<(best + Self.mergedBlocks)]), time, horizons)
    }

    private func isMostlyGone(_ block: Block, _ time: Int64, _ horizons: [UInt32: UInt32]) -> Bool {
        guard block.earliest < time &- configuration.minimumRetention else { return false }
        var all = 0
        var live = 0
        block.forEachChunk { chunk, _, last in
            let size = chunk.byteCount + BlockFormat.recordSize
            all += size
            if Self.isLive(chunk.series, last, time, horizons) { live += size }
        }
        return live * 2 < all
    }

    private func hasLive(_ blocks: [Block], _ time: Int64, _ horizons: [UInt32: UInt32]) -> Bool {
        var result = false
        for block in blocks {
            block.forEachChunk { chunk, _, last in
                if Self.isLive(chunk.series, last, time, horizons) { result = true }
            }
        }
        return result
    }

    private static func isLive(_ id: UInt32, _ last: Int64, _ time: Int64, _ horizons: [UInt32: UInt32]) -> Bool {
        guard let horizon = horizons[id] else { return false }
        return last >= time &- Int64(horizon) * 1000
    }

    /// Makes one block of what is live in adjacent ones. Its name says whose place it takes: a start that finds both goes
    /// by it.
    private func rewrite(_ blocks: [Block], _ time: Int64, _ horizons: [UInt32: UInt32]) {
        guard let first = blocks.first, let last = blocks.last else { return }
        let (entries, states) = locked.state.withLock { ($0.entries, $0.states) }
        let numbers = first.numbers.lowerBound...last.numbers.upperBound
        guard hasLive(blocks, time, horizons) else {
            return drop { block in blocks.contains { $0 === block } }
        }
        writer.withLock { writer in
            let new = makeBlock(numbers: numbers, &writer) { output throws(SystemError) in
                try Self.copy(blocks, to: &output, entries, states, time, horizons)
            }
            guard let new else { return }
            locked.state.withLock { state in
                guard let place = state.blocks.firstIndex(where: { $0 === first }) else { return }
                state.blocks.replaceSubrange(place..<(place + blocks.count), with: [new])
            }
            guard let directory = writer.directory else { return }
            for block in blocks where block.numbers != numbers {
                remove(BlockFormat.fileName(block.numbers), in: directory)
            }
        }
    }

    private static func copy(
        _ blocks: [Block], to output: inout BlockWriter, _ entries: [SeriesEntry?], _ states: [SeriesState],
        _ time: Int64, _ horizons: [UInt32: UInt32]
    ) throws(SystemError) {
        var order: [(id: UInt32, place: Int)] = []
        for (place, entry) in entries.enumerated() { if let entry { order.append((entry.id, place)) } }
        order.sort { $0.id < $1.id }
        var columns: [[UInt32: UInt32]] = Array(repeating: [:], count: blocks.count)
        var reader = BitReader()
        for (id, place) in order {
            guard let entry = entries[place] else { continue }
            var hasBegun = false
            for (number, block) in blocks.enumerated() {
                var found: [(header: ChunkHeader, bitCount: Int, words: [UInt64])] = []
                block.forEachChunk(of: id, after: .min, through: .max) { header, load in
                    guard isLive(id, header.lastTime, time, horizons), load(&reader) else { return }
                    found.append((header, reader.bitCount, reader.content))
                }
                for (found, bitCount, words) in found {
                    var header = found
                    if !hasBegun { output.begin(id, start: states[place].start, entry.series.labels) }
                    hasBegun = true
                    if header.column != ChunkHeader.ownTimes {
                        if columns[number][header.column] == nil {
                            columns[number][header.column] = output.addColumn(block.column(header.column))
                        }
                        header.column = columns[number][header.column] ?? 0
                    }
                    try output.add(id, header, bitCount: UInt32(bitCount), words)
                }
            }
        }
    }
}
