import Rules
import TestSupport
import Testing

@Suite("Printing expressions")
struct ExpressionPrinterTests {
    @Test(
        "an expression is printed in Prometheus's way",
        arguments: [
            ("sum by(b,a)(foo)", "sum by (b, a) (foo)"), ("sum without()(foo)", "sum without () (foo)"),
            ("sum by () (foo)", "sum(foo)"), ("topk by(x) ( 3,foo )", "topk by (x) (3, foo)"),
            ("SUM(foo) BY (a)", "sum by (a) (foo)"), ("sum by(\"a.b\")(foo)", "sum by (\"a.b\") (foo)"),
            ("foo{z='1',a=~\"b\"}", "foo{a=~\"b\",z=\"1\"}"),
            ("{\"my.name\",a=\"b\"}", "{__name__=\"my.name\",a=\"b\"}"),
            ("foo{}", "foo"), ("{__name__=\"foo\"}", "{__name__=\"foo\"}"),
            ("foo{\"a.b\"!~'x'}", "foo{\"a.b\"!~\"x\"}"),
            ("foo[300s] offset 60", "foo[5m] offset 1m"), ("foo offset -90s", "foo offset -1m30s"),
            ("foo offset 5m @ 1.2344", "foo @ 1.234 offset 5m"), ("foo @ end()", "foo @ end()"),
            ("foo[1h:300] @ start() offset 1w", "foo[1h:5m] @ start() offset 1w"), ("foo[90d:]", "foo[90d:]"),
            ("foo anchored", "foo anchored"), ("rate(foo[5m] smoothed @ 1)", "rate(foo[5m] smoothed @ 1.000)"),
            ("a+on(x)group_left()b", "a + on (x) group_left () b"), ("a+ignoring()b", "a + b"),
            ("a+on()b", "a + on () b"), ("a==bool 1", "a == bool 1"), ("a or ignoring(x) b", "a or ignoring (x) b"),
            ("a + on(x) fill(1) b", "a + on (x) fill (1) b"),
            ("a + fill_right(1e30) fill_left(-2) b", "a + fill_left (-2) fill_right (1e+30) b"),
            ("1e6", "1000000"), ("1e-7", "0.0000001"), ("5m", "5m"), ("-5m", "-5m"), ("0x1f", "31"), ("- 1", "-1"),
            ("-(1)", "-(1)"), ("-1^2", "-1 ^ 2"), ("+foo", "+foo"), ("inf", "+Inf"), ("-inf", "-Inf"), ("nan", "NaN"),
            ("1e100", "1" + String(repeating: "0", count: 100)), ("'\\x41\"'", "\"A\\\"\""),
            ("foo[(5m)]", "foo[(5m)]"), ("foo[((5m))]", "foo[(5m)]"), ("foo[step()+300]", "foo[step() + 300]"),
            ("foo offset -(step()*0.3333)", "foo offset -(step() * 0.3333)"),
            ("foo offset max_of(1m,range())", "foo offset max_of(1m, range())"), ("foo offset 0", "foo"),
            ("info(foo,{a=\"b\"})", "info(foo, {a=\"b\"})"), ("inf^foo", "Inf ^ foo"),
            ("info(foo,{})", "info(foo, {})"), ("a </2", "a </ 2"),
            ("hour( )", "hour()"),
        ])
    func printed(text: String, expected: String) throws {
        #expect(try Expression.parse(text).description == expected)
    }

    @Test("what is printed is parsed to the same again")
    func roundTrip() throws {
        var generator = ExpressionGenerator(seed: SeededRandom.seed())
        for _ in 0..<1500 {
            let text = generator.expression()
            do {
                let printed = try Expression.parse(text).description
                let again = try Expression.parse(printed)
                try #require(again.description == printed, "\(text)")
                let pretty = try Expression.parse(again.prettyDescription)
                try #require(pretty.description == printed, "\(text)")
            } catch let error as QueryError {
                Issue.record("\(text): \(error)")
                return
            }
        }
    }

    @Test("what is longer than a line is broken up")
    func pretty() throws {
        let long =
            "sum by (job, instance) (rate(node_network_receive_bytes_total{device!~\"veth.*|docker.*\"}[5m])) "
            + "/ on (job) group_left () sum without (x) (foo) > -bar"
        #expect(
            try Expression.parse(long).prettyDescription
                == [
                    "    sum by (job, instance) (rate(node_network_receive_bytes_total{device!~\"veth.*|docker.*\"}[5m]))",
                    "  / on (job) group_left ()",
                    "    sum without (x) (foo)",
                    ">",
                    "  -bar",
                ].joined(separator: "\n"))
        #expect(try Expression.parse("sum(foo)").prettyDescription == "sum(foo)")
    }
}
