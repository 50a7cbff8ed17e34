import Bytes
import Rules
import Telemetry
import Testing

@Suite("Native histograms: queries")
struct HistogramScriptTests {
    static let scripts: [(String, String)] = [
        (
            "what a query remarks",
            """
            load 1m
              mix 1 {{count:1 buckets:[1]}} 3 {{count:2 buckets:[2]}}
              kinds{k="e"} {{count:1 buckets:[1]}}x5
              kinds{k="c"} {{schema:-53 count:1 custom_values:[1] buckets:[1]}}x5
              bounds{k="a"} {{schema:-53 count:1 custom_values:[1 2] buckets:[1]}}x5
              bounds{k="b"} {{schema:-53 count:1 custom_values:[2 3] buckets:[1]}}x5
              gauge {{count:1 buckets:[1] counter_reset_hint:gauge}}+{{count:1 buckets:[1] counter_reset_hint:gauge}}x5

            eval instant at 3m sum_over_time(mix[4m])
              expect warn msg: PromQL warning: encountered a mix of histograms and floats for metric name "mix" (1:15)

            eval instant at 3m max_over_time(mix[4m])
              expect info msg: PromQL info: ignored histograms in a range containing both floats and histograms for metric name "mix" (1:15)
              {} 3

            eval instant at 3m quantile_over_time(0.5, mix[4m])
              expect info msg: PromQL info: ignored histograms in a range containing both floats and histograms for metric name "mix" (1:20)
              {} 2

            eval instant at 3m changes(mix[4m])
              expect no_warn
              {} 3

            eval instant at 3m resets(mix[4m])
              {} 3

            eval instant at 3m irate(mix[4m])
              expect warn msg: PromQL warning: encountered a mix of histograms and floats for metric name "mix" (1:7)

            eval instant at 3m sum(kinds)
              expect warn msg: PromQL warning: vector contains a mix of histograms with exponential and custom buckets schemas for metric name "kinds" (1:5)

            eval instant at 3m sum(bounds)
              expect info msg: PromQL info: mismatched custom buckets were reconciled during aggregation (1:5)
              expect no_warn
              {} {{schema:-53 count:2 custom_values:[2] buckets:[2]}}

            eval instant at 3m histogram_count(sum(bounds))
              expect no_info
              {} 2

            eval instant at 3m kinds{k="e"} + ignoring(k) kinds{k="c"}
              expect warn msg: PromQL warning: incompatible bucket layout encountered for binary operator + (1:1)

            eval instant at 3m kinds{k="e"} * ignoring(k) kinds{k="c"}
              expect info msg: PromQL info: incompatible sample types encountered for binary operator "*": histogram * histogram (1:1)

            eval instant at 3m gauge < 3
              expect info msg: PromQL info: incompatible sample types encountered for binary operator "<": histogram < float (1:1)

            eval instant at 3m rate(gauge[2m])
              expect warn msg: PromQL warning: this native histogram metric is not a counter: "gauge" (1:6)
              {} {{count:0.016666666666666666 buckets:[0.016666666666666666] counter_reset_hint:gauge}}

            eval instant at 3m delta(gauge[2m])
              expect no_warn
              {} {{count:2 buckets:[2] counter_reset_hint:gauge}}

            eval instant at 3m idelta(kinds{k="e"}[2m])
              expect warn msg: PromQL warning: this native histogram metric is not a gauge: "kinds" (1:8)
              {k="e"} {{counter_reset_hint:gauge}}
            """
        ),
        (
            "what a store keeps of a histogram",
            """
            load 1m
              h {{count:1 z_bucket:1}} {{count:2 z_bucket:1 buckets:[1]}} {{count:1 buckets:[1]}} stale {{count:5 buckets:[5]}}

            # Before the reset all have the same buckets, so the zero bucket begins at 0.
            eval instant at 0 histogram_fraction(-1, 0, h)
              {} 0

            eval range from 0 to 4m step 1m last_over_time(h[1m])
              h {{count:1 z_bucket:1 counter_reset_hint:unknown}} {{count:2 z_bucket:1 buckets:[1] counter_reset_hint:not_reset}} {{count:1 buckets:[1] counter_reset_hint:unknown}} _ {{count:5 buckets:[5] counter_reset_hint:unknown}}

            eval instant at 2m resets(h[3m])
              {} 1

            eval instant at 3m h

            eval instant at 4m h[4m]
              expect range vector from 1m to 4m step 1m
              h {{count:2 z_bucket:1 buckets:[1]}} {{count:1 buckets:[1]}} _ {{count:5 buckets:[5]}}

            eval instant at 4m sum_over_time(h[5m:1m])
              expect no_warn
              {} {{count:9 z_bucket:2 buckets:[7]}}
            """
        ),
        (
            "classic histograms as native ones",
            """
            load_with_nhcb 1m
              d_bucket{le="1"} 0+1x5
              d_bucket{le="2"} 0+3x5
              d_bucket{le="+Inf"} 0+4x5
              d_count 0+4x5
              d_sum 0+6x5

            eval instant at 5m d
              d {{schema:-53 count:20 sum:30 custom_values:[1 2] buckets:[5 10 5]}}

            eval instant at 5m histogram_quantile(0.5, d)
              {} 1.5

            eval instant at 5m histogram_quantile(0.5, d_bucket)
              {} 1.5

            eval instant at 5m histogram_avg(increase(d[2m]))
              {} 1.5

            eval instant at 5m histogram_quantile(0.5, {__name__=~"d|d_bucket"})
              expect fail msg: vector cannot contain metrics with the same labelset

            eval instant at 5m count_values("v", d)
              {v="{count:20, sum:30, [-Inf,1]:5, (1,2]:10, (2,+Inf]:5}"} 1
            """
        ),
        (
            "ranges from end to end",
            """
            load 1m
              h {{count:0}}+{{count:10 sum:20 buckets:[4 6]}}x10

            eval instant at 5m30s increase(h[1m] anchored)
              {} {{count:10 sum:20 buckets:[4 6] counter_reset_hint:gauge}}

            eval instant at 5m30s increase(h[1m] smoothed)
              {} {{count:10 sum:20 buckets:[4 6] counter_reset_hint:gauge}}

            eval instant at 5m30s h smoothed
              h {{count:55 sum:110 buckets:[22 33]}}
            """
        ),
    ]

