import Rules
import Telemetry
import Testing

@Suite("Series descriptions")
struct SeriesDescriptionTests {
    private static let stale = SequenceValue.staleMarker.bitPattern

    @Test(
        "values are spelled out",
        arguments: [
            ("foo 1 2 -3 +4", [1, 2, -3, 4]), ("foo 1x2", [1, 1, 1]), ("foo 1+2x3", [1, 3, 5, 7]),
            ("foo -1-1x2 ", [-1, -2, -3]), ("foo inf -Inf 1e3 .5", [.infinity, -.infinity, 1000, 0.5]),
            ("foo 0x3", [0, 0, 0, 0]), ("{a=\"b\"} 1", [1]), ("foo{a=\"b\",} 1", [1]), ("foo", []), ("foo{} ", []),
            ("foo\t1  2", [1, 2]), ("foo 010", [8]),
        ] as [(String, [Double])])
    func numbers(text: String, expected: [Double]) throws {
        let values = try SeriesDescription.parse(text).values
        #expect(values == expected.map { .value($0) })
    }

    @Test("gaps, stale markers and histograms are told apart")
    func kinds() throws {
        let values = try SeriesDescription.parse("foo _ 1 _x2 stale NaN {{schema:1 buckets:[1 2]}} {{}}x1").values
        #expect(values.count == 9)
        #expect(values[0...3] == [.omitted, .value(1), .omitted, .omitted])
        guard case .value(let stale) = values[4], case .value(let nan) = values[5] else {
            Issue.record("\(values)")
            return
        }
        #expect(stale.bitPattern == Self.stale)
        #expect(nan.isNaN && nan.bitPattern != Self.stale)
        var first = FloatHistogram()
        first.schema = 1
        first.positive = HistogramBuckets(from: 0, [1, 2])
        #expect(values[6] == .histogram(SharedHistogram(first), statesHint: false))
        #expect(values[7...8].allSatisfy { $0 == .histogram(SharedHistogram(FloatHistogram()), statesHint: false) })
        #expect(try SeriesDescription.parse("h {{count:1}}+{{count:2}}x3").values.count == 4)
    }

    @Test("labels are read with the name among them")
    func labels() throws {
        #expect(
            try SeriesDescription.parse("foo{b='x', a=`\\`,\"l.m\"=\"\\u00e9\"} 1").labels
                == ["__name__": "foo", "a": "\\", "b": "x", "l.m": "é"])
        #expect(
            try SeriesDescription.parse("{\"my.metric\", a=\"b\"} 1").labels == ["__name__": "my.metric", "a": "b"])
        #expect(try SeriesDescription.parseLabels("sum{by=\"x\"}") == ["__name__": "sum", "by": "x"])
    }

    @Test(
        "what is none is refused with Prometheus's words",
        arguments: [
            ("foo 1 x", "1:7: parse error: unexpected \"x\" in series values"),
            (
                "foo fresh",
                "1:5: parse error: unexpected identifier \"fresh\" in series values, expected number or \"stale\""
            ),
            (
                "foo 1x1.5",
                "1:7: parse error: invalid repetition in series values: strconv.ParseUint: parsing \"1.5\": invalid syntax"
            ),
            ("foo{a=1} 1", "1:7: parse error: unexpected character inside braces: '1'"),
            ("foo{a} 1", "1:6: parse error: unexpected \"}\" in label set, expected \"=\""),
            ("foo {{nonsense:1}}", "1:5: parse error: bad histogram descriptor found: \"nonsense\""),
            ("foo 1+2", "1:8: parse error: unexpected end of input in series values"),
            ("foo ?", "1:5: parse error: unexpected character in series sequence: '?'"),
        ])
    func refused(text: String, message: String) {
        #expect(throws: QueryError.syntax(message)) { try SeriesDescription.parse(text) }
    }

    @Test("a description that stands for too many values is refused")
    func tooMany() {
        #expect(throws: QueryError.self) { try SeriesDescription.parse("foo 1x99999999999999999999") }
        #expect(throws: QueryError.self) { try SeriesDescription.parse("foo _x1000001") }
        #expect(throws: QueryError.self) { try SeriesDescription.parse("foo 1x999999 1 1") }
    }
}
