import TestSupport
import Testing

@testable import Rules

@Suite("Native histograms: the value")
struct FloatHistogramTests {
    private func histogram(_ text: String) throws -> FloatHistogram {
        let values = try SeriesDescription.parse("h {{\(text)}}").values
        guard case .histogram(let found, _)? = values.first else { throw QueryError.execution("no histogram") }
        return found.value
    }

    private func sum(_ a: String, _ b: String, times sign: Double = 1) throws -> FloatHistogram {
        var remarks = HistogramSum.Remarks()
        return try histogram(a).adding(try histogram(b), times: sign, &remarks).compacted()
    }

    @Test(
        "buckets end at powers of the base",
        arguments: [
            (0, 0, 1), (0, 1, 2), (0, -1, 0.5), (-1, 1, 4), (-4, 1, 65536), (1, 1, 1.414213562373095), (2, 4, 2),
            (3, 8, 2), (8, 256, 2), (8, -256, 0.5), (1, 2, 2), (0, 1024, .greatestFiniteMagnitude),
            (0, 1025, .infinity),
            (8, 262144, .greatestFiniteMagnitude), (-4, 64, .greatestFiniteMagnitude), (0, -1100, 0),
        ] as [(Int, Int, Double)])
    func bounds(schema: Int, index: Int, bound: Double) {
        #expect(HistogramBounds.upper(index, schema) == bound)
    }

    @Test("a bound is the same in every schema that has it")
    func sharedBounds() {
        for schema in 1...8 {
            for index in -600...600 {
                let coarser = HistogramBounds.upper(index, schema - 1)
                #expect(HistogramBounds.upper(2 * index, schema) == coarser)
            }
        }
    }

    @Test(
        "sums and differences, with what has to be brought into line",
        arguments: [
            ("count:4 sum:5 buckets:[1 3]", "count:3 sum:2 buckets:[1 0 2]", 1, "{{count:7 sum:7 buckets:[2 3 2]}}"),
            (
                "count:4 sum:5 buckets:[1 3]", "count:3 sum:2 buckets:[1 0 2]", -1,
                "{{count:1 sum:3 offset:1 buckets:[3 -2]}}"
            ),
            // Indices 1 and 2 of schema 1 are index 1 of schema 0.
            (
                "schema:1 count:6 buckets:[1 2 3]", "count:1 offset:1 buckets:[1]", 1,
                "{{count:7 buckets:[1 6]}}"
            ),
            (
                "count:1 offset:1 buckets:[1]", "schema:1 count:6 buckets:[1 2 3]", 1,
                "{{count:7 buckets:[1 6]}}"
            ),
            // The wider zero bucket takes in (0.5,1].
            (
                "count:3 z_bucket:1 z_bucket_w:0.5 buckets:[2]", "count:5 z_bucket:1 z_bucket_w:1 buckets:[0 4]", 1,
                "{{count:8 z_bucket:4 z_bucket_w:1 offset:1 buckets:[4]}}"
            ),
            // A threshold inside (0.5,1] is moved to its end, for that bucket is not empty.
            (
                "count:3 z_bucket:1 z_bucket_w:0.5 buckets:[2]", "count:1 z_bucket:1 z_bucket_w:0.75", 1,
                "{{count:4 z_bucket:4 z_bucket_w:1}}"
            ),
            (
                "count:1 n_buckets:[1]", "count:1 z_bucket_w:1 n_offset:1 n_buckets:[1]", 1,
                "{{count:2 z_bucket:1 z_bucket_w:1 n_offset:1 n_buckets:[1]}}"
            ),
            (
                "schema:-53 count:6 custom_values:[1 2 3] buckets:[1 2 3]",
                "schema:-53 count:4 custom_values:[1 3] buckets:[1 1 2]", 1,
                "{{schema:-53 count:10 custom_values:[1 3] buckets:[2 6 2]}}"
            ),
            (
                "schema:-53 count:1 custom_values:[1] buckets:[1]",
                "schema:-53 count:1 custom_values:[2] buckets:[0 1]", 1,
                "{{schema:-53 count:2 custom_values:[] buckets:[2]}}"
            ),
        ] as [(String, String, Double, String)])
    func arithmetic(a: String, b: String, sign: Double, expected: String) throws {
        #expect(try sum(a, b, times: sign).scriptText == expected)
    }

