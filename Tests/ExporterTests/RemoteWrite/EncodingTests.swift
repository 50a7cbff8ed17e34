import Bytes
import Telemetry
import TestSupport
import Testing

@testable import Exporter

@Suite("Remote write encoding")
struct EncodingTests {
    private static let hello = series(["__name__": "a", "b": "c"], .counter, help: "h", unit: "u")

    /// The record, uncompressed.
    private func record(
        _ samples: [SeriesSample], metadata: Bool = false, exemplars: [SeriesExemplar] = []
    ) throws -> [UInt8] {
        var cache = SentSeriesCache(relabeler: nil, externalLabels: [:], now: .monotonic)
        var encoder = RecordEncoder(storesMetadata: metadata)
        for sample in samples {
            let (index, _) = cache.index(of: sample.series, now: .monotonic)
            let own = exemplars.filter { $0.series === sample.series }
            let labels = own.map { cache.numbers(of: $0.labels) }
            encoder.add(cache, index, sample, exemplars: own, exemplarLabels: labels)
        }
        var compressed = ByteBuffer()
        var scratch = ByteBuffer()
        encoder.finish(into: &compressed, &scratch)
        var plain = ByteBuffer()
        try Snappy.uncompress(compressed.bytes, into: &plain)
        return [UInt8](plain.bytes)
    }

    /// The request of these records, uncompressed; nil where one is refused.
    private func request(_ message: RemoteWriteMessage, _ records: [[UInt8]]) throws -> [UInt8]? {
        var encoder = RequestEncoder()
        encoder.begin(message)
        for record in records { guard encoder.add(record.span.bytes) else { return nil } }
        var compressed = ByteBuffer()
        var scratch = ByteBuffer()
        _ = encoder.finish(into: &compressed, &scratch)
        var plain = ByteBuffer()
        try Snappy.uncompress(compressed.bytes, into: &plain)
        return [UInt8](plain.bytes)
    }

    private func decoded(_ version: RemoteWriteMessage, _ records: [[UInt8]]) throws -> Message {
        guard let bytes = try request(version, records), let message = Message(bytes) else { throw NotAMessage() }
        return message
    }

    @Test("a series with one sample has these bytes in 1.0")
    func version1() throws {
        let made = try record([SeriesSample(series: Self.hello, timestamp: 300, value: 1)], metadata: true)
        let expected: [UInt8] = [
            0x0a, 0x29,  // series
            0x0a, 0x0d, 0x0a, 0x08, 0x5f, 0x5f, 0x6e, 0x61, 0x6d, 0x65, 0x5f, 0x5f, 0x12, 0x01, 0x61,  // __name__="a"
            0x0a, 0x06, 0x0a, 0x01, 0x62, 0x12, 0x01, 0x63,  // b="c"
            0x12, 0x0c, 0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x10, 0xac, 0x02,  // 1 at 300
        ]
        var sized = expected
        sized[1] = UInt8(expected.count - 2)
        #expect(try request(.v1, [made]) == sized)
    }

    @Test("a series with one sample has these bytes in 2.0, metadata and start included")
    func version2() throws {
        let sample = SeriesSample(series: Self.hello, timestamp: 300, value: 1, startTimestamp: 5)
        let made = try record([sample], metadata: true)
        var expected: [UInt8] = [0x22, 0x00, 0x22, 0x08] + Array("__name__".utf8)
        for symbol in ["a", "b", "c", "h", "u"] { expected += [0x22, 0x01] + Array(symbol.utf8) }
        let body: [UInt8] =
            [0x0a, 0x04, 1, 2, 3, 4, 0x12, 0x0e, 0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x10, 0xac, 0x02, 0x18, 0x05]
            + [0x2a, 0x06, 0x08, 0x01, 0x18, 0x05, 0x20, 0x06]
        expected += [0x2a, UInt8(body.count)] + body
        #expect(try request(.v2, [made]) == expected)
        // What is stored has the same form.
        #expect(made == expected)
    }

    @Test("values keep their bits, the marker of an ended series too, and negative times are whole")
    func bits() throws {
        let values: [Double] = [
            0, -0.0, .nan, .infinity, -.infinity, StaleMarker.value, 1e308, 1e-308, .leastNonzeroMagnitude, .pi,
            Double(bitPattern: 0x7ff8_dead_beef_0001),
        ]
        let samples = values.enumerated().map {
            SeriesSample(series: Self.hello, timestamp: Int64($0.offset) - 2, value: $0.element)
        }
        let made = try record(samples)
        for (version, field, valueField, timeField) in [(RemoteWriteMessage.v1, 1, 1, 2), (.v2, 5, 1, 2)] {
            let message = try decoded(version, [made])
            let found = message.messages(field).map { $0.messages(2)[0] }
            #expect(found.map { $0.fixed(valueField) } == values.map(\.bitPattern))
            #expect(found.map { Int64(bitPattern: $0.number(timeField)) } == samples.map(\.timestamp))
        }
    }

