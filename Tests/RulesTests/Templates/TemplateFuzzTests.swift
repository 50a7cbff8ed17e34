import Rules
import Telemetry
import TestSupport
import Testing

@Suite("Templates put together at random: Fuzz")
struct TemplateFuzzTests {
    private static let pieces = [
        "{{", "}}", "{{-", "-}}", " ", "(", ")", "|", ".", "$", ".Labels", "$labels", "$value", "query", "first",
        "value",
        "if", "else", "end", "range", "with", "define", "template", "block", "break", "continue", "\"a\"", "`b`", "1",
        "-1",
        "1.5", "0x1p-2", "1i", "'c'", "nil", "true", "printf", "print", "html", "index", "slice", "len", "eq", "lt",
        "and",
        "$x", ":=", "=", ",", "/*", "*/", "\"%[3]*.[2]*[1]f\"", "\"%-+# 0v\"", "args", "reReplaceAll", "humanize",
        "toTime",
        ".Format", "\n", "é", "\u{0}", "$x := 1", "99999999999999999999", "sortByLabel", "title", "\"2006 Jan .000\"",
    ]

    private func check(_ text: String) {
        guard let engine = try? TemplateEngine(text, name: "fuzz") else { return }
        let data = TemplateData(labels: TemplateGoldenTests.labels, value: 1.5)
        var limits = TemplateLimits()
        limits.steps = 20_000
        let result = try? engine.expand(
            data, environment: TemplateEnvironment(now: 0, query: TemplateGoldenTests.query), limits: limits)
        #expect((result ?? "").utf8.count <= limits.output)
    }

    @Test("never trap, whatever the pieces")
    func random() {
        var random = SeededRandom(seed: SeededRandom.seed())
        for _ in 0..<3_000 {
            let count = Int.random(in: 1...14, using: &random)
            var text = Bool.random(using: &random) ? "{{ " : ""
            for _ in 0..<count { text += (Self.pieces.randomElement(using: &random) ?? "") + " " }
            if Bool.random(using: &random) { text += "}}" }
            check(text)
        }
    }

    @Test("never trap where real ones are mangled")
    func mangled() {
        var random = SeededRandom(seed: SeededRandom.seed())
        let originals = TemplateGoldenTests.cases.map { Array($0.template.utf8) }
        for _ in 0..<3_000 {
            var bytes = originals.randomElement(using: &random) ?? []
            for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes.remove(at: place)
                case 1: bytes.insert(UInt8.random(in: 0x20...0x7e, using: &random), at: place)
                case 2: bytes[place] = UInt8.random(in: 0...255, using: &random)
                default:
                    let other = originals.randomElement(using: &random) ?? []
                    bytes.replaceSubrange(place..., with: other.suffix(Int.random(in: 0...other.count, using: &random)))
                }
            }
            check(String(decoding: bytes, as: UTF8.self))
        }
    }

    @Test("print numbers in every format without end or trap")
    func formats() {
        var random = SeededRandom(seed: SeededRandom.seed())
        let parts = [
            "%", "+", "-", "#", " ", "0", "5", "12", ".", ".3", "*", "[1]", "[2]", "v", "d", "s", "q", "x", "e", "g",
            "U",
        ]
        for _ in 0..<3_000 {
            let format = (0..<Int.random(in: 1...10, using: &random)).map { _ in
                parts.randomElement(using: &random) ?? ""
            }
            check("{{ printf \"%\(format.joined())\" 5 1.25 \"text\" nil .Labels }}")
        }
    }
}
