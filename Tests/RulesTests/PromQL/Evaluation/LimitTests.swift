import Glibc
import Rules
import Telemetry
import Testing

@Suite("Limits of queries")
struct LimitTests {
    let load = "load 15s\n  a{x=\"1\"} 0+1x240\n  a{x=\"2\"} 0+2x240\n"

    @Test("a query that would hold more samples than it may is refused")
    func samples() throws {
        var options = QueryOptions()
        options.maximalSamples = 100
        let samples = try QueryFixture.samples(load)
        let query = try QueryEngine(options).prepare("rate(a[10m])")
        #expect(throws: QueryError.tooManySamples(limit: 100)) {
            try query.range(from: 600_000, through: 3_600_000, step: 15_000, in: samples)
        }
        #expect(QueryFixture.vector(try query.instant(at: 600_000, in: samples)).count == 2)
    }

    @Test("a canceled query ends")
    func cancellation() throws {
        let samples = try QueryFixture.samples(load)
        let query = try QueryEngine().prepare("sum(a)")
        let cancellation = QueryCancellation()
        query.cancellation = cancellation
        #expect(QueryFixture.vector(try query.instant(at: 60_000, in: samples)) == [[:]: 12])
        cancellation.cancel()
        #expect(throws: QueryError.canceled) { try query.instant(at: 60_000, in: samples) }
    }

    @Test(
        "a query that would take minutes ends soon after it is canceled, whatever it is at",
        .timeLimit(.minutes(1)),
        arguments: [
            "quantile_over_time(0.5, vector(time())[3m:1ms])", "stddev_over_time(vector(time())[20m:1ms])",
            "deriv(vector(time())[20m:1ms])", "mad_over_time(vector(time())[3m:1ms])",
            "max_over_time(sum_over_time(stddev_over_time(a[1h])[1h:1ms])[1h:1s])",
        ])
    func cancellationMeanwhile(text: String) throws {
        let samples = try QueryFixture.samples(load)
        let query = try QueryEngine().prepare(text)
        let cancellation = QueryCancellation()
        query.cancellation = QueryCancellation(cancellation)
        let thread = WorkerThread(name: "impatient") {
            usleep(50_000)
            cancellation.cancel()
        }
        defer { thread.join() }
        let start = Timestamp.monotonic
        #expect(throws: QueryError.canceled) {
            try query.range(from: 0, through: 10_000_000, step: 1000, in: samples)
        }
        #expect(Timestamp.monotonic.seconds(since: start) < 20)
    }

    @Test("a query whose time is over ends")
    func timeout() throws {
        var options = QueryOptions()
        options.timeout = -1
        let query = try QueryEngine(options).prepare("a")
        let samples = try QueryFixture.samples(load)
        #expect(throws: QueryError.timeout(limit: -1)) { try query.instant(at: 60_000, in: samples) }
    }

    @Test("a range vector has no range query")
    func rangeVector() throws {
        let query = try QueryEngine().prepare("a[5m]")
        let samples = try QueryFixture.samples(load)
        #expect(throws: QueryError.self) { try query.range(from: 0, through: 1, step: 1, in: samples) }
    }
}

@Suite("Native histograms")
struct NativeHistogramTests {
    @Test(
        "are passed over, counted or worked with",
        arguments: [
            ("count(a)", 1), ("topk(5, a)", 1), ("count_over_time(a{x=\"h\"}[5m])", 1), ("abs(a)", 1), ("a > 3", 1),
            ("sum(a)", 0), ("a", 2), ("a * 2", 2), ("rate(a[5m])", 0), ("a + a", 2), ("sum_over_time(a[5m])", 2),
        ] as [(String, Int)])
    func marks(text: String, count: Int) throws {
        let samples = try QueryFixture.samples(
            "load 1m\n  a{x=\"f\"} 5\n  a{x=\"h\"} {{schema:0 sum:1 count:1 buckets:[1]}}\n")
        let query = try QueryEngine().prepare(text)
        let found = QueryFixture.vector(try query.instant(at: 0, in: samples))
        #expect(found.count == count, "\(text)")
        if text.hasPrefix("count(") { #expect(found.values.first == 2) }
    }
}
