import Bytes

/// What is known of a chunk's samples beside their bits: enough to decode them.
///
/// The first value is not in the bits. Samples that the bits do not reach are the last value again, each a place further in
/// the column: the run that a chunk ends with costs nothing.
struct ChunkHeader: Sendable {
    /// Stands for a column where the times are in the bits.
    static let ownTimes = UInt32.max

    /// Milliseconds since 1970.
    var firstTime: Int64 = 0
    var lastTime: Int64 = 0
    var firstValue = 0.0
    /// Samples; 0 where there is no chunk.
    var count: UInt32 = 0
    /// The column of times it shares with other series.
    var column = ChunkHeader.ownTimes
    /// Place of the first sample in the column.
    var firstTick: UInt32 = 0
}

/// A chunk that takes no more samples.
struct SealedChunk: Sendable {
    var header: ChunkHeader
    var bits: CellChain
    /// The one before of the same series in the same window, or `none`.
    var before: UInt32

    static let none = UInt32.max
}

/// A chunk that is being written.
struct OpenChunk: Sendable {
    var header = ChunkHeader()
    var model = ValueModel()
    var bits = CellChain()
    /// Samples at the end that are the last value again and not in the bits yet.
    private(set) var run: UInt32 = 0
    /// Place of the last sample in the column.
    private(set) var lastTick: UInt32 = 0
    /// Time from the last sample but one to the last, where the times are in the bits.
    private var step: Int64 = 0
    /// The newest sealed one of the same series in the same window.
    var before = SealedChunk.none

    /// Bits from which on the next sample begins a new chunk: some hundred changes of value, which are decoded in less than
    /// a microsecond.
    static let fullBits: UInt32 = 1024
    static let mostSamples: UInt32 = 1 << 16

    var isEmpty: Bool { header.count == 0 }
    var isFull: Bool { bits.bitCount >= Self.fullBits || header.count >= Self.mostSamples }

    /// Begins it with a first sample. `tick` is its place in `column`.
    mutating func begin(_ time: Int64, _ value: Double, column: UInt32, tick: UInt32) {
        header = ChunkHeader(
            firstTime: time, lastTime: time, firstValue: value, count: 1, column: column, firstTick: tick)
        model = ValueModel()
        model.previous = value
        bits = CellChain()
        run = 0
        lastTick = tick
        step = 0
    }

    /// Whether the next sample is what a run goes on with: then it has only to be counted.
    @inline(__always)
    func isRepeated(_ value: Double, tick: UInt32) -> Bool {
        isNext(tick) && value.bitPattern == model.previous.bitPattern
    }

    @inline(__always)
    func isNext(_ tick: UInt32) -> Bool { lastTick &+ 1 == tick }

    /// Counts a sample that `isRepeated`, in a chunk that shares a column.
    @inline(__always)
    mutating func repeated(_ time: Int64, tick: UInt32) {
        header.count &+= 1
        header.lastTime = time
        lastTick = tick
        run &+= 1
    }

    /// Adds a sample with another value, no stale marker, that `isNext` in a chunk that shares a column.
    @inline(__always)
    mutating func changed(
        _ time: Int64, _ value: Double, tick: UInt32, _ arena: inout CellArena
    ) -> ValueModel.Change {
        lastTick = tick
        header.count &+= 1
        header.lastTime = time
        if run > 0 { flush(&arena) }
        return model.write(value, &arena, &bits)
    }

    /// Adds a later sample to a chunk that shares a column.
    mutating func append(
        _ time: Int64, _ value: Double, tick: UInt32, _ arena: inout CellArena
    ) -> ValueModel.Change {
        if tick != lastTick &+ 1 {
            flush(&arena)
            ValueModel.write(.gap, &arena, &bits)
            ValueModel.writeSized(UInt64(tick &- lastTick), &arena, &bits)
        }
        lastTick = tick
        header.count &+= 1
        header.lastTime = time
        if value.bitPattern == model.previous.bitPattern {
            run &+= 1
            return .other
        }
        flush(&arena)
        return write(value, &arena)
    }

    /// Adds a later sample to a chunk that has times of its own.
    mutating func append(_ time: Int64, _ value: Double, _ arena: inout CellArena) -> ValueModel.Change {
        let newStep = time &- header.lastTime
        writeTime(newStep &- step, &arena)
        step = newStep
        header.count &+= 1
        header.lastTime = time
        if value.bitPattern == model.previous.bitPattern {
            arena.append(0, 1, to: &bits)
            return .other
        }
        return write(value, &arena)
    }

    private mutating func write(_ value: Double, _ arena: inout CellArena) -> ValueModel.Change {
        if isStaleMarker(value) {
            ValueModel.write(.stale, &arena, &bits)
            return .other
        }
        return model.write(value, &arena, &bits)
    }

    private mutating func flush(_ arena: inout CellArena) {
        if run == 0 { return }
        if run <= 12 {
            arena.append(0, Int(run), to: &bits)
        } else {
            ValueModel.write(.run, &arena, &bits)
            ValueModel.writeSized(UInt64(run), &arena, &bits)
        }
        run = 0
    }

    /// The change of the step: `0` for none, then classes of 8, 13, 21 and 64 bits.
    private mutating func writeTime(_ change: Int64, _ arena: inout CellArena) {
        let code = DecimalValue.zigzag(change)
        switch code {
        case 0: arena.append(0, 1, to: &bits)
        case ..<(1 << 8): arena.append(0b01 | code << 2, 10, to: &bits)
        case ..<(1 << 13): arena.append(0b011 | code << 3, 16, to: &bits)
        case ..<(1 << 21): arena.append(0b0111 | code << 4, 25, to: &bits)
        default:
            arena.append(0b1111, 4, to: &bits)
            arena.append(code, 64, to: &bits)
        }
    }

    static func readTimeChange(_ reader: inout BitReader) -> Int64 {
        let ones = (~reader.peek).trailingZeroBitCount
        switch ones {
        case 0:
            reader.skip(1)
            return 0
        case 1:
            reader.skip(2)
            return DecimalValue.unzigzag(reader.read(8))
        case 2:
            reader.skip(3)
            return DecimalValue.unzigzag(reader.read(13))
        case 3:
            reader.skip(4)
            return DecimalValue.unzigzag(reader.read(21))
        default:
            reader.skip(4)
            return DecimalValue.unzigzag(reader.read(64))
        }
    }
}

/// `StaleMarker.isStale`, without a call into another module.
@inline(__always)
func isStaleMarker(_ value: Double) -> Bool { value.bitPattern == staleBits }

let staleBits: UInt64 = 0x7ff0_0000_0000_0002
