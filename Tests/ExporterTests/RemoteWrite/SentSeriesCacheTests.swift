import Bytes
import Telemetry
import Testing

@testable import Exporter

@Suite("Remote write series cache")
struct SentSeriesCacheTests {
    private func rule(_ change: (inout RelabelRule) -> Void) -> RelabelRule {
        var rule = RelabelRule()
        change(&rule)
        return rule
    }

    private func labels(_ cache: borrowing SentSeriesCache, _ index: Int) -> [String] {
        guard let entry = cache.entries[index] else { return [] }
        return entry.labels.map { number in
            String(lossy: cache.symbols.symbol(Int(number)))
        }
    }

    @Test("external labels fill in what a series lacks, and relabelling sees them")
    func external() throws {
        let relabeler = try Relabeler([
            rule {
                $0.sourceLabels = ["region"]
                $0.targetLabel = "where"
            },
            rule {
                $0.action = .labeldrop
                $0.regex = "secret"
            },
        ])
        var cache = SentSeriesCache(
            relabeler: relabeler, externalLabels: ["region": "eu", "job": "external"], now: .monotonic)
        let (index, isNew) = cache.index(
            of: series(["__name__": "a", "job": "own", "secret": "x", "empty": ""]), now: .monotonic)
        #expect(isNew)
        #expect(labels(cache, index) == ["__name__", "a", "job", "own", "region", "eu", "where", "eu"])
    }

    @Test("a series that a rule drops or leaves without a name has no labels")
    func dropped() throws {
        let relabeler = try Relabeler([
            rule {
                $0.action = .drop
                $0.sourceLabels = ["__name__"]
                $0.regex = "go_.*"
            },
            rule {
                $0.action = .labeldrop
                $0.regex = "_+name_+"
            },
        ])
        var cache = SentSeriesCache(relabeler: relabeler, externalLabels: [:], now: .monotonic)
        for name in ["go_gc", "other"] {
            let (index, _) = cache.index(of: series(["__name__": name, "a": "b"]), now: .monotonic)
            #expect(labels(cache, index) == [])
        }
    }

    @Test("the same object has the same entry, another with the same labels its own")
    func identity() {
        var cache = SentSeriesCache(relabeler: nil, externalLabels: [:], now: .monotonic)
        let first = series(["__name__": "a"])
        let (index, _) = cache.index(of: first, now: .monotonic)
        #expect(cache.index(of: first, now: .monotonic) == (index, false))
        #expect(cache.index(of: series(["__name__": "a"]), now: .monotonic).isNew)
        cache.remove(index)
        #expect(cache.index(of: first, now: .monotonic).isNew)
    }

    @Test("series that come and go leave nothing behind, and those that stay keep their times")
    func churn() {
        var cache = SentSeriesCache(relabeler: nil, externalLabels: [:], now: .monotonic)
        let stays = series(["__name__": "stays"])
        cache.took(cache.index(of: stays, now: .monotonic).index, timestamp: 7)
        for number in 0..<5000 {
            let (index, _) = cache.index(of: series(["__name__": "a", "n": "\(number)"]), now: .monotonic)
            cache.remove(index)
            cache.tidy(now: .monotonic)
        }
        #expect(cache.count == 1)
        #expect(cache.symbols.count < 1500)
        let (index, isNew) = cache.index(of: stays, now: .monotonic)
        #expect(!isNew && cache.entries[index]?.lastTimestamp == 7)
        #expect(labels(cache, index) == ["__name__", "stays"])
    }

    @Test("a series that nobody sends any more is forgotten after a while")
    func idle() {
        let begin = Timestamp.monotonic
        var cache = SentSeriesCache(relabeler: nil, externalLabels: [:], now: begin)
        _ = cache.index(of: series(["__name__": "gone"]), now: begin)
        let later = begin.later(seconds: 700)
        _ = cache.index(of: series(["__name__": "here"]), now: later)
        cache.tidy(now: later)
        #expect(cache.count == 1)
    }
}
