import Rules
import Telemetry
import Testing

@Suite("Prometheus's API for queries")
struct QueryAPITests {
    private static let api: QueryAPI = {
        let samples = MemorySamples()
        for minute in 0..<10 as Range<Int64> {
            samples.append(["__name__": "up", "job": "a", "instance": "x"], minute * 60_000, 1)
            samples.append(["__name__": "up", "job": "b", "instance": "é\"\n"], minute * 60_000, 0)
            samples.append(["__name__": "total", "job": "a"], minute * 60_000, Double(minute) * 60)
        }
        samples.append(["__name__": "old", "job": "z"], 0, 1)
        return QueryAPI(source: samples, options: QueryOptions(), now: { 540_000 }) {
            [
                MetricMetadata(name: "up", type: .gauge, help: "Whether."),
                MetricMetadata(name: "total", type: .counter, help: "How many."),
                MetricMetadata(name: "up", type: .untyped, help: "Else."),
            ]
        }
    }()

    private func ask(_ call: QueryAPI.Call, _ parameters: [(String, String)]) -> (status: Int, body: String) {
        let response = Self.api.respond(to: call, APIParameters(parameters.map { (name: $0.0, value: $0.1) }))
        return (response.status, String(decoding: response.body, as: UTF8.self))
    }

    private func data(_ call: QueryAPI.Call, _ parameters: [(String, String)]) -> String {
        let (status, body) = ask(call, parameters)
        let prefix = "{\"status\":\"success\",\"data\":"
        #expect(status == 200 && body.hasPrefix(prefix), "\(body)")
        return String(body.dropFirst(prefix.count).dropLast())
    }

    @Test(
        "a query's value is written as Prometheus writes it",
        arguments: [
            ("1.5", "{\"resultType\":\"scalar\",\"result\":[540,\"1.5\"]}"),
            ("1 / 0", "{\"resultType\":\"scalar\",\"result\":[540,\"+Inf\"]}"),
            ("1e21", "{\"resultType\":\"scalar\",\"result\":[540,\"1e+21\"]}"),
            ("123456789012", "{\"resultType\":\"scalar\",\"result\":[540,\"123456789012\"]}"),
            ("0.000001", "{\"resultType\":\"scalar\",\"result\":[540,\"0.000001\"]}"),
            ("0.0000001", "{\"resultType\":\"scalar\",\"result\":[540,\"1e-07\"]}"),
            ("'a\"b'", "{\"resultType\":\"string\",\"result\":[540,\"a\\\"b\"]}"),
            ("nothing", "{\"resultType\":\"vector\",\"result\":[]}"),
            (
                "up{job='b'}",
                "{\"resultType\":\"vector\",\"result\":[{\"metric\":{\"__name__\":\"up\",\"instance\":\"é\\\"\\n\",\"job\":\"b\"},\"value\":[540,\"0\"]}]}"
            ),
            (
                "total[90s] offset 250ms",
                "{\"resultType\":\"matrix\",\"result\":[{\"metric\":{\"__name__\":\"total\",\"job\":\"a\"},\"values\":[[480,\"480\"]]}]}"
            ),
        ])
    func instant(query: String, expected: String) {
        #expect(data(.query, [("query", query)]) == expected)
    }

