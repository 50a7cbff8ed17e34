import Bytes
import Telemetry
import TestSupport
import Testing

@testable import Rules

@Suite("Native histograms: properties of random ones")
struct HistogramPropertyTests {
    /// Sound, of small whole counts.
    private func sound(_ random: inout SeededRandom, isCustom: Bool) -> FloatHistogram {
        var histogram = FloatHistogram()
        func buckets(_ first: ClosedRange<Int32>, _ most: Int) -> HistogramBuckets {
            let counts = (0..<Int.random(in: 0...most, using: &random)).map { _ in
                Double(Int.random(in: 0...5, using: &random))
            }
            return HistogramBuckets(from: Int32.random(in: first, using: &random), counts)
        }
        if isCustom {
            histogram.schema = FloatHistogram.customSchema
            histogram.customBounds = [1, 2, 4, 8, 16].filter { _ in Bool.random(using: &random) }
            histogram.positive = HistogramBuckets(
                from: 0, (0...histogram.customBounds.count).map { _ in Double(Int.random(in: 0...5, using: &random)) })
        } else {
            histogram.schema = Int.random(in: -4...8, using: &random)
            // Bounds of every schema: any other may lie inside a bucket of the coarser one, which then is counted twice, as in
            // Prometheus.
            histogram.zeroThreshold = [0, 0x1p-16, 1].randomElement(using: &random) ?? 0
            histogram.zeroCount = Double(Int.random(in: 0...5, using: &random))
            let (schema, threshold) = (histogram.schema, histogram.zeroThreshold)
            let isInside = { (index: Int32) in HistogramBounds.upper(Int(index), schema) <= threshold }
            histogram.positive = CompensatedBuckets(buckets(-20...20, 12)).dropping(while: isInside).plain
            histogram.negative = CompensatedBuckets(buckets(-20...20, 12)).dropping(while: isInside).plain
        }
        histogram.count = held(histogram)
        histogram.sum = Double(Int.random(in: -50...50, using: &random))
        return histogram
    }

    private func held(_ histogram: FloatHistogram) -> Double {
        histogram.positive.counts.reduce(0, +) + histogram.negative.counts.reduce(0, +) + histogram.zeroCount
    }

    @Test("a sum holds what both hold, in either order, and a later one is no reset")
    func sums() throws {
        var random = SeededRandom(seed: SeededRandom.seed())
        for round in 0..<4000 {
            let isCustom = round % 3 == 0
            let (a, b) = (sound(&random, isCustom: isCustom), sound(&random, isCustom: isCustom))
            var remarks = HistogramSum.Remarks()
            let sum = try a.adding(b, &remarks)
            // A bucket that is inside the other's zero bucket and counted there is not counted twice, nor lost.
            #expect(held(sum) == held(a) + held(b), "\(a.scriptText) + \(b.scriptText)")
            let other = try b.adding(a, &remarks)
            #expect(sum.compacted() == other.compacted(), "\(a.scriptText) + \(b.scriptText)")
            #expect(!sum.isReset(after: a), "\(a.scriptText) then \(sum.scriptText)")
            if held(b) > 0 { #expect(a.isReset(after: sum)) }
            let rest = try sum.adding(b, times: -1, &remarks)
            #expect(held(rest) == held(a))
        }
    }

    @Test("fractions and quantiles are each other's inverse")
    func quantiles() {
        var random = SeededRandom(seed: SeededRandom.seed())
        for _ in 0..<4000 {
            let histogram = sound(&random, isCustom: false)
            guard histogram.count > 0 else { continue }
            let quantile = Double.random(in: 0.01...0.99, using: &random)
            let value = histogram.quantile(quantile).value
            // A zero bucket without width is passed over at once.
            if value == 0 { continue }
            let fraction = histogram.fraction(from: -.infinity, to: value).value
            #expect(abs(fraction - quantile) < 1e-6, "\(histogram.scriptText): \(quantile) is \(value), \(fraction)")
        }
    }

    @Test("what trimming takes away below and above is all there was")
    func trimming() {
        var random = SeededRandom(seed: SeededRandom.seed())
        for round in 0..<4000 {
            let histogram = sound(&random, isCustom: false)
            let bound = Double.random(in: -100...100, using: &random)
            let below = histogram.trimmed(at: bound, keepsLower: true)
            let above = histogram.trimmed(at: bound, keepsLower: false)
            #expect(
                abs(held(below) + held(above) - held(histogram)) < 1e-9 * (1 + held(histogram)),
                "\(round): \(histogram.scriptText) at \(bound)")
        }
    }

