import Bytes
import TestSupport
import Testing

@Suite("Regular expressions, random")
struct RegexFuzzTests {
    private func pick(_ pieces: [String], _ most: Int, _ random: inout SeededRandom) -> String {
        (0..<Int.random(in: 0...most, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
    }

    private func groups(_ regex: Regex, _ text: [UInt8], from start: Int = 0) -> [Range<Int>?]? {
        var matcher = Matcher(regex)
        guard matcher.match(text.span.bytes, from: start) else { return nil }
        return (0...regex.groupCount).map { matcher.range(of: $0) }
    }

    @Test("patterns compiled for bytes find in UTF-8 what they find compiled for text")
    func bytesAgreeWithText() {
        let seed = SeededRandom.seed()
        var random = SeededRandom(seed: seed)
        let pieces = [
            "a", "b", "x", "[ab]", "[a-z0-9]", "\\d", "\\w", "\\s", "(", ")", "|", "*", "+", "?", "*?", "{1,3}", "^",
            "$",
            "\\b", "\\B", "(?:", "(?P<n>", "\\.", "-", "(?!", "(?=", "[\\w-]",
        ]
        let texts = ["a", "b", "x", " ", "é", "€", "😀", "1", "\n", "-", "."]
        var compared = 0
        for _ in 0..<4000 {
            let pattern = pick(pieces, 8, &random)
            // A verb at the start asks for code points, whatever follows.
            guard let bytes = try? Regex(pattern), let text = try? Regex("(*UTF)" + pattern) else { continue }
            let subject = Array(pick(texts, 12, &random).utf8)
            #expect(groups(bytes, subject) == groups(text, subject), "\(pattern) in \(subject)")
            compared += 1
        }
        #expect(compared > 500)
    }

    @Test("random patterns on random bytes never crash, and their ranges lie in the text")
    func anything() {
        let seed = SeededRandom.seed()
        var random = SeededRandom(seed: seed)
        let pieces = [
            ".", "\\S", "[^a]", "é", "(", ")", "*", "+", "?", "|", "\\K", "(?i)", "\\pL", "{2,}", "^", "$", "(?<=.)",
            "a", "\\Q",
            "(?s)", "\\1", "[[:^alpha:]]", "(?R)?", "\\x{e9}", "\\",
        ]
        for _ in 0..<3000 {
            guard let regex = try? Regex(pick(pieces, 8, &random), anchored: Bool.random(using: &random)) else {
                continue
            }
            let text = (0..<Int.random(in: 0...24, using: &random)).map { _ -> UInt8 in
                [0x61, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xff, 0x0a].randomElement(using: &random) ?? 0
            }
            let start = Int.random(in: 0...text.count, using: &random)
            for range in groups(regex, text, from: start) ?? [] {
                guard let range else { continue }
                #expect(range.lowerBound >= 0 && range.upperBound <= text.count)
            }
        }
    }
}
