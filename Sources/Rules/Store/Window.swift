import Bytes

/// The samples in memory of a stretch of time: those of the log that is written at the same time.
///
/// While it is open everything is under the store's lock. Once it is sealed nothing changes any more: it is written into a
/// block and goes.
final class Window: @unchecked Sendable {
    /// Number of its log, and of the block that comes of it.
    let number: UInt64
    var sealed: [SealedChunk] = []
    /// Times that series share, by clock.
    var columns: [[Int64]] = []
    /// Samples that came too late for their chunk, in the order in which they came.
    var late: [LateSample] = []
    /// Taken, about.
    var samples = 0

    // Set when it is sealed.
    /// The bits of all chunks.
    var arena = CellArena()
    /// The newest chunk of each series, by index.
    var newest: [UInt32] = []
    /// Who they are.
    var entries: [SeriesEntry?] = []

    init(number: UInt64) { self.number = number }

    var byteCount: Int {
        arena.byteCount + sealed.capacity * MemoryLayout<SealedChunk>.stride
            + late.capacity * MemoryLayout<LateSample>.stride + newest.capacity * 4
            + columns.reduce(0) { $0 + $1.capacity * 8 + 40 }
    }

    func seal(_ chunk: inout OpenChunk) {
        sealed.append(SealedChunk(header: chunk.header, bits: chunk.bits, before: chunk.before))
        chunk.before = UInt32(sealed.count - 1)
        chunk.header.count = 0
    }
}

/// A sample that came too late for its chunk.
struct LateSample: Sendable {
    var series: UInt32
    var time: Int64
    var value: Double
}
