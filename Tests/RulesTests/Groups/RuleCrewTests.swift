import Glibc
import Rules
import Synchronization
import Telemetry
import Testing

@Suite("Threads of rule groups")
struct RuleCrewTests {
    /// Takes its time when the expression is `slow`.
    private final class SlowQuery: PreparedQuery {
        let expression: Expression
        init(_ expression: Expression) { self.expression = expression }

        func instant(at time: Int64, in reader: any SampleReader) throws(QueryError) -> QueryResult {
            if "\(expression)" == "slow" { usleep(1_500_000) }
            return QueryResult(value: .scalar(1))
        }

        func range(
            from start: Int64, through end: Int64, step: Int64, in reader: any SampleReader
        ) throws(QueryError) -> QueryResult { throw .canceled }
    }

    @Test("groups run at their slots, a slow one delays no other, and all end when they are told to")
    func slots() async throws {
        let language = RuleLanguage(
            parse: { (text: String) throws(QueryError) -> Expression in try Expression.parse(text) },
            makePreparer: {
                { (expression: Expression, _: String) throws(QueryError) -> any PreparedQuery in SlowQuery(expression) }
            })
        let store = MemoryStore()
        let scratch = ScratchDirectory()
        let metrics = MetricRegistry()
        let groups = RuleGroups(
            directory: scratch.path, language: language, source: store, output: store, alerts: AlertRecorder(),
            metrics: metrics)
        let yaml = """
            groups:
            - {name: fast, interval: 100ms, rules: [{record: a, expr: quick}]}
            - {name: slow, interval: 100ms, rules: [{record: b, expr: slow}]}
            """
        groups.apply([RuleFile(Array(yaml.utf8), path: "r.yaml", language: language)], RuleOptions())
        let limit = Timestamp.monotonic.adding(seconds: 30)
        func times(_ name: String) -> [Int64] { store.samples(["__name__": name]).map(\.time) }
        while times("a").count < 25 || times("b").count < 2, Timestamp.monotonic < limit {
            try await Task.sleep(for: .milliseconds(20))
        }
        groups.stop(deadline: 10)
        let fast = times("a")
        try #require(fast.count >= 25)
        // Each at a slot of its own.
        #expect(Set(fast.map { $0 % 100 }).count == 1)
        #expect(zip(fast, fast.dropFirst()).allSatisfy { $0 < $1 })
        let slow = times("b")
        #expect(zip(slow, slow.dropFirst()).allSatisfy { $1 - $0 >= 1500 })
        #expect(
            metrics.total("tocsin_rule_group_iterations_missed_total", matching: ["rule_group": "r.yaml;slow"]) >= 13)
        let count = times("a").count
        try await Task.sleep(for: .milliseconds(300))
        #expect(times("a").count == count)
    }
}