    @Test("exponential and custom buckets cannot be added up")
    func incompatible() throws {
        var remarks = HistogramSum.Remarks()
        let (exponential, custom) = (try histogram("count:1"), try histogram("schema:-53 count:1 custom_values:[1]"))
        #expect(throws: HistogramSum.IncompatibleLayouts.self) { try exponential.adding(custom, &remarks) }
        #expect(throws: HistogramSum.IncompatibleLayouts.self) { try custom.adding(exponential, &remarks) }
        #expect(custom.isReset(after: exponential) && exponential.isReset(after: custom))
    }

    @Test("hints about resets are joined")
    func hints() throws {
        var remarks = HistogramSum.Remarks()
        func joined(_ a: String, _ b: String) throws -> (FloatHistogram.CounterResetHint, Bool) {
            let hint = "counter_reset_hint:"
            let found = try histogram(hint + a).adding(try histogram(hint + b), &remarks).counterResetHint
            return (found, remarks.resetsConflict)
        }
        #expect(try joined("reset", "reset") == (.reset, false))
        #expect(try joined("reset", "not_reset") == (.unknown, true))
        #expect(try joined("gauge", "not_reset") == (.gauge, false))
        #expect(try joined("reset", "gauge") == (.gauge, false))
        #expect(try joined("not_reset", "unknown") == (.unknown, false))
    }

    @Test(
        "resets are found in counts, in buckets and in what is no longer there",
        arguments: [
            ("count:2 buckets:[1 1]", "count:3 buckets:[1 2]", false),
            ("count:3 buckets:[1 2]", "count:2 buckets:[1 1]", true),
            ("count:3 buckets:[2 1]", "count:4 buckets:[1 3]", true),
            ("count:3 buckets:[2 1]", "count:9 offset:1 buckets:[9]", true),
            ("count:3 buckets:[0 3]", "count:9 offset:1 buckets:[9]", false),
            ("count:3 buckets:[3]", "schema:1 count:9 buckets:[9]", true),
            ("schema:1 count:6 buckets:[1 2 3]", "count:7 buckets:[1 6]", false),
            ("schema:1 count:6 buckets:[1 2 3]", "count:7 buckets:[1 4]", true),
            ("count:3 z_bucket_w:1", "count:4 z_bucket_w:0.5", true),
            ("count:2 z_bucket:1 z_bucket_w:0.5 buckets:[1]", "count:2 z_bucket:2 z_bucket_w:1", false),
            ("count:2 z_bucket:1 z_bucket_w:0.5 buckets:[1]", "count:2 z_bucket:1 z_bucket_w:1", true),
            ("count:9 buckets:[9]", "count:1 counter_reset_hint:not_reset", false),
            ("count:1", "count:2 counter_reset_hint:reset", true),
            (
                "schema:-53 count:3 custom_values:[1 2] buckets:[1 2]",
                "schema:-53 count:4 custom_values:[2 3] buckets:[3 1]", false
            ),
            (
                "schema:-53 count:4 custom_values:[1 2] buckets:[1 3]",
                "schema:-53 count:4 custom_values:[2 3] buckets:[3 1]", true
            ),
        ])
    func resets(before: String, after: String, isReset: Bool) throws {
        #expect(try histogram(after).isReset(after: try histogram(before)) == isReset)
    }

    @Test(
        "quantiles interpolate inside the bucket",
        arguments: [
            // A quarter into (1,2] by the logarithm.
            ("count:4 offset:1 buckets:[4]", 0.25, 1.189207115002721),
            ("count:4 offset:1 buckets:[4]", 0.75, 1.681792830507429),
            ("count:4 n_offset:1 n_buckets:[4]", 0.25, -1.681792830507429), ("count:4 offset:1 buckets:[4]", 1, 2),
            ("count:4 z_bucket:4 z_bucket_w:1", 0.75, 0.5),
            ("count:8 z_bucket:4 z_bucket_w:1 offset:1 buckets:[4]", 0.25, 0.5),
            ("schema:-53 count:4 custom_values:[10] buckets:[4]", 0.5, 5),
            ("schema:-53 count:4 custom_values:[10] buckets:[0 4]", 0.5, 10),
            ("schema:-53 count:4 custom_values:[-1] buckets:[4]", 0.5, -1),
            ("count:4 offset:1 buckets:[4]", -1, -.infinity),
            ("count:4 offset:1 buckets:[4]", 2, .infinity),
        ] as [(String, Double, Double)])
    func quantiles(text: String, quantile: Double, expected: Double) throws {
        let found = try histogram(text).quantile(quantile)
        #expect(AlmostEqual.areEqual(found.value, expected, tolerance: 1e-12), "\(found.value)")
        #expect(found.nan == nil)
    }

