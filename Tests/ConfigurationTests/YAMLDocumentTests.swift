import Configuration
import TestSupport
import Testing

/// A tree in one line: `{a: [1, "x"]}`.
private func text(_ node: YAMLNode) -> String {
    switch node.content {
    case .scalar(let text, let isPlain): return isPlain ? text : "\"\(text)\""
    case .sequence(let items): return "[" + items.map(text).joined(separator: ", ") + "]"
    case .mapping(let entries):
        return "{" + entries.map { "\($0.key): \(text($0.value))" }.joined(separator: ", ") + "}"
    }
}

private func parse(_ yaml: String) throws -> YAMLNode { try YAMLDocument(Array(yaml.utf8), file: "t.yaml").root }

@Suite("YAML documents")
struct YAMLDocumentTests {
    @Test(
        "documents become trees",
        arguments: [
            ("", "{}"), ("# only a comment\n", "{}"), ("a: 1\nb: [x, 'y', \"z\"]", "{a: 1, b: [x, \"y\", \"z\"]}"),
            ("a: &x {k: v}\nb: *x", "{a: {k: v}, b: {k: v}}"),
            ("a: &x {k: v, l: w}\nb: {<<: *x, k: own}", "{a: {k: v, l: w}, b: {k: own, l: w}}"),
            ("a: &x {k: 1}\nb: &y {k: 2, m: 3}\nc:\n  <<: [*x, *y]", "{a: {k: 1}, b: {k: 2, m: 3}, c: {k: 1, m: 3}}"),
            ("a: !!str 12", "{a: \"12\"}"), ("a: |\n  x\n  y\n", "{a: \"x\ny\n\"}"), ("a:", "{a: }"),
            ("'<<': 1", "{<<: 1}"), ("---\na: b\n...\n", "{a: b}"), ("\u{feff}a: b\nc: d\n", "{a: b, c: d}"),
            ("\u{feff}", "{}"),
        ])
    func trees(yaml: String, expected: String) throws {
        #expect(text(try parse(yaml)) == expected)
    }

    @Test("every node knows where it stands")
    func positions() throws {
        let root = try parse("a: 1\nlist:\n  - é: x\n    b: [1, 2]\n")
        guard case .mapping(let entries) = root.content, case .sequence(let items) = entries[1].value.content,
            case .mapping(let inner) = items[0].content, case .sequence(let numbers) = inner[1].value.content
        else {
            Issue.record("not the tree that was written")
            return
        }
        #expect(entries[1].keyPosition == SourcePosition(line: 2, column: 1))
        #expect(inner[0].value.position == SourcePosition(line: 3, column: 8))
        #expect(numbers[1].position == SourcePosition(line: 4, column: 12))
    }

    @Test(
        "what is no proper document is refused at its place",
        arguments: [
            ("a: 1\na: 2", "t.yaml:2:1: expected each key once, found \"a\" again (first in line 1)"),
            ("a: [1", "t.yaml:2:1: not valid YAML"), ("a:\n\t- b", "t.yaml:2:1"), ("a: b: c", "needs quotes"),
            ("a: *x", "t.yaml:1:4: expected an alias"), ("a: &x [*x]", "found *x"), ("[a]: 1", "expected a key"),
            ("a: !ruby/object 1", "expected no tag"), ("a: 1\n---\nb: 2", "t.yaml:2:1: expected one document"),
            ("<<: 1", "expected a mapping to merge"), ("<<: [1]", "expected a mapping to merge"),
        ])
    func refusals(yaml: String, message: String) {
        #expect {
            _ = try parse(yaml)
        } throws: { "\($0)".contains(message) }
    }

    @Test("bytes that are no text are refused at their line and column")
    func notText() {
        #expect {
            _ = try YAMLDocument(Array("a: b\nc: ".utf8) + [0xff, 0x0a], file: "t.yaml")
        } throws: { "\($0)".hasPrefix("t.yaml:2:4: not UTF-8 text") }
    }

    @Test("depth, size and the expansion of aliases are bounded")
    func bounds() {
        let deep = String(repeating: "[", count: 200) + String(repeating: "]", count: 200)
        var laughs = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
        for level in 1...30 {
            laughs +=
                "a\(level): &a\(level) [" + Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ",") + "]\n"
        }
        let stacked =
            "a: &a " + String(repeating: "[", count: 40) + String(repeating: "]", count: 40)
            + "\nb: " + String(repeating: "[", count: 40) + "*a" + String(repeating: "]", count: 40)
        for (yaml, message) in [
            (stacked, "deeper than 64"),
            (deep, "deeper than 64"), (laughs, "aliases expanded"),
            (String(repeating: "#", count: YAMLDocument.largestFile + 1), "bytes"),
        ] {
            #expect {
                _ = try parse(yaml)
            } throws: { "\($0)".contains(message) }
        }
    }

    @Test("random edits of a document never crash the reader and finish in time")
    func fuzz() {
        let seed = SeededRandom.seed()
        var random = SeededRandom(seed: seed)
        let sample = Array(
            """
            anchors: &a {k: v, "q": [1, 2, ~], <<: {z: 1}}
            list:
              - *a
              - !!str 12
              - |
                literal ${HOME} $1
              - >-
                folded
              - 'single ''quoted'' text'
            ? complex
            : value # comment
            """.utf8)
        let alphabet = Array("&*!|>'\"%@`{}[],:?-#<~ \n\tab01\\$".utf8) + [0x00, 0x80, 0xc3, 0xe2, 0xff]
        for _ in 0..<1500 {
            var bytes = sample
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[place] = alphabet.randomElement(using: &random) ?? 0
                case 1: bytes.insert(alphabet.randomElement(using: &random) ?? 0, at: place)
                case 2 where bytes.count > 1: bytes.remove(at: place)
                default:
                    let end = min(place + Int.random(in: 0...30, using: &random), bytes.count)
                    bytes.insert(contentsOf: bytes[place..<end], at: place)
                }
            }
            do throws(ConfigurationError) {
                _ = try YAMLDocument(bytes, file: "fuzz")
            } catch {
                #expect(error.problems.count == 1 && error.problems[0].position.line >= 1)
            }
        }
    }
}
