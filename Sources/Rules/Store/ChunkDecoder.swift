import Telemetry

/// Turns chunks back into samples. Any bits whatever give samples in order of time or `false`, never a trap.
struct ChunkDecoder {
    var reader = BitReader()

    /// Appends the samples with `after < time <= through` of the chunk whose bits are in `reader`. `times` is its column,
    /// empty where it has times of its own. False where it is damaged; what was decoded until then is there.
    mutating func decode(
        _ header: ChunkHeader, _ times: [Int64], after: Int64, through: Int64, into columns: inout SampleColumns
    ) -> Bool {
        guard header.count > 0, header.firstTime <= through, header.lastTime > after else { return true }
        return header.column == ChunkHeader.ownTimes
            ? decodeOwn(header, after: after, through: through, into: &columns)
            : decodeShared(header, times, after: after, through: through, into: &columns)
    }

    private mutating func decodeShared(
        _ header: ChunkHeader, _ times: [Int64], after: Int64, through: Int64, into columns: inout SampleColumns
    ) -> Bool {
        var tick = Int(header.firstTick)
        guard tick < times.count else { return false }
        var time = times[tick]
        var model = ValueModel()
        model.previous = header.firstValue
        if time > after, time <= through { columns.append(time, header.firstValue) }
        var left = Int(header.count) - 1
        var step = 1
        while left > 0 {
            var value = model.previous
            var repetitions = 1
            if reader.isAtEnd {
                repetitions = left
            } else if reader.peek & 1 == 0 {
                reader.skip(1)
            } else {
                switch model.readChange(&reader) {
                case .value: value = model.previous
                case .stale: value = StaleMarker.value
                case .run(let length):
                    guard length > 0, length <= UInt64(left) else { return false }
                    repetitions = Int(length)
                case .gap(let length):
                    guard length > 0, length <= UInt64(times.count) else { return false }
                    step = Int(length)
                    continue
                case .rescaled: continue
                case .damaged: return false
                }
                guard !reader.isPastEnd else { return false }
            }
            left -= repetitions
            // A run may be long, and what is wanted of it short.
            let end = tick + step + repetitions - 1
            guard end < times.count else { return false }
            var next = tick + step
            if repetitions > 1, times[next] <= after { next = Self.firstTick(times, next, end, after: after) }
            while next <= end {
                time = times[next]
                if time > through { return true }
                if time > after { columns.append(time, value) }
                next += 1
            }
            tick = end
            step = 1
        }
        return true
    }

    /// The first place from `low` to `high` with a later time, or the one behind them.
    private static func firstTick(_ times: [Int64], _ low: Int, _ high: Int, after: Int64) -> Int {
        var low = low
        var high = high + 1
        while low < high {
            let middle = (low + high) / 2
            if times[middle] <= after { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private mutating func decodeOwn(
        _ header: ChunkHeader, after: Int64, through: Int64, into columns: inout SampleColumns
    ) -> Bool {
        var time = header.firstTime
        var step: Int64 = 0
        var model = ValueModel()
        model.previous = header.firstValue
        if time > after { columns.append(time, header.firstValue) }
        var left = Int(header.count) - 1
        while left > 0 {
            step = step &+ OpenChunk.readTimeChange(&reader)
            let (next, isOver) = time.addingReportingOverflow(step)
            guard step > 0, !isOver else { return false }
            time = next
            var value = model.previous
            isCoded: while true {
                if reader.peek & 1 == 0 {
                    reader.skip(1)
                    break
                }
                switch model.readChange(&reader) {
                case .value:
                    value = model.previous
                    break isCoded
                case .stale:
                    value = StaleMarker.value
                    break isCoded
                case .rescaled: if reader.isPastEnd { return false }
                case .run, .gap, .damaged: return false
                }
            }
            guard !reader.isPastEnd else { return false }
            if time > through { return true }
            if time > after { columns.append(time, value) }
            left -= 1
        }
        return true
    }
}