    @Test("scripts", arguments: scripts.indices)
    func script(_ index: Int) {
        let (name, text) = HistogramScriptTests.scripts[index]
        let report = PromQLScriptRunner.run(text)
        for failure in report.failures {
            Issue.record("\(name), line \(failure.line): \(failure.query): \(failure.reason)")
        }
        #expect(report.passed > 0)
    }

    @Test("the API has the buckets that are not empty, and which of their bounds are theirs")
    func json() throws {
        let samples = try QueryFixture.samples(
            "load 1m\n  h {{schema:0 count:8 sum:1e21 z_bucket:1 z_bucket_w:0.5 buckets:[0 2 0 3] n_buckets:[2]}}x1\n"
                + "  c {{schema:-53 count:2 custom_values:[1] buckets:[1 1]}}\n")
        let engine = QueryEngine()
        func text(_ value: QueryValue) throws -> String {
            var json = JSONWriter()
            value.write(at: 0, to: &json)
            return String(lossy: json.buffer.bytes)
        }
        let histogram =
            #"{"count":"8","sum":"1e+21","buckets":[[1,"-1","-0.5","2"],[3,"-0.5","0.5","1"],[0,"1","2","2"],[0,"4","8","3"]]}"#
        #expect(
            try text(engine.prepare("h").instant(at: 0, in: samples).value)
                == #"[{"metric":{"__name__":"h"},"histogram":[0,\#(histogram)]}]"#)
        #expect(
            try text(engine.prepare("h").range(from: 0, through: 60_000, step: 60_000, in: samples).value)
                == #"[{"metric":{"__name__":"h"},"histograms":[[0,\#(histogram)],[60,\#(histogram)]]}]"#)
        #expect(
            try text(engine.prepare("c").instant(at: 0, in: samples).value)
                == #"[{"metric":{"__name__":"c"},"histogram":[0,{"count":"2","sum":"0","buckets":[[3,"-Inf","1","1"],[0,"1","+Inf","1"]]}]}]"#
        )
    }

    @Test("numbers whose bits look like a mark are NaN where the reader has no histograms")
    func forged() throws {
        let samples = Forged()
        for text in ["a", "sum(a)", "last_over_time(a[5m])", "a * 2", "a smoothed", "histogram_count(a)"] {
            let found = QueryFixture.vector(try QueryEngine().prepare(text).instant(at: 0, in: samples))
            #expect(found.count == (text.hasPrefix("histogram") ? 0 : 1), "\(text)")
            #expect(found.values.allSatisfy { $0.isNaN })
        }
    }

    @Test("what a histogram holds counts against the limit of samples")
    func limit() throws {
        let samples = try QueryFixture.samples("load 1m\n  h {{count:1 buckets:[1 2 3]}}x100\n")
        var options = QueryOptions()
        options.maximalSamples = 500
        let query = try QueryEngine(options).prepare("sum_over_time(h[2h])")
        #expect(throws: QueryError.tooManySamples(limit: 500)) { try query.instant(at: 6_000_000, in: samples) }
    }
}

/// One series with one sample, which looks like the mark of a histogram.
private final class Forged: SampleReader {
    private let value = Double(bitPattern: 0x7ff0_0001_0000_0000)

    var seriesGeneration: UInt64 { 1 }
    func series(matching matchers: [LabelMatcher]) -> [SeriesID] { [SeriesID(index: 0)] }
    func labels(of series: SeriesID) -> LabelSet { ["__name__": "a"] }
    func append(samplesOf series: SeriesID, after: Int64, through: Int64, to columns: inout SampleColumns) {
        if after < 0, through >= 0 { columns.append(0, value) }
    }
    func newest(of series: SeriesID, after: Int64, through: Int64) -> (timestamp: Int64, value: Double)? {
        after < 0 && through >= 0 ? (0, value) : nil
    }
    func start(of series: SeriesID) -> Int64? { nil }
}
