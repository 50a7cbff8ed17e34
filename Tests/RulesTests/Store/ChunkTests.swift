import Bytes
import Telemetry
import TestSupport
import Testing

@testable import Rules

struct ChunkTests {
    /// Writes samples into a chunk and reads them back.
    private func decoded(
        _ chunk: OpenChunk, _ arena: borrowing CellArena, _ times: [Int64], after: Int64 = .min, through: Int64 = .max
    ) -> [Point]? {
        var words: [UInt64] = []
        arena.copy(chunk.bits, to: &words)
        var decoder = ChunkDecoder()
        decoder.reader.load(bitCount: Int(chunk.bits.bitCount)) { $0 = words }
        var columns = SampleColumns()
        guard decoder.decode(chunk.header, times, after: after, through: through, into: &columns) else { return nil }
        return zip(columns.timestamps, columns.values).map { Point($0, $1) }
    }

    @Test(
        "what is written into a chunk is what is read, to the bit, with shared times and with its own", arguments: 0..<8
    )
    func roundTrip(kind: Int) throws {
        var random = SeededRandom(seed: SeededRandom.seed())
        for _ in 0..<200 {
            var arena = CellArena()
            var shared = OpenChunk()
            var own = OpenChunk()
            var times: [Int64] = []
            var expected: [Point] = []
            var time = Int64.random(in: -1_000_000_000_000...2_000_000_000_000, using: &random)
            var value = hostValue(kind, Double(Int.random(in: 0...100_000, using: &random)), &random)
            let mixes = Bool.random(using: &random)
            for _ in 0..<Int.random(in: 1...300, using: &random) {
                times.append(time)
                if Int.random(in: 0..<20, using: &random) > 0 || expected.isEmpty {
                    let isStale = Int.random(in: 0..<40, using: &random) == 0
                    let sample = isStale ? StaleMarker.value : value
                    if expected.isEmpty {
                        shared.begin(time, sample, column: 0, tick: UInt32(times.count - 1))
                        own.begin(time, sample, column: ChunkHeader.ownTimes, tick: 0)
                    } else {
                        _ = shared.append(time, sample, tick: UInt32(times.count - 1), &arena)
                        _ = own.append(time, sample, &arena)
                    }
                    expected.append(Point(time, sample))
                }
                let next = mixes ? Int.random(in: 0..<8, using: &random) : kind
                if Int.random(in: 0..<3, using: &random) > 0 { value = hostValue(next, value, &random) }
                time += Bool.random(using: &random) ? 15_000 : Int64.random(in: 1...30_000_000, using: &random)
            }
            #expect(decoded(shared, arena, times) == expected)
            #expect(decoded(own, arena, []) == expected)
            let a = times.randomElement(using: &random) ?? 0
            let b = a + Int64.random(in: 0...1_000_000, using: &random)
            let part = expected.filter { $0.time > a && $0.time <= b }
            #expect(decoded(shared, arena, times, after: a, through: b) == part)
            #expect(decoded(own, arena, [], after: a, through: b) == part)
        }
    }

    @Test("a constant takes no bits, a counter of a steady rate less than two bytes a sample")
    func sizes() {
        var random = SeededRandom(seed: 7)
        var arena = CellArena()
        var constant = OpenChunk()
        var counter = OpenChunk()
        var seconds = OpenChunk()
        var total = 1e9
        var ticks = 123_456.0
        for tick in 0..<240 {
            let time = Int64(tick) * 15_000
            total += 1_500_000 + Double(Int.random(in: 0...3000, using: &random))
            ticks += 1400 + Double(Int.random(in: 0...80, using: &random))
            if tick == 0 {
                constant.begin(time, 4096, column: 0, tick: 0)
                counter.begin(time, total, column: 0, tick: 0)
                seconds.begin(time, ticks / 100, column: 0, tick: 0)
            } else {
                _ = constant.append(time, 4096, tick: UInt32(tick), &arena)
                _ = counter.append(time, total, tick: UInt32(tick), &arena)
                _ = seconds.append(time, ticks / 100, tick: UInt32(tick), &arena)
            }
        }
        #expect(constant.bits.bitCount == 0)
        #expect(counter.bits.bitCount < 240 * 16)
        #expect(seconds.bits.bitCount < 240 * 12)
    }

    @Test("any bits decode to samples in order of time or to an error")
    func fuzz() {
        var random = SeededRandom(seed: SeededRandom.seed())
        var decoder = ChunkDecoder()
        var columns = SampleColumns()
        for _ in 0..<30_000 {
            let words = (0..<Int.random(in: 0...12, using: &random)).map { _ in
                // Many ones, so that rare codes come too.
                UInt64.random(in: 0 ... .max, using: &random) | UInt64.random(in: 0 ... .max, using: &random)
            }
            let times = (0..<Int.random(in: 0...200, using: &random)).map { Int64($0) * 1000 }
            let isOwn = Bool.random(using: &random)
            let header = ChunkHeader(
                firstTime: 0, lastTime: .max,
                firstValue: Bool.random(using: &random)
                    ? 1 : Double(bitPattern: .random(in: 0 ... .max, using: &random)),
                count: Bool.random(using: &random)
                    ? .random(in: 0...300, using: &random) : .random(in: 0 ... .max, using: &random),
                column: isOwn ? ChunkHeader.ownTimes : 0, firstTick: .random(in: 0...10, using: &random))
            let bitCount = Int.random(in: 0...words.count * 64 + 10, using: &random)
            decoder.reader.load(bitCount: bitCount) { $0.append(contentsOf: words) }
            columns.removeAll()
            _ = decoder.decode(header, isOwn ? [] : times, after: -1, through: .max, into: &columns)
            #expect(columns.count <= max(200, bitCount + 1))
            #expect(zip(columns.timestamps, columns.timestamps.dropFirst()).allSatisfy { $0 < $1 })
        }
    }

    @Test("decimals are exact to the bit or are none")
    func decimals() {
        var random = SeededRandom(seed: SeededRandom.seed())
        for _ in 0..<100_000 {
            let scale = UInt8.random(in: 0...6, using: &random)
            let whole = Int64.random(in: -1_000_000_000_000...1_000_000_000_000, using: &random)
            let value = DecimalValue.value(whole, scale)
            #expect(DecimalValue.scaled(value, scale) == whole)
            let any = Double(bitPattern: .random(in: 0 ... .max, using: &random))
            if let whole = DecimalValue.scaled(any, scale) {
                #expect(DecimalValue.value(whole, scale).bitPattern == any.bitPattern)
            }
        }
        #expect(DecimalValue.scaled(-0.0, 0) == nil)
        #expect(DecimalValue.scaled(.nan, 2) == nil)
        #expect(DecimalValue.scaled(.infinity, 0) == nil)
    }
}
