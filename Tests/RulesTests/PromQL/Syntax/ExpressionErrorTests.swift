import Rules
import TestSupport
import Testing

@Suite("Errors of the parser")
struct ExpressionErrorTests {
    @Test(
        "what is no PromQL is refused with Prometheus's words and places",
        arguments: [
            ("", "unknown position: parse error: no expression found in input"),
            (" # nothing", "1:1: parse error: no expression found in input"),
            ("foo bar", "1:5: parse error: unexpected identifier \"bar\""),
            ("1 +", "1:4: parse error: unexpected end of input"),
            ("(1", "1:3: parse error: unclosed left parenthesis"),
            ("1)", "1:3: parse error: unexpected right parenthesis ')'"),
            ("foo[5m", "1:7: parse error: unclosed left bracket"),
            ("foo]", "1:4: parse error: unexpected right bracket ']'"),
            ("foo{", "1:5: parse error: unexpected end of input inside braces"),
            ("foo{a}", "1:6: parse error: unexpected \"}\" in label matching, expected label matching operator"),
            ("foo{a=}", "1:7: parse error: unexpected \"}\" in label matching, expected string"),
            (
                "foo{a=\"b\" c=\"d\"}",
                "1:11: parse error: unexpected identifier \"c\" in label matching, expected \",\" or \"}\""
            ),
            ("foo{,}", "1:5: parse error: unexpected \",\" in label matching, expected identifier or \"}\""),
            ("foo{a!\"b\"}", "1:6: parse error: unexpected character after '!' inside braces: '\"'"),
            ("foo{a=~\"(\"}", "1:5: parse error: error parsing regexp: missing closing ): `(`"),
            ("{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
            ("{a=~\".*\"}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
            ("foo{__name__=\"bar\"}", "1:1: parse error: metric name must not be set twice: \"foo\" or \"bar\""),
            ("sum(foo bar)", "1:9: parse error: unexpected identifier \"bar\" in aggregation"),
            ("sum by (a) foo", "1:12: parse error: unexpected identifier \"foo\" in aggregation"),
            ("sum()", "1:1: parse error: no arguments for aggregate expression provided"),
            (
                "sum(a, b)",
                "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 1, got 2"
            ),
            (
                "topk(foo)",
                "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1"
            ),
            ("sum by a (foo)", "1:8: parse error: unexpected identifier \"a\" in grouping opts, expected \"(\""),
            ("sum by (1) (foo)", "1:9: parse error: unexpected number \"1\" in grouping opts, expected label"),
            (
                "sum by (a b) (foo)",
                "1:11: parse error: unexpected identifier \"b\" in grouping opts, expected \",\" or \")\""
            ),
            ("sum by (\"\") (foo)", "1:9: parse error: invalid label name for grouping: \"\""),
            (
                "sum(foo[5m])",
                "1:5: parse error: expected type instant vector in aggregation expression, got range vector"
            ),
            ("topk(foo, bar)", "1:6: parse error: expected type scalar in aggregation parameter, got instant vector"),
            ("count_values(3, bar)", "1:14: parse error: expected type string in aggregation parameter, got scalar"),
            (
                "rate(foo)",
                "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector"
            ),
            ("rate(foo[5m],)", "1:13: parse error: trailing commas not allowed in function call args"),
            ("rate()", "1:1: parse error: expected 1 argument(s) in call to \"rate\", got 0"),
            ("hour(a, b)", "1:1: parse error: expected at most 1 argument(s) in call to \"hour\", got 2"),
            ("label_join(a)", "1:1: parse error: expected at least 3 argument(s) in call to \"label_join\", got 1"),
            ("nothing(foo)", "1:1: parse error: unknown function with name \"nothing\""),
            ("Rate(foo[5m])", "1:1: parse error: unknown function with name \"Rate\""),
            ("info(foo, bar)", "1:11: parse error: expected label selectors only, got vector selector instead"),
            ("info(foo, -{a=\"b\"})", "1:11: parse error: expected label selectors only"),
            ("1 == 1", "1:3: parse error: comparisons between scalars must use BOOL modifier"),
            ("a + bool b", "1:3: parse error: bool modifier can only be used on comparison operators"),
            ("1 and foo", "1:1: parse error: set operator \"and\" not allowed in binary scalar expression"),
            ("a and on(x) group_left b", "1:1: parse error: no grouping allowed for \"and\" operation"),
            (
                "a + on(x) group_left(x) b",
                "1:3: parse error: label \"x\" must not occur in ON and GROUP clause at once"
            ),
            ("a + on(x) 1", "1:1: parse error: vector matching only allowed between instant vectors"),
            ("a + fill(1) 1", "1:1: parse error: filling in missing series only allowed between instant vectors"),
            ("a or fill(1) b", "1:1: parse error: filling in missing series not allowed for set operators"),
            ("\"a\" + 1", "1:1: parse error: binary expression must contain only scalar and instant vector types"),
            (
                "-\"a\"",
                "1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got \"string\""
            ),
            (
                "foo offset",
                "1:11: parse error: unexpected end of input in offset, expected number, duration, step(), or range()"
            ),
            ("foo offset 5m offset 1m", "1:1: parse error: offset may not be set multiple times"),
            (
                "(foo) offset 5m",
                "1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery"
            ),
            ("foo @ bar", "1:7: parse error: unexpected identifier \"bar\" in @, expected timestamp"),
            ("foo @ 1 @ 2", "1:1: parse error: @ <timestamp> may not be set multiple times"),
            ("foo @ inf", "1:1: parse error: timestamp out of bounds for @ modifier: +Inf"),
            (
                "1 @ 1",
                "1:1: parse error: @ modifier must be preceded by an instant vector selector or range vector selector or a subquery"
            ),
            ("foo offset 5m[5m]", "1:14: parse error: no offset modifiers allowed before range"),
            ("foo @ 1 [5m]", "1:9: parse error: no @ modifiers allowed before range"),
            ("(foo)[5m]", "1:6: parse error: ranges only allowed for vector selectors"),
            ("foo[0]", "1:5: parse error: duration must be greater than 0"),
            ("foo[5m:0]", "1:8: parse error: duration must be greater than 0"),
            (
                "foo[]",
                "1:5: parse error: unexpected \"]\" in subquery or range selector, expected number, duration, step(), or range()"
            ),
            ("foo[:5m]", "1:6: parse error: unexpected colon before duration in duration expression"),
            ("foo[5m:5m:5m]", "1:10: parse error: unexpected colon ':'"),
            (
                "foo[5m 5m]",
                "1:8: parse error: unexpected duration \"5m\" in subquery or range, expected \":\" or \"]\""
            ),
            ("foo[5m/0]", "1:7: parse error: division by zero"),
            ("foo[5m x]", "1:8: parse error: unexpected character: 'x', expected ':'"),
            ("rate(foo[5m])[5m]", "1:14: parse error: ranges only allowed for vector selectors"),
            ("rate(foo[5m][1h:])", "1:6: parse error: subquery is only allowed on instant vector, got matrix instead"),
            ("foo[1h:] anchored", "1:1: parse error: anchored modifier is not supported for subqueries"),
            ("foo anchored smoothed", "1:1: parse error: anchored and smoothed modifiers cannot be used together"),
            ("5mm", "1:1: parse error: bad number or duration syntax: \"5mm\""),
            ("5s4m", "1:1: parse error: not a valid duration string: \"5s4m\""),
            (
                "1e999",
                "1:1: parse error: error parsing number: strconv.ParseFloat: parsing \"1e999\": value out of range"
            ),
            (
                "0.5.",
                "1:1: parse error: error parsing number: strconv.ParseFloat: parsing \"0.5.\": invalid syntax"
            ),
            ("1..5", "1:1: parse error: bad number or duration syntax: \"1..\""),
            ("1e", "1:1: parse error: bad number or duration syntax: \"1e\""),
            ("1e )", "1:1: parse error: error parsing number: strconv.ParseFloat: parsing \"1e\": invalid syntax"),
            ("\"abc", "1:1: parse error: unterminated quoted string"),
            ("\"\\q\"", "1:1: parse error: unknown escape sequence U+0071 'q'"),
            ("\"\\x4z\"", "1:1: parse error: illegal character U+007A 'z' in escape sequence"),
            ("\"\\ud800\"", "1:1: parse error: escape sequence is an invalid Unicode code point"),
            ("foo ! bar", "1:5: parse error: unexpected character after '!': ' '"),
            ("foo =~ bar", "1:5: parse error: unexpected character after '=': '~'"),
            ("foo = bar", "1:5: parse error: unexpected \"=\""),
            ("foo\n+ ?", "2:3: parse error: unexpected character: '?'"),
            ("by(foo)", "1:3: parse error: unexpected \"(\""),
            ("bool", "1:1: parse error: unexpected <bool>"),
            ("a + on b", "1:8: parse error: unexpected identifier \"b\" in grouping opts, expected \"(\""),
            ("* foo", "1:1: parse error: unexpected <op:*>"),
            ("sum sum", "1:5: parse error: unexpected <aggr:sum>"),
            ("\"01234567890\" 1", "1:15: parse error: unexpected number \"1\""),
            ("foo \"01234567890\"", "1:5: parse error: unexpected string \"\\\"012345678\"..."),
        ])
    func refused(text: String, message: String) {
        #expect(throws: QueryError.syntax(message)) { try Expression.parse(text) }
    }

    @Test("nesting without end is an error, not the end of the stack")
    func deep() {
        for (before, middle, after) in [
            ("(", "1", ")"), ("-", "foo", ""), ("1 ^ ", "1", ""), ("abs(", "foo", ")"), ("foo + ", "foo", ""),
            ("foo[", "5m", "]"), ("sum(", "foo", ")"), ("foo[(", "5m", ")]"), ("", "foo", "[1h:]"),
        ] {
            let text = String(repeating: before, count: 20000) + middle + String(repeating: after, count: 20000)
            #expect(throws: QueryError.self) { try Expression.parse(text) }
        }
        let inner = String(repeating: "(", count: 5000) + "5m" + String(repeating: ")", count: 5000)
        #expect(throws: QueryError.self) { try Expression.parse("foo[\(inner)]") }
        let sum = String(repeating: "1 + ", count: 5000) + "5m"
        #expect(throws: QueryError.self) { try Expression.parse("foo[\(sum)]") }
        let flat = (0..<900).map { "metric_\($0)" }.joined(separator: " or ")
        #expect(throws: Never.self) { try Expression.parse(flat).description }
        let nested = String(repeating: "(abs(", count: 90) + "foo" + String(repeating: "))", count: 90)
        #expect(throws: Never.self) { try Expression.parse(nested).prettyDescription }
    }

    @Test("mutilated expressions are refused or read, and soon")
    func mutilated() throws {
        let seed = SeededRandom.seed()
        var generator = ExpressionGenerator(seed: seed)
        var random = SeededRandom(seed: seed &+ 1)
        let scraps =
            Array("(){}[],:@+-*/%^=!~<>\"'`\\#.0123456789abcxyzm _\n").map(String.init)
            + ["offset ", " by (", "fill(", "5m", "0x", "1e", "step(", " bool ", "group_left", "é", "\u{fffd}", "\0"]
        for _ in 0..<3000 {
            var characters = Array(generator.expression().unicodeScalars)
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0...characters.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0:
                    characters.removeSubrange(
                        place..<min(characters.count, place + Int.random(in: 1...5, using: &random)))
                case 1:
                    characters.insert(
                        contentsOf: (scraps.randomElement(using: &random) ?? "").unicodeScalars, at: place)
                default: characters.removeLast(characters.count - place)
                }
            }
            let text = String(String.UnicodeScalarView(characters))
            guard let expression = try? Expression.parse(text) else { continue }
            let printed = expression.description
            try #require((try? Expression.parse(printed))?.description == printed, "\(text)")
        }
    }
}
