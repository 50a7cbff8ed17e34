import Bytes
import Testing

@Suite("Regular expressions")
struct RegexTests {
    @Test(
        "patterns match as Go's regexp does",
        arguments: [
            ("foo", "a foo b", true), ("^foo$", "foo\n", false), ("a.c", "a\nc", false), ("(?s)a.c", "a\nc", true),
            ("^a.c$", "aéc", true), ("^[^x]$", "é", true), ("(?i)STRASSE", "strasse", true), ("^\\S$", "é", true),
            ("^\\W$", "€", true), ("\\D+x", "😀x", true),
            ("(?i)É", "é", true), ("^$", "", true), ("", "", true), ("", "abc", true), ("\\d+$", "x٣", false),
            ("(?m)^b$", "a\nb\nc", true), ("\\bfoo\\b", "a foo.", true), ("[[:^alpha:]]{1}x", "éx", true),
            ("^(?P<a>x)(?P<b>y)?$", "x", true), ("\\pL", "é", true), ("\\x{e9}", "é", true),
        ])
    func matches(pattern: String, text: String, expected: Bool) throws {
        #expect(try Regex(pattern).isMatch(text) == expected)
    }

    @Test(
        "an anchored pattern has to span the text",
        arguments: [
            ("a|ab", "ab", true), ("a", "ab", false), ("a", "ba", false), (".*", "a", true), ("a", "a\n", false),
            ("", "", true), ("", "a", false),
        ])
    func anchored(pattern: String, text: String, expected: Bool) throws {
        #expect(try Regex(pattern, anchored: true).isMatch(text) == expected)
    }

    @Test("a dot takes newlines only when told")
    func dotAll() throws {
        #expect(try !Regex(".*", anchored: true).isMatch("a\nb"))
        #expect(try Regex(".*", anchored: true, dotMatchesNewline: true).isMatch("a\nb"))
        #expect(try Regex("ABC", caseless: true).isMatch("abc"))
    }

    @Test("bytes that are not UTF-8 neither match a dot nor stop the search")
    func invalidText() throws {
        let bytes: [UInt8] = [0xff, 0x61, 0xfe, 0x62, 0x63]
        let found = try ["b.", "a.", "bc"].map { try Regex($0).isMatch(bytes.span.bytes) }
        #expect(found == [true, false, true])
    }

    @Test("captures are byte ranges of the text, nil where a group took no part")
    func captures() throws {
        let regex = try Regex("(?P<key>[a-zé]+)=(\\d+)(;)?(x)?")
        #expect(regex.isJITCompiled)
        #expect(regex.groupCount == 4)
        #expect(regex.groupNames == ["key": 1])
        var matcher = Matcher(regex)
        let text = Array("é é=12; b=3;x".utf8)
        var found = matcher.match(text.span.bytes)
        #expect(found)
        var ranges = [0, 1, 2, 4, 9].map { matcher.range(of: $0) }
        #expect(ranges == [3..<9, 3..<5, 6..<8, nil, nil])
        found = matcher.match(text.span.bytes, from: 9)
        #expect(found)
        ranges = [matcher.range(of: 4)]
        #expect(ranges == [14..<15])
        found = matcher.match(text.span.bytes, from: text.count)
        #expect(!found)
        ranges = [matcher.range(of: 0)]
        #expect(ranges == [nil])
    }

    @Test("a pattern that would run for ever is given up and counted")
    func catastrophic() throws {
        let regex = try Regex("^(([a-z])+.)+[A-Z]([a-z])+$")
        let text = String(repeating: "a", count: 5000)
        #expect(!regex.isMatch(text))
        #expect(regex.limitHits == 1)
    }

    @Test("a match that outgrows the JIT's stack is finished by the interpreter")
    func deep() throws {
        let regex = try Regex("^(?:(a)|b)*$")
        let text = String(repeating: "ab", count: 20000)
        _ = regex.isMatch(text)
        #expect(regex.isMatch("abab"))
    }

    @Test(
        "a bad pattern tells where and why",
        arguments: [("a(b", 3), ("[a", 2), ("*a", 0), ("a\\", 2), ("(?P<1>a)", 4), ("a{2,1}", 6), ("\\C", 2)])
    func bad(pattern: String, offset: Int) {
        #expect {
            _ = try Regex(pattern)
        } throws: { error in
            guard let error = error as? RegexError else { return false }
            return abs(error.offset - offset) <= 1 && error.description.contains(pattern)
        }
    }

    @Test(
        "templates expand as Go's do",
        arguments: [
            ("$1", "bar"), ("${1}x", "barx"), ("$1x", ""), ("$$1", "$1"), ("$name-${name}", "foo-foo"), ("$", "$"),
            ("${1", "${1"), ("$0", "foo=bar"), ("$9", ""), ("${}", "${}"), ("a$-b", "a$-b"), ("", ""), ("$01", ""),
            ("é$2é", "é"), ("é${2}é", "éfooé"), ("${name}=$1", "foo=bar"),
        ])
    func templates(template: String, expected: String) throws {
        // The named group is number 2 by way of nesting order: value first, by lookahead.
        let regex = try Regex("^(?=[a-z]+=([a-z]+))(?P<name>[a-z]+)=[a-z]+$")
        let subject = Array("foo=bar".utf8)
        var matcher = Matcher(regex)
        let found = matcher.match(subject.span.bytes)
        #expect(found)
        var output = ByteBuffer()
        RegexTemplate(template, for: regex).expand(matcher, of: subject.span.bytes, into: &output)
        #expect(String(lossy: output.bytes) == expected)
    }

    @Test("one pattern is matched by several threads at once")
    func threads() async throws {
        let regex = try Regex("(\\w+)@(\\w+)\\.org")
        let counts = await withTaskGroup(of: Int.self) { group in
            for worker in 0..<4 {
                group.addTask {
                    var matcher = Matcher(regex)
                    return (0..<500).count { matcher.match("mail user\($0)@host\(worker).org") }
                }
            }
            return await group.reduce(0, +)
        }
        #expect(counts == 2000)
    }
}