    /// Anything at all: no bounds that rise, counts that are no numbers, indices at the ends.
    private func wild(_ random: inout SeededRandom) -> FloatHistogram {
        let numbers = [
            0, 1, -1, .nan, .infinity, -.infinity, 1e308, -1e308, .leastNonzeroMagnitude, 0.5, 3,
            Double.greatestFiniteMagnitude,
        ]
        func number() -> Double { numbers.randomElement(using: &random) ?? 0 }
        func buckets() -> HistogramBuckets {
            let offsets: [Int32] = [0, 1, -1, 5, 1023, 1024, -1075, 1 << 30, -(1 << 30), 262_143]
            return HistogramBuckets(
                from: offsets.randomElement(using: &random) ?? 0,
                (0..<Int.random(in: 0...4, using: &random)).map { _ in number() })
        }
        var histogram = FloatHistogram()
        histogram.schema = ([-53] + Array(-4...8)).randomElement(using: &random) ?? 0
        histogram.counterResetHint = [.unknown, .reset, .notReset, .gauge].randomElement(using: &random) ?? .unknown
        histogram.count = number()
        histogram.sum = number()
        histogram.zeroCount = number()
        histogram.zeroThreshold = number()
        histogram.positive = buckets()
        histogram.negative = buckets()
        histogram.customBounds = (0..<Int.random(in: 0...4, using: &random)).map { _ in number() }
        return histogram
    }

    static let queries = [
        "a", "a + ignoring(x) b", "a - ignoring(x) b", "a * 2", "-a", "2 * a", "a / 0", "0 / a", "a </ 1", "a >/ 0.7",
        "a </ -1",
        "a == b", "a == ignoring(x) b", "a != ignoring(x) b", "a > bool b", "a or b", "a and b", "a </ b",
        "sum(a)", "avg(a)", "avg by (x) ({__name__=~\"a|b\"})", "sum({__name__=~\"a|b\"})", "max(a)", "stddev(a)",
        "quantile(0.5, a)",
        "count_values(\"v\", a)", "topk(2, a)", "limitk(2, a)", "limit_ratio(0.5, a)", "group(a)", "count(a)",
        "rate(a[5m])", "increase(a[5m])", "delta(a[5m])", "irate(a[5m])", "idelta(a[5m])", "resets(a[5m])",
        "changes(a[5m])",
        "increase(a[5m] anchored)", "rate(a[5m] smoothed)", "delta(a[5m] smoothed)", "a smoothed",
        "resets(a[5m] anchored)",
        "sum_over_time(a[5m])", "avg_over_time(a[5m])", "last_over_time(a[5m])", "max_over_time(a[5m])",
        "mad_over_time(a[5m])",
        "deriv(a[5m])", "quantile_over_time(0.5, a[5m])", "double_exponential_smoothing(a[5m], 0.5, 0.5)",
        "sum_over_time(rate(a[2m])[5m:1m])", "histogram_quantile(0.3, a)", "histogram_quantile(0.9, rate(a[5m]))",
        "histogram_quantiles(a, \"q\", 0.1, 0.9)", "histogram_fraction(-1, 2, a)", "histogram_fraction(-Inf, Inf, a)",
        "histogram_avg(a)", "histogram_count(rate(a[5m]))", "histogram_sum(sum(a))", "histogram_stddev(a)",
        "histogram_stdvar(a)",
        "absent(a)", "timestamp(a)", "label_replace(a, \"y\", \"$1\", \"x\", \"(.*)\")", "sort(a)", "abs(a)",
        "scalar(a)", "info(a)",
        "sort_by_label(a, \"x\")", "a @ 120 offset 1m", "a[5m]", "a + ignoring(x) fill(1) b",
    ]

    @Test("no histogram, however odd, stops any query", arguments: queries)
    func fuzz(text: String) throws {
        var random = SeededRandom(seed: SeededRandom.seed())
        let query = try QueryEngine().prepare(text)
        for _ in 0..<30 {
            let samples = MemorySamples()
            for series in 0..<4 {
                let labels = LabelSet([
                    Label("__name__", series == 3 ? "b" : "a"), Label("x", "\(series % 2)"), Label("y", "\(series)"),
                ])
                for step in 0..<10 {
                    let time = Int64(step) * 60_000
                    if Int.random(in: 0..<8, using: &random) == 0 {
                        samples.append(labels, time, Double(step))
                    } else {
                        samples.append(labels, time, wild(&random))
                    }
                }
            }
            func write(_ value: QueryValue) {
                var json = JSONWriter()
                value.write(at: 0, to: &json)
                #expect(!QueryValueText.lines(value, columns: 80, bars: false).isEmpty)
                #expect(!QueryValueText.lines(value, columns: 80, bars: true).isEmpty)
            }
            // Errors are as good as results: that two series match, for one.
            if let result = try? query.instant(at: 300_000, in: samples) { write(result.value) }
            if let result = try? query.range(from: 0, through: 600_000, step: 60_000, in: samples) {
                write(result.value)
            }
        }
    }
}
