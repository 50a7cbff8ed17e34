import Bytes
import Telemetry

/// Makes a block of chunks that come series by series, in the order of their ids, each series' in the order of time.
///
/// Bytes go to `output` as they come, a quarter MiB at a time; what remains to the end is the index.
struct BlockWriter: ~Copyable {
    private var buffer = ByteBuffer()
    private var written = 0
    private var series = ByteBuffer()
    private var records: [BlockChunk] = []
    private var columns: [[Int64]] = []
    private var labels = LabelCoder()
    private var seriesCount = 0
    private var isFull = false
    private let output: (RawSpan) throws(SystemError) -> Void

    /// Offsets are of 32 bits.
    private static let sizeLimit = 2 << 30

    init(output: @escaping (RawSpan) throws(SystemError) -> Void) {
        self.output = output
        buffer = BlockFormat.header()
    }

    var isEmpty: Bool { records.isEmpty }

    mutating func addColumn(_ times: [Int64]) -> UInt32 {
        columns.append(times)
        return UInt32(columns.count - 1)
    }

    mutating func begin(_ id: UInt32, start: Int64, _ set: LabelSet) {
        series.append(varint: UInt64(id))
        series.append(varint: DecimalValue.zigzag(start))
        labels.write(set, to: &series)
        seriesCount += 1
    }

    /// Adds a chunk of the series begun. `words` are its bits; `header.column` is one that `addColumn` gave.
    mutating func add(
        _ id: UInt32, _ header: ChunkHeader, bitCount: UInt32, _ words: [UInt64]
    ) throws(SystemError) {
        guard written + buffer.count < Self.sizeLimit else { return isFull = true }
        let start = buffer.count
        buffer.append(littleEndian: header.firstValue.bitPattern)
        var left = (Int(bitCount) + 7) / 8
        for word in words where left > 0 {
            buffer.append(littleEndian: word)
            if left < 8 { buffer.truncate(to: buffer.count - (8 - left)) }
            left -= min(8, left)
        }
        records.append(
            BlockChunk(
                series: id, column: header.column, firstTick: header.firstTick, count: header.count, bitCount: bitCount,
                checksum: buffer.bytes.slice(start, buffer.count).crc32c(), offset: UInt32(written + start),
                first: header.firstTime, last: header.lastTime))
        if buffer.count >= 256 << 10 { try flush() }
    }

    private mutating func flush() throws(SystemError) {
        try output(buffer.bytes)
        written += buffer.count
        buffer.removeAll()
    }

    /// Writes the rest.
    mutating func finish() throws(SystemError) {
        try flush()
        let earliest = records.reduce(Int64.max) { min($0, $1.first) }
        let latest = records.reduce(Int64.min) { max($0, $1.last) }
        let columnsStart = buffer.count
        for times in columns { Self.write(times, to: &buffer) }
        let columnsPart = part(from: columnsStart)
        let seriesStart = buffer.count
        Self.append(series, to: &buffer)
        let seriesPart = part(from: seriesStart)
        let recordsStart = buffer.count
        for record in records { record.write(to: &buffer) }
        let recordsPart = part(from: recordsStart)
        BlockFooter(
            columns: columnsPart, series: seriesPart, records: recordsPart, earliest: earliest, latest: latest,
            seriesCount: seriesCount, columnCount: columns.count
        ).write(to: &buffer)
        try flush()
    }

    private static func append(_ bytes: borrowing ByteBuffer, to target: inout ByteBuffer) {
        target.append(bytes.bytes)
    }

    private func part(from start: Int) -> BlockFooter.Part {
        BlockFooter.Part(
            offset: UInt64(written + start), length: UInt64(buffer.count - start),
            checksum: buffer.bytes.slice(start, buffer.count).crc32c())
    }

    private static func write(_ times: [Int64], to bytes: inout ByteBuffer) {
        bytes.append(varint: UInt64(times.count))
        var last: Int64 = 0
        var step: Int64 = 0
        for time in times {
            let newStep = time &- last
            bytes.append(varint: DecimalValue.zigzag(newStep &- step))
            (last, step) = (time, newStep)
        }
    }
}

extension BlockWriter {
    /// Adds all that a sealed window has.
    mutating func add(_ window: Window, starts: [Int64]) throws(SystemError) {
        let columns = window.columns.map { addColumn($0) }
        var late: [UInt32: [LateSample]] = [:]
        for sample in window.late { late[sample.series, default: []].append(sample) }
        var order: [(id: UInt32, place: Int)] = []
        for (place, newest) in window.newest.enumerated() where newest != SealedChunk.none || late[UInt32(place)] != nil
        {
            if let id = window.entries[place]?.id { order.append((id, place)) }
        }
        order.sort { $0.id < $1.id }
        var words: [UInt64] = []
        var chain: [UInt32] = []
        for (id, place) in order {
            guard let entry = window.entries[place] else { continue }
            begin(id, start: place < starts.count ? starts[place] : .min, entry.series.labels)
            chain.removeAll(keepingCapacity: true)
            var next = window.newest[place]
            while next != SealedChunk.none {
                chain.append(next)
                next = window.sealed[Int(next)].before
            }
            for sealed in chain.reversed() {
                let chunk = window.sealed[Int(sealed)]
                var header = chunk.header
                if header.column != ChunkHeader.ownTimes { header.column = columns[Int(header.column)] }
                words.removeAll(keepingCapacity: true)
                window.arena.copy(chunk.bits, to: &words)
                Self.clear(&words, behind: chunk.bits.bitCount)
                try add(id, header, bitCount: chunk.bits.bitCount, words)
            }
            if let samples = late[UInt32(place)] { try add(id, late: samples.sorted { $0.time < $1.time }) }
        }
    }

    /// Late samples, in order of time, as chunks of their own.
    private mutating func add(_ id: UInt32, late samples: [LateSample]) throws(SystemError) {
        var arena = CellArena()
        var chunk = OpenChunk()
        var words: [UInt64] = []
        for (place, sample) in samples.enumerated() {
            if chunk.isEmpty {
                chunk.begin(sample.time, sample.value, column: ChunkHeader.ownTimes, tick: 0)
            } else {
                _ = chunk.append(sample.time, sample.value, &arena)
            }
            guard chunk.isFull || place == samples.count - 1 else { continue }
            words.removeAll(keepingCapacity: true)
            arena.copy(chunk.bits, to: &words)
            try add(id, chunk.header, bitCount: chunk.bits.bitCount, words)
            chunk.header.count = 0
        }
    }

    static func clear(_ words: inout [UInt64], behind bitCount: UInt32) {
        let rest = UInt64(bitCount & 63)
        if rest > 0, let last = words.indices.last { words[last] &= (1 << rest) - 1 }
    }
}
