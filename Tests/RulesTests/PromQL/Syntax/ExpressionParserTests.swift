import Rules
import Testing

@Suite("Parsing expressions")
struct ExpressionParserTests {
    @Test(
        "what is PromQL is taken",
        arguments: [
            "1", "foo", "5m", "-1^2", "1 + 2 * 3 == bool 4", "sum by (job) (rate(foo[5m]))", "sum(foo) by (job,)",
            "foo{a=\"b\",c=~'d|e',}[5m] offset -5m @ 12", "foo @ start() offset 1h", "foo[5m:]", "foo[1h:5m] @ end()",
            "{\"utf8.name\", \"a.b\"=\"c\"}", "sum by (\"a.b\") (foo)", "foo and on (a) bar",
            "a / on(x) group_left(y) b",
            "topk(3, foo)", "count_values('x', foo)", "start()", "start", "sum", "by", "foo[step() * 2]",
            "foo offset (5m + step())", "foo[max_of(1m, range())]", "foo[5m] anchored", "foo smoothed",
            "a + on(x) group_left() fill (0) b", "a + fill_left(-1) fill_right (2) b", "fill + fill", "a </ 3",
            "a >/ 3",
            "info(foo, {a=~\".+\"})", "foo # comment\n + bar", "0x1f", "1_000", "inf", "NaN", "hour()", "and and and",
            "SUM BY (Job) (foo)", "foo OFFSET 5m", "label_replace(foo, 'a', '$1', 'b', '(.*)')", ".5", "`raw\n`",
            "foo offset 5m > 3", "foo offset -2 ^ 2",
        ])
    func accepted(text: String) throws {
        _ = try Expression.parse(text)
    }
}