    @Test("records that share symbols make one request of 2.0 in which each stands once")
    func merged() throws {
        let other = series(["__name__": "a", "b": "d", "é.ü": "世界"], .counter, help: "h")
        let first = try record([SeriesSample(series: Self.hello, timestamp: 1, value: 1)], metadata: true)
        let second = try record([SeriesSample(series: other, timestamp: 2, value: 2)], metadata: true)
        let message = try decoded(.v2, [first, second])
        let symbols = message.texts(4)
        #expect(symbols.first == "" && Set(symbols).count == symbols.count)
        let labels = message.messages(5).map { series -> [String] in
            guard case .bytes(let refs)? = series.all(1).first else { return [] }
            return refs.map { symbols[Int($0)] }
        }
        #expect(labels == [["__name__", "a", "b", "c"], ["__name__", "a", "b", "d", "é.ü", "世界"]])
        let metadata = message.messages(5).map { $0.messages(5)[0] }
        #expect(metadata.map { symbols[Int($0.number(3))] } == ["h", "h"])
        #expect(metadata.map { symbols[Int($0.number(4))] } == ["u", ""])
    }

    @Test("exemplars go with their series in both versions")
    func exemplars() throws {
        let exemplar = SeriesExemplar(series: Self.hello, labels: ["trace": "t"], value: 2, timestamp: 7)
        let made = try record([SeriesSample(series: Self.hello, timestamp: 8, value: 1)], exemplars: [exemplar])
        let old = try decoded(.v1, [made]).messages(1)[0].messages(3)[0]
        #expect(old.labels == ["trace=t"] && old.fixed(2) == 2.0.bitPattern && old.number(3) == 7)
        let message = try decoded(.v2, [made])
        let new = message.messages(5)[0].messages(4)[0]
        guard case .bytes(let refs)? = new.all(1).first else { throw NotAMessage() }
        #expect(refs.map { message.texts(4)[Int($0)] } == ["trace", "t"])
        #expect(new.fixed(2) == 2.0.bitPattern && new.number(3) == 7)
    }

    @Test("metadata of 1.0 is cut into requests and keeps its text")
    func metadata() throws {
        let families = (0..<5).map {
            MetricMetadata(name: "f\($0)", type: .histogram, help: "a\n\"b\"", unit: $0 == 0 ? "s" : "")
        }
        let requests = MetadataTable.requests(families.reversed(), limit: 2)
        #expect(requests.map(\.families) == [2, 2, 1])
        let found = try requests.flatMap { try message($0.body).messages(3) }
        #expect(found.flatMap { $0.texts(2) } == ["f0", "f1", "f2", "f3", "f4"])
        #expect(found[0].number(1) == 3 && found[0].texts(4) == ["a\n\"b\""] && found[0].texts(5) == ["s"])
        #expect(found[1].texts(5) == [])
    }

    @Test("fuzz: a record that was changed or cut is read or refused, never more", arguments: [SeededRandom.seed()])
    func recordFuzz(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let all = (0..<20).map {
            series(["__name__": "m\($0 % 3)", "l": "v\($0)"], .counter, help: "h\($0)", unit: "u")
        }
        let exemplar = SeriesExemplar(series: all[3], labels: ["t": "x"], value: 1, timestamp: 1)
        let whole = try record(
            all.map { SeriesSample(series: $0, timestamp: 1, value: 1, startTimestamp: 1) }, metadata: true,
            exemplars: [exemplar])
        var refused = 0
        for _ in 0..<3000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            if Bool.random(using: &random) { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random)) }
            for version in RemoteWriteMessage.allCases {
                if let made = try request(version, [bytes]) { #expect(Message(made) != nil) } else { refused += 1 }
            }
        }
        #expect(refused > 0)
        // What is refused leaves nothing behind.
        var encoder = RequestEncoder()
        encoder.begin(.v1)
        let cut = Array(whole.dropLast(3))
        let isTaken = encoder.add(cut.span.bytes)
        var output = ByteBuffer()
        var scratch = ByteBuffer()
        let length = encoder.finish(into: &output, &scratch)
        #expect(!isTaken && length == 0)
    }
}
