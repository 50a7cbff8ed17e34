import Telemetry
import TestSupport
import Testing

@testable import Alerting

@Suite struct MatcherSyntaxTests {
    /// A text and what both parsers together make of it.
    @Test(arguments: [
        ("", "{}"), ("{}", "{}"), ("{ }", "{}"), ("foo=bar", #"{foo="bar"}"#), ("foo = bar", #"{foo="bar"}"#),
        (#"foo="bar""#, #"{foo="bar"}"#), (#"{foo="bar"}"#, #"{foo="bar"}"#), (#"{foo="bar",}"#, #"{foo="bar"}"#),
        (#"{foo="bar",bar!="baz"}"#, #"{foo="bar",bar!="baz"}"#), ("foo=~bar.*", #"{foo=~"bar.*"}"#),
        ("foo!~a|b , x=y", #"{foo!~"a|b",x="y"}"#), (#"{foo🙂="bar"}"#, #"{foo🙂="bar"}"#),
        (#"{"foo bar"="baz"}"#, #"{"foo bar"="baz"}"#), (#"{"a\"b"=c}"#, #"{"a\"b"="c"}"#),
        (#"foo="\t""#, #"{foo="\\t"}"#), (#"foo="\n""#, #"{foo="\n"}"#), (#"foo="\"""#, #"{foo="\""}"#),
        (#"foo="\x41""#, #"{foo="\\x41"}"#), (#"{"foo"="\x41"}"#, #"{foo="A"}"#), ("foo=", #"{foo=""}"#),
        (#"foo=bar\d"#, #"{foo="bar\\d"}"#), ("foo=bar baz", #"{foo="bar baz"}"#), ("foo=bar}", #"{foo="bar"}"#),
        ("{foo=bar", #"{foo="bar"}"#), ("foo={bar}", #"{foo="{bar"}"#), ("foo=a=b", #"{foo="a=b"}"#),
        (#"foo="a,b",c=d"#, #"{foo="a,b",c="d"}"#), ("foo=a\\", #"{foo="a\\"}"#),
    ])
    func readsMatchers(text: String, expected: String) throws {
        #expect(try MatcherSyntax.matchers(text).matchers.alertmanagerText == expected)
    }

    @Test(arguments: [
        "foo", "=bar", "foo=\"bar", "foo=bar\"", ",foo=bar", "foo=bar,,x=y", "foo=~(", "1foo==\"", "{{foo=bar}}",
        "foo=\"a\"b\"", "foo~bar", "!=bar", "{,}", "foo bar=baz",
    ])
    func refusesOthers(text: String) {
        #expect(throws: MatcherError.self) { try MatcherSyntax.matchers(text) }
    }

    @Test("what the two parsers read differently means what it meant before, with a warning")
    func warnsOfDisagreement() throws {
        let result = try MatcherSyntax.matchers(#"foo="\t""#)
        #expect(result.matchers.first?.value == #"\t"#)
        #expect(result.warning != nil)
        #expect(try MatcherSyntax.matchers("foo=").warning != nil)
        #expect(try MatcherSyntax.matchers("foo=\"x\"").warning == nil)
    }

    @Test func takesOneMatcherAsFilter() throws {
        #expect(try MatcherSyntax.matcher("a=b").alertmanagerText == #"a="b""#)
        #expect(try MatcherSyntax.matcher(#""a b"="c""#).alertmanagerText == #""a b"="c""#)
        for text in ["{a=b}", "", "a", #""a b"=c,d=e"#] {
            #expect(throws: MatcherError.self, "\(text)") { try MatcherSyntax.matcher(text) }
        }
    }

    @Test("what is printed reads back as the same, whatever is in it")
    func printsWhatItReads() throws {
        var random = SeededRandom(seed: SeededRandom.seed())
        let pieces = [
            "a", "B_1", "=", "!", "~", "{", "}", ",", "\"", "\\", " ", "\n", "é", "🙂", "x", "n", "'", "`", "\\u00e9",
        ]
        var accepted = 0
        for _ in 0..<20_000 {
            let text = (0..<Int.random(in: 0...8, using: &random)).map { _ in
                pieces.randomElement(using: &random) ?? ""
            }.joined()
            guard let matchers = try? MatcherSyntax.matchers(text).matchers else { continue }
            // Nothing reads a name of no characters, though quotes can write one.
            if matchers.contains(where: \.name.isEmpty) { continue }
            accepted += 1
            let printed = matchers.alertmanagerText
            // Names with reserved characters are quoted; their values may then hold what only Go's quoting has.
            let again = try MatcherSyntax.matchers(printed).matchers
            #expect(again.isSame(as: matchers), "\(text) → \(printed)")
        }
        #expect(accepted > 100)
    }

    @Test func sortsAsAlertmanager() throws {
        let matchers = try MatcherSyntax.matchers("b=1,a=~x,a!=x,a=x,a=a").matchers.sorted(by: LabelMatcher.precedes)
        #expect(matchers.alertmanagerText == #"{a="a",a="x",a!="x",a=~"x",b="1"}"#)
    }
}
