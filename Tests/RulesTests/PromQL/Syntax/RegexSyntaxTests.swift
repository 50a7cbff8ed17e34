import Rules
import Telemetry
import Testing

@Suite("Regular expressions of matchers")
struct RegexSyntaxTests {
    @Test(
        "what RE2 has no syntax for is refused with Go's words",
        arguments: [
            ("(", "missing closing ): `(`"), ("a)", "unexpected ): `a)`"), ("[a", "missing closing ]: `[a`"),
            ("[z-a]", "invalid character class range: `z-a`"), ("*", "missing argument to repetition operator: `*`"),
            ("a|+", "missing argument to repetition operator: `+`"),
            ("a**", "invalid nested repetition operator: `**`"),
            ("a++", "invalid nested repetition operator: `++`"),
            ("a{1}{2}", "invalid nested repetition operator: `{1}{2}`"),
            ("a{1001}", "invalid repeat count: `{1001}`"), ("a{3,2}", "invalid repeat count: `{3,2}`"),
            ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
            ("(?!a)", "invalid or unsupported Perl syntax: `(?!`"),
            ("(?<!a)", "invalid named capture: `(?<!a)`"), ("(a)\\1", "invalid escape sequence: `\\1`"),
            ("\\q", "invalid escape sequence: `\\q`"), ("a\\", "trailing backslash at end of expression: ``"),
            ("[[:nothing:]]", "invalid character class range: `[:nothing:]`"),
            ("(?P<a b>x)", "invalid named capture: `(?P<a b>`"),
            ("\\C", "invalid escape sequence: `\\C`"),
        ])
    func refused(pattern: String, message: String) {
        let text = "foo{a=~`" + pattern + "`}"
        #expect(throws: QueryError.syntax("1:5: parse error: error parsing regexp: \(message)")) {
            try Expression.parse(text)
        }
    }

    @Test(
        "RE2's syntax is taken",
        arguments: [
            "a|b", "(?i)a", "(?i:a)b", "(?P<name>a)", "(?<name>a)", "a{2}", "a{,2}", "a{x", "[]a]", "[^]a]", "[a-]",
            "a*?",
            "\\.\\-\\_\\/", "\\d\\w\\s\\b", "\\pL", "\\p{Greek}", "\\x41", "\\x{1F600}", "\\Qa.b\\E", "[[:alpha:]_]",
            "", "|",
            "()", "(|a)*", "\\0", "\\A\\z", "é+", "(?s-i:a)", "a+?b??",
        ])
    func accepted(pattern: String) throws {
        _ = try Expression.parse("foo{a=~`" + pattern + "`}")
    }

    @Test("a pattern spans the whole value, and a dot takes line feeds")
    func meaning() throws {
        let matchers = try LabelMatcher.parseSelector("{a=~\"b.*|c\", d!~\"x.y\"}")
        #expect(matchers[0].matches("b\nc"))
        #expect(matchers[0].matches("c"))
        #expect(!matchers[0].matches("cb"))
        #expect(!matchers[0].matches("ab"))
        #expect(!matchers[1].matches("x\ny"))
        #expect(matchers[1].matches(""))
    }

    @Test("a pattern that takes PCRE2 for ever ends soon, without a match")
    func limited() throws {
        let matcher = try LabelMatcher.parseSelector("{a=~\"(a*)*b\"}")[0]
        #expect(!matcher.matches(String(repeating: "a", count: 2000)))
    }
}