    @Test("observations of NaN lie above all buckets")
    func nan() throws {
        let all = try histogram("count:4 sum:nan offset:1 buckets:[2]")
        #expect(all.quantile(0.9).value.isNaN && all.quantile(0.9).nan == .isNaN)
        #expect(all.quantile(0.5).value == 2 && all.quantile(0.5).nan == .isSkewed)
        #expect(all.fraction(from: -.infinity, to: .infinity).value == 0.5)
        #expect(all.fraction(from: -.infinity, to: .infinity).nan == .isExcluded)
        #expect(try histogram("count:0").quantile(0.5).value.isNaN)
    }

    @Test(
        "trimming keeps the part of a bucket that lies on the side that stays",
        arguments: [
            ("count:4 sum:6 offset:1 buckets:[4]", 2, true, "{{count:4 sum:6 offset:1 buckets:[4]}}"),
            ("count:4 sum:6 offset:1 buckets:[4]", 1, true, "{{}}"),
            (
                "schema:-53 count:8 sum:9 custom_values:[2 4] buckets:[4 4]", 3, true,
                "{{schema:-53 count:6 sum:9 custom_values:[2 4] buckets:[4 2]}}"
            ),
            (
                "schema:-53 count:8 sum:9 custom_values:[2 4] buckets:[4 4]", 3, false,
                "{{schema:-53 count:2 sum:7 custom_values:[2 4] offset:1 buckets:[2]}}"
            ),
            ("count:4 z_bucket:4 z_bucket_w:1", 0, true, "{{count:2 sum:-1 z_bucket:2 z_bucket_w:1}}"),
        ] as [(String, Double, Bool, String)])
    func trimming(text: String, bound: Double, keepsLower: Bool, expected: String) throws {
        #expect(try histogram(text).trimmed(at: bound, keepsLower: keepsLower).scriptText == expected)
    }

    @Test("it is written as count_values names it")
    func description() throws {
        let text = "schema:1 count:9 sum:1.5 z_bucket:1 z_bucket_w:0.5 buckets:[0 2 0.5] n_buckets:[3]"
        #expect(
            try histogram(text).description
                == "{count:9, sum:1.5, [-1,-0.7071067811865475):3, [-0.5,0.5]:1, (1,1.414213562373095]:2, (1.414213562373095,2]:0.5}"
        )
        let custom = try histogram("schema:-53 count:3 custom_values:[1] buckets:[1 2]")
        #expect(custom.description == "{count:3, sum:0, [-Inf,1]:1, (1,+Inf]:2}")
    }

    @Test("a sum that overflows becomes a running mean")
    func mean() throws {
        let large = try histogram("count:1.5e308 sum:1 buckets:[1.5e308]")
        var total = HistogramTotal(large, isAverage: true)
        try total.add(large)
        try total.add(large)
        #expect(AlmostEqual.areEqual(total.result.count, 1.5e308, tolerance: 1e-12))
        #expect(AlmostEqual.areEqual(total.result.positive.counts[0], 1.5e308, tolerance: 1e-12))
        #expect(total.result.sum == 1)
    }

    @Test("what is small is not lost beside what is large")
    func compensation() throws {
        var total = HistogramTotal(try histogram("count:1e100 buckets:[1e100]"), isAverage: false)
        try total.add(try histogram("count:1 buckets:[1]"))
        try total.add(try histogram("count:-1e100 buckets:[-1e100]"))
        #expect(total.result.count == 1 && total.result.positive.counts == [1])
    }

    @Test(
        "what no store would keep is told",
        arguments: [
            "count:-1", "count:1 buckets:[-1]", "schema:-53 custom_values:[2 1]",
            "schema:-53 custom_values:[1] buckets:[1 1 1]",
            "schema:-53 custom_values:[1] z_bucket:1", "custom_values:[1]",
            "schema:-53 custom_values:[1] n_buckets:[1]",
        ])
    func flaws(text: String) throws {
        #expect(try histogram(text).flaw != nil)
    }
}
