import Bytes
import Telemetry

/// Samples that change no more: a mapped file, or the same bytes in memory. What is damaged in it is passed over.
final class Block: Sendable {
    private enum Storage: Sendable {
        case file(MappedFile)
        case memory([UInt8])
    }

    private let storage: Storage
    private let footer: BlockFooter
    /// The windows that are in it.
    let numbers: ClosedRange<UInt64>
    let size: Int
    var earliest: Int64 { footer.earliest }
    var latest: Int64 { footer.latest }
    var chunkCount: Int { Int(footer.records.length) / BlockFormat.recordSize }

    /// Nil where it is no whole block.
    init?(file: MappedFile, numbers: ClosedRange<UInt64>) {
        guard let footer = file.withBytes({ Self.verified($0) }) else { return nil }
        storage = .file(file)
        self.footer = footer
        self.numbers = numbers
        size = file.count
    }

    init?(bytes: [UInt8], numbers: ClosedRange<UInt64>) {
        guard let footer = Self.verified(bytes.span.bytes) else { return nil }
        storage = .memory(bytes)
        self.footer = footer
        self.numbers = numbers
        size = bytes.count
    }

    /// Bytes that are this process's own.
    var memory: Int { if case .memory(let bytes) = storage { bytes.count } else { 0 } }
    var isMapped: Bool { if case .file = storage { true } else { false } }

    /// Lets go of what is resident of its file.
    func releasePages() { if case .file(let file) = storage { file.releasePages() } }

    private static func verified(_ file: RawSpan) -> BlockFooter? {
        guard let footer = BlockFooter(file) else { return nil }
        for part in [footer.columns, footer.series, footer.records] {
            guard bytes(of: part, file).crc32c() == part.checksum else { return nil }
        }
        return footer
    }

    @_lifetime(copy file)
    private static func bytes(of part: BlockFooter.Part, _ file: RawSpan) -> RawSpan {
        file.slice(Int(part.offset), Int(part.offset + part.length))
    }

    private func withBytes<Result>(_ body: (RawSpan) -> Result) -> Result {
        switch storage {
        case .file(let file): file.withBytes(body)
        case .memory(let bytes): body(bytes.span.bytes)
        }
    }

    func mayHold(after: Int64, through: Int64) -> Bool { earliest <= through && latest > after }

    /// Hands each series' id, when it began and its labels. False where the list is damaged.
    func forEachSeries(
        _ labels: inout LabelCoder, _ body: (_ id: UInt32, _ start: Int64, _ labels: LabelSet) -> Void
    ) -> Bool {
        withBytes { file in
            let bytes = Self.bytes(of: footer.series, file)
            var offset = 0
            for _ in 0..<footer.seriesCount {
                guard let id = bytes.readVarint(&offset), let number = UInt32(exactly: id),
                    let start = bytes.readVarint(&offset), let set = labels.read(bytes, &offset)
                else { return false }
                body(number, DecimalValue.unzigzag(start), set)
            }
            return true
        }
    }

    /// Whether its list of series is that of another block, byte for byte.
    func hasSameSeries(as other: Block) -> Bool {
        guard footer.series.length == other.footer.series.length,
            footer.series.checksum == other.footer.series.checksum, footer.seriesCount == other.footer.seriesCount
        else { return false }
        return withBytes { file in
            other.withBytes { otherFile in
                Self.bytes(of: footer.series, file).equals(Self.bytes(of: other.footer.series, otherFile))
            }
        }
    }

    /// Hands all chunk records, by id and time.
    func forEachChunk(_ body: (_ chunk: BlockChunk, _ first: Int64, _ last: Int64) -> Void) {
        withBytes { file in
            let records = Self.bytes(of: footer.records, file)
            for place in 0..<chunkCount {
                guard let chunk = BlockChunk(records, at: place * BlockFormat.recordSize) else { return }
                body(chunk, chunk.first, chunk.last)
            }
        }
    }

    /// The place of the first chunk record of a series.
    private func firstRecord(of id: UInt32, _ records: RawSpan) -> Int {
        var low = 0
        var high = chunkCount
        while low < high {
            let middle = (low + high) / 2
            // A record begins with the id of its series.
            let found = records.load(littleEndian: middle * BlockFormat.recordSize, as: UInt32.self) ?? 0
            if found < id { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Hands the chunks of a series that may have samples with `after < time <= through`, in order. `load` gets the bits into
    /// a reader and is false where they are damaged.
    func forEachChunk(
        of id: UInt32, after: Int64, through: Int64,
        _ body: (_ header: ChunkHeader, _ load: (inout BitReader) -> Bool) -> Void
    ) {
        withBytes { file in
            let records = Self.bytes(of: footer.records, file)
            var place = firstRecord(of: id, records)
            while let chunk = BlockChunk(records, at: place * BlockFormat.recordSize), chunk.series == id {
                place += 1
                guard chunk.first <= through, chunk.last > after else { continue }
                let start = Int(chunk.offset)
                guard chunk.bitCount <= BlockChunk.bitLimit, start + chunk.byteCount <= file.byteCount,
                    let bits = file.load(littleEndian: start, as: UInt64.self)
                else { continue }
                let header = ChunkHeader(
                    firstTime: chunk.first, lastTime: chunk.last, firstValue: Double(bitPattern: bits),
                    count: chunk.count,
                    column: chunk.column, firstTick: chunk.firstTick)
                body(header) { reader in
                    let bytes = file.slice(start, start + chunk.byteCount)
                    guard bytes.crc32c() == chunk.checksum else { return false }
                    reader.load(bitCount: Int(chunk.bitCount)) { Self.words(bytes, &$0) }
                    return true
                }
            }
        }
    }

    private static func words(_ bytes: RawSpan, _ words: inout [UInt64]) {
        var offset = 8
        while offset + 8 <= bytes.byteCount {
            words.append(UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)))
            offset += 8
        }
        guard offset < bytes.byteCount else { return }
        var word: UInt64 = 0
        for place in offset..<bytes.byteCount { word |= UInt64(bytes.byte(at: place)) << UInt64((place - offset) * 8) }
        words.append(word)
    }

    /// The times of a column, ascending; empty where there is none or it is damaged.
    func column(_ number: UInt32) -> [Int64] {
        guard number < footer.columnCount else { return [] }
        return withBytes { file in
            let bytes = Self.bytes(of: footer.columns, file)
            var offset = 0
            for column in 0...number {
                guard let count = bytes.readVarint(&offset), count <= UInt64(bytes.byteCount) else { return [] }
                var times: [Int64] = []
                if column == number { times.reserveCapacity(Int(count)) }
                var last: Int64 = 0
                var step: Int64 = 0
                for place in 0..<count {
                    guard let code = bytes.readVarint(&offset) else { return [] }
                    guard column == number else { continue }
                    step = step &+ DecimalValue.unzigzag(code)
                    let time = last &+ step
                    if place > 0, time <= last { return [] }
                    last = time
                    times.append(time)
                }
                if column == number { return times }
            }
            return []
        }
    }
}
