import Bytes
import Exporter
import Telemetry
import TestSupport
import Testing

@Suite("Parsers of pages, fuzz")
struct ParserFuzzTests {
    private static let alphabet = Array("ab_:09 {}=,\"\\\n\t#.+-eE\0\u{7f}é".utf8)
    private static let pieces = [
        "# HELP a b\n", "# TYPE a counter\n", "# TYPE a histogram\n", "# UNIT a_b b\n", "# EOF\n", "a_total 1\n",
        "a{b=\"c\"} 1 2\n", "{\"a.b\",c=\"d\"} NaN\n", " # {x=\"y\"} 1 2\n", "a_bucket{le=\"1\"} 2", "\n", "\"", "\\",
    ].map { Array($0.utf8) }

    private static func page(_ random: inout SeededRandom) -> [UInt8] {
        var page: [UInt8] = []
        for _ in 0..<Int.random(in: 0..<12, using: &random) {
            if Bool.random(using: &random) {
                page += pieces.randomElement(using: &random) ?? []
            } else {
                for _ in 0..<Int.random(in: 0..<8, using: &random) {
                    page.append(alphabet.randomElement(using: &random) ?? 0)
                }
            }
        }
        if Int.random(in: 0..<8, using: &random) == 0 { page.append(UInt8.random(in: 0...255, using: &random)) }
        return page
    }

    @Test("no input crashes a parser, and what it takes can be written and read again", arguments: [false, true])
    func anyInput(_ isOpenMetrics: Bool) {
        var random = SeededRandom(seed: SeededRandom.seed())
        var accepted = 0
        for _ in 0..<30_000 {
            var page = Self.page(&random)
            if isOpenMetrics, Bool.random(using: &random) { page += Array("\n# EOF\n".utf8) }
            let first = parsed(page, openMetrics: isOpenMetrics)
            if first.first?.hasPrefix("error: ") == true || first.isEmpty { continue }
            accepted += 1
        }
        #expect(accepted > 20)
    }

    @Test("a page that is rendered and parsed is the same batch", arguments: [false, true])
    func roundTrip(_ isOpenMetrics: Bool) {
        var random = SeededRandom(seed: SeededRandom.seed())
        for _ in 0..<300 {
            var batch = SampleBatch()
            Self.fill(&batch, isOpenMetrics: isOpenMetrics, &random)
            var page = ByteBuffer()
            var exposition = Exposition()
            let format = ExpositionFormat(isOpenMetrics: isOpenMetrics, allowsUTF8: true)
            exposition.render(batch, as: format, into: &page)
            let again = parsed([UInt8](page.bytes), openMetrics: isOpenMetrics)
            #expect(again.sorted() == dump(batch).sorted(), "\(String(lossy: page.bytes))")
        }
    }

    @Test(
        "labels read the fast way are those read the plain way, in whatever order they come", arguments: [false, true])
    func labelOrders(_ isOpenMetrics: Bool) {
        var random = SeededRandom(seed: SeededRandom.seed())
        for _ in 0..<2000 {
            let names = ["a", "aa", "b", "le", "method", "z", "_x", "B9"].shuffled(using: &random)
                .prefix(Int.random(in: 0...6, using: &random))
            let pairs = names.map {
                ($0, ["", "x", "y\\\\", "\\\"", "ü", "\\n,=}"].randomElement(using: &random) ?? "")
            }
            let end = isOpenMetrics ? "\n# EOF\n" : "\n"
            func page(_ pairs: [(String, String)]) -> String {
                "a{" + pairs.map { "\($0.0)=\"\($0.1)\"" }.joined(separator: ",") + "} 1" + end
            }
            // A comma behind the last label keeps it from the fast way.
            let plain = page(pairs).replacing("\"} 1", with: "\",} 1")
            let sorted = page(pairs.sorted { $0.0.utf8.lexicographicallyPrecedes($1.0.utf8) })
            let expected = parsed(plain, openMetrics: isOpenMetrics)
            #expect(parsed(page(pairs), openMetrics: isOpenMetrics) == expected, "\(page(pairs))")
            #expect(parsed(sorted, openMetrics: isOpenMetrics) == expected, "\(sorted)")
        }
    }

    private static func fill(_ batch: inout SampleBatch, isOpenMetrics: Bool, _ random: inout SeededRandom) {
        for index in 0..<Int.random(in: 1...6, using: &random) {
            var types: [MetricType] = [.counter, .gauge, .untyped, .histogram, .summary]
            if isOpenMetrics { types += [.info, .stateset, .gaugehistogram] }
            let type = types.randomElement(using: &random) ?? .gauge
            var name =
                ["plain\(index)", "with:colon\(index)", "http.wait-\(index)", "ü \"q\" \(index)"]
                .randomElement(using: &random) ?? ""
            if type == .counter { name += "_total" }
            // Help of nothing but blanks is none, as Prometheus reads it.
            let family = batch.family(name, type, "h" + text(&random))
            for number in 0..<Int.random(in: 1...4, using: &random) {
                batch.startLabels()
                batch.label("a", "\(number)" + text(&random))
                if Bool.random(using: &random) { batch.label("b.c", text(&random)) }
                batch.label("z", "")
                var value = Double(Int.random(in: -1_000_000...1_000_000, using: &random)) / 64
                switch Int.random(in: 0..<8, using: &random) {
                case 0: value = .infinity
                case 1: value = .nan
                case 2: value *= 1e20
                default: break
                }
                let timestamp =
                    Bool.random(using: &random)
                    ? SampleBatch.noTimestamp : Int64.random(in: 0...1_700_000_000, using: &random) * 1000
                let labels = batch.endLabels()
                let suffix = self.suffix(type, isOpenMetrics, &random)
                batch.sample(family, labels, value, suffix: suffix, timestamp: timestamp)
                if isOpenMetrics, Bool.random(using: &random) {
                    batch.exemplar(batch.labels("trace", text(&random)), 0.5, timestamp: 1500)
                }
            }
        }
    }

    private static func suffix(_ type: MetricType, _ isOpenMetrics: Bool, _ random: inout SeededRandom) -> SampleSuffix
    {
        let suffixes: [SampleSuffix] =
            switch type {
            case .histogram: isOpenMetrics ? [.bucket, .sum, .count, .created] : [.bucket, .sum, .count]
            case .summary: [.none, .sum, .count]
            case .counter: isOpenMetrics ? [.none, .created] : [.none]
            case .gaugehistogram: [.bucket, .gsum, .gcount]
            case .info: [.info]
            default: [.none]
            }
        return suffixes.randomElement(using: &random) ?? .none
    }

    private static func text(_ random: inout SeededRandom) -> String {
        var text = ""
        for _ in 0..<Int.random(in: 0..<6, using: &random) {
            text += ["x", " ", "\\", "\"", "\n", "{", "}", ",", "=", "ü", "#", "n"].randomElement(using: &random) ?? ""
        }
        return text
    }
}