    @Test("times are seconds or RFC 3339, and come back with their fractions")
    func times() {
        #expect(
            data(.query, [("query", "1"), ("time", "60.25")]) == "{\"resultType\":\"scalar\",\"result\":[60.250,\"1\"]}"
        )
        #expect(
            data(.query, [("query", "1"), ("time", "1970-01-01T00:01:00.007Z")])
                == "{\"resultType\":\"scalar\",\"result\":[60.007,\"1\"]}")
        #expect(
            data(.query, [("query", "1"), ("time", "-1.5")]) == "{\"resultType\":\"scalar\",\"result\":[-1.500,\"1\"]}")
    }

    @Test("a range gives a matrix, scalars too")
    func range() {
        let parameters = [("start", "60"), ("end", "180"), ("step", "1m")]
        #expect(
            data(.queryRange, [("query", "total")] + parameters)
                == "{\"resultType\":\"matrix\",\"result\":[{\"metric\":{\"__name__\":\"total\",\"job\":\"a\"},"
                + "\"values\":[[60,\"60\"],[120,\"120\"],[180,\"180\"]]}]}")
        #expect(
            data(.queryRange, [("query", "2")] + parameters)
                == "{\"resultType\":\"matrix\",\"result\":[{\"metric\":{},\"values\":[[60,\"2\"],[120,\"2\"],[180,\"2\"]]}]}"
        )
    }

    @Test(
        "what is wrong is told in Prometheus's words",
        arguments: [
            (
                [("query", "1 +")], 400, "bad_data",
                "invalid parameter \\\"query\\\": 1:4: parse error: unexpected end of input"
            ),
            (
                [("query", "1"), ("time", "x")], 400, "bad_data",
                "invalid parameter \\\"time\\\": invalid time value for 'time': cannot parse \\\"x\\\" to a valid timestamp"
            ),
            (
                [("query", "1"), ("limit", "-1")], 400, "bad_data",
                "invalid parameter \\\"limit\\\": limit must be non-negative"
            ),
            (
                [("query", "1"), ("timeout", "x")], 400, "bad_data",
                "invalid parameter \\\"timeout\\\": cannot parse \\\"x\\\" to a valid duration"
            ),
            ([("query", "label_replace(up, 'a', '', 'b', '(')")], 422, "execution", ""),
        ] as [([(String, String)], Int, String, String)])
    func errors(parameters: [(String, String)], status: Int, kind: String, message: String) {
        let (found, body) = ask(.query, parameters)
        #expect(found == status)
        #expect(body.hasPrefix("{\"status\":\"error\",\"errorType\":\"\(kind)\",\"error\":\"\(message)"), "\(body)")
    }

    @Test(
        "a range that makes no sense is refused",
        arguments: [
            ("0", "10", "0", "zero or negative"), ("10", "0", "1", "end timestamp must not be before start time"),
            ("0", "100000", "1", "exceeded maximum resolution of 11,000 points"),
            ("", "1", "1", "cannot parse \\\"\\\""),
            ("0", "1", "x", "cannot parse \\\"x\\\" to a valid duration"),
        ])
    func badRange(start: String, end: String, step: String, message: String) {
        let (status, body) = ask(.queryRange, [("query", "up"), ("start", start), ("end", end), ("step", step)])
        #expect(status == 400 && body.contains(message), "\(body)")
        let (_, other) = ask(.queryRange, [("query", "up[1m]"), ("start", "0"), ("end", "1"), ("step", "1")])
        #expect(other.contains("invalid expression type \\\"range vector\\\" for range query"))
    }

    @Test("results are cut off with a warning")
    func limit() {
        let (_, body) = ask(.query, [("query", "up"), ("limit", "1")])
        #expect(body.hasSuffix("],\"warnings\":[\"results truncated due to limit\"]}") == false)
        #expect(body.hasSuffix("},\"warnings\":[\"results truncated due to limit\"]}"), "\(body)")
        #expect(data(.labels, [("limit", "9")]) == "[\"__name__\",\"instance\",\"job\"]")
        #expect(ask(.labels, [("limit", "1")]).body.contains("\"data\":[\"__name__\"],\"warnings\""))
    }

    @Test("annotations come apart, as warnings and infos")
    func annotations() {
        let (_, body) = ask(.query, [("query", "rate(up[5m])")])
        #expect(body.contains("\"infos\":[\"PromQL info: metric might not be a counter"), "\(body)")
    }

    @Test("series, labels and values are found by matchers and by time")
    func series() {
        #expect(
            data(.series, [("match[]", "up{job='a'}"), ("match[]", "{job=~\"a\"}")])
                == "[{\"__name__\":\"total\",\"job\":\"a\"},{\"__name__\":\"up\",\"instance\":\"x\",\"job\":\"a\"}]")
        #expect(data(.labelValues("job"), []) == "[\"a\",\"b\",\"z\"]")
        #expect(data(.labelValues("job"), [("start", "60")]) == "[\"a\",\"b\"]")
        #expect(data(.labelValues("job"), [("match[]", "up"), ("match[]", "old")]) == "[\"a\",\"b\",\"z\"]")
        #expect(data(.labelValues("nothing"), []) == "[]")
        #expect(data(.labels, [("match[]", "total")]) == "[\"__name__\",\"job\"]")
        #expect(ask(.series, []).body.contains("no match[] parameter provided"))
        #expect(
            ask(.series, [("match[]", "{a=''}")]).body.contains("match[] must contain at least one non-empty matcher"))
        #expect(ask(.labels, [("match[]", "up[5m]")]).status == 400)
    }

    @Test("a question for exemplars is read and has none")
    func exemplars() {
        #expect(data(.queryExemplars, [("query", "up"), ("start", "0"), ("end", "60")]) == "[]")
        #expect(data(.queryExemplars, [("query", "rate(total[5m])")]) == "[]")
        #expect(ask(.queryExemplars, [("query", "1")]).status == 204)
        let (status, body) = ask(.queryExemplars, [("query", "sum(")])
        #expect(status == 400)
        #expect(body.contains("\"error\":\"1:5: parse error: unclosed left parenthesis\""), "\(body)")
        #expect(
            ask(.queryExemplars, [("query", "up"), ("start", "2"), ("end", "1")]).body.contains(
                "end timestamp must not be before start timestamp"))
    }

    @Test("the store's status has Prometheus's fields")
    func storeStatus() {
        let text = data(.tsdbStatus, [])
        #expect(
            text.hasPrefix(
                "{\"headStats\":{\"numSeries\":4,\"numLabelPairs\":8,\"chunkCount\":0,\"minTime\":540000,\"maxTime\":540000}"
            ),
            "\(text)")
    }

    @Test("metadata are listed by family")
    func metadata() {
        #expect(
            data(.metadata, [("metric", "total")])
                == "{\"total\":[{\"type\":\"counter\",\"help\":\"How many.\",\"unit\":\"\"}]}")
        #expect(data(.metadata, [("limit_per_metric", "1")]).contains("unknown") == false)
        #expect(data(.metadata, [("limit", "1")]).contains("up") == false)
    }

    @Test("expressions are formatted and taken apart")
    func expressions() {
        #expect(data(.formatQuery, [("query", "sum by(a)(up)")]) == "\"sum by (a) (up)\"")
        #expect(
            data(.parseQuery, [("query", "rate(up{a!='b'}[5m] offset 1m) > bool 1")])
                == "{\"type\":\"binaryExpr\",\"op\":\">\",\"lhs\":{\"type\":\"call\",\"func\":{\"name\":\"rate\","
                + "\"argTypes\":[\"matrix\"],\"variadic\":0,\"returnType\":\"vector\"},\"args\":[{\"type\":\"matrixSelector\","
                + "\"range\":300000,\"rangeExpr\":null,\"name\":\"up\",\"offset\":60000,\"offsetExpr\":null,"
                + "\"matchers\":[{\"name\":\"a\",\"value\":\"b\",\"type\":\"!=\"},{\"name\":\"__name__\",\"value\":\"up\",\"type\":\"=\"}],"
                + "\"timestamp\":null,\"startOrEnd\":null,\"anchored\":false,\"smoothed\":false}]},"
                + "\"rhs\":{\"type\":\"numberLiteral\",\"val\":\"1\"},\"matching\":null,\"bool\":true}")
        #expect(data(.parseQuery, [("query", "up[(5m)]")]).contains("\"wrapped\":true"))
        #expect(data(.tsdbStatus, []).contains("{\"name\":\"up\",\"value\":2}"))
    }

    @Test("a query that takes longer than it may is given up")
    func timeout() {
        let (status, body) = ask(.query, [("query", "up"), ("timeout", "0")])
        #expect(status == 503 && body.contains("\"errorType\":\"timeout\""), "\(body)")
    }
}
