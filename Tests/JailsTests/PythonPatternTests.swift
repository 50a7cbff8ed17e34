import Bytes
import Testing

@testable import Jails

@Suite("Patterns of Python's re")
struct PythonPatternTests {
    @Test(
        "what PCRE2 reads otherwise is rewritten",
        arguments: [
            ("a{,3}", "a{0,3}"), ("a{2,3}", "a{2,3}"), ("x{y", "x{y"), (#"\Z"#, #"\z"#), (#"\u00e9"#, #"\x{e9}"#),
            (#"[[:x]"#, #"[\[:x]"#),
            ("(?u)a", "a"), ("(?P<n>a)(?P=n)", "(?P<n>a)(?P=n)"), ("a(?#note)b", "ab"), ("(?(n)a|b)", "(?(n)a|b)"),
            (#"[]\]]"#, #"[]\]]"#),
        ])
    func rewritten(_ pattern: String, _ expected: String) throws {
        #expect(try PythonPattern.translate(pattern).pattern == expected)
    }

    @Test("flags for the whole become options")
    func flags() throws {
        #expect(try PythonPattern.translate("(?iu)a") == PythonPattern.Translated(pattern: "a", isCaseless: true))
    }

    @Test(
        "what only PCRE2 knows is refused",
        arguments: [
            #"\K"#, #"\R"#, #"\h"#, #"\Qa\E"#, "(*SKIP)", "(?R)", "(?&n)", "(?<n>a)", "(?|a|b)", "(?a)x", "[a", "\\",
        ])
    func refused(_ pattern: String) {
        #expect(throws: PatternError.self) { try PythonPattern.translate(pattern) }
    }

    @Test("a dollar holds before the last line feed, and classes are Unicode's")
    func matches() throws {
        let end = try TextMatcher("b$")
        let isEnd = end.match(Array("ab\n".utf8).span.bytes)
        #expect(isEnd)
        let word = try TextMatcher(#"^\w+$"#)
        let isWord = word.match(Array("žluť".utf8).span.bytes)
        #expect(isWord)
    }

    @Test("tags stand for groups; a close without its open stays")
    func tags() {
        #expect(FailureTags.expand("<F-USER>a</F-USER></F-ID>", usesDNS: true) == "(?P<user>a)</F-ID>")
        #expect(FailureTags.expand("((?i)a|b)", usesDNS: true) == "(?i:a|b)")
        #expect(FailureTags.expand(#"\((?i)a"#, usesDNS: true) == #"\((?i)a"#)
        #expect(FailureTags.expand("<HOST>", usesDNS: true).contains("?P<dns>"))
        #expect(!FailureTags.expand("<HOST>", usesDNS: false).contains("?P<dns>"))
        #expect(FailureTags.expand("<unknown> <F-ID/>", usesDNS: true) == #"<unknown> (?P<fid>\S+)"#)
    }
}
