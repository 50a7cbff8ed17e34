import Rules
import Telemetry
import Testing

/// A store that knows when its counters began.
private final class BornSamples: SampleReader {
    let samples: MemorySamples
    let birth: Int64?

    init(_ samples: MemorySamples, birth: Int64?) {
        self.samples = samples
        self.birth = birth
    }

    var seriesGeneration: UInt64 { samples.seriesGeneration }
    func series(matching matchers: [LabelMatcher]) -> [SeriesID] { samples.series(matching: matchers) }
    func labels(of series: SeriesID) -> LabelSet { samples.labels(of: series) }
    func append(samplesOf series: SeriesID, after: Int64, through: Int64, to columns: inout SampleColumns) {
        samples.append(samplesOf: series, after: after, through: through, to: &columns)
    }
    func newest(of series: SeriesID, after: Int64, through: Int64) -> (timestamp: Int64, value: Double)? {
        samples.newest(of: series, after: after, through: through)
    }
    func start(of series: SeriesID) -> Int64? { birth }
}

@Suite("Counters that are counted from their birth")
struct CounterBirthTests {
    private func increase(_ text: String, birth: Int64?, isOn: Bool = true, load: String) throws -> Double? {
        var options = QueryOptions()
        options.countsFromBirth = isOn
        let samples = BornSamples(try QueryFixture.samples(load), birth: birth)
        let query = try QueryEngine(options).prepare(text)
        return QueryFixture.vector(try query.instant(at: 300_000, in: samples)).values.first
    }

    @Test("the first value is an increase when the counter began inside the window")
    func inside() throws {
        let load = "load 15s\n  errors_total _x10 3 3 3 3 3 3 3 3 3 3 3\n"
        #expect(try increase("increase(errors_total[5m])", birth: 149_000, load: load) == 3)
        #expect(try increase("rate(errors_total[5m])", birth: 149_000, load: load) == 0.01)
    }

    @Test("a single sample is enough then")
    func single() throws {
        #expect(try increase("increase(a_total[5m])", birth: 299_000, load: "load 15s\n  a_total _x20 7\n") == 7)
        #expect(try increase("increase(a_total[5m])", birth: nil, load: "load 15s\n  a_total _x20 7\n") == nil)
    }

    @Test("nothing changes where the birth is unknown, before the window, or not asked for")
    func outside() throws {
        let load = "load 15s\n  errors_total 3x30\n"
        for (birth, isOn) in [(nil, true), (-1000, true), (150_000, false)] as [(Int64?, Bool)] {
            #expect(try increase("increase(errors_total[5m])", birth: birth, isOn: isOn, load: load) == 0)
        }
    }

    @Test("gauges have no birth")
    func gauges() throws {
        let load = "load 15s\n  g _x10 3 3 3 3 3 3 3 3 3 3 3\n"
        #expect(try increase("delta(g[5m])", birth: 149_000, load: load) == 0)
    }
}
