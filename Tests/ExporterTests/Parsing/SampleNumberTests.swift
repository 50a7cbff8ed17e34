import Bytes
import Glibc
import TestSupport
import Testing

@testable import Exporter

private func number(_ text: String) -> Double? { SampleNumber.value(Array(text.utf8).span.bytes) }

@Suite("Numbers of samples")
struct SampleNumberTests {
    @Test(
        "what Go reads is read",
        arguments: [
            ("0", 0), ("-0", -0.0), ("+5", 5), (".5", 0.5), ("5.", 5), ("1e5", 1e5), ("1E+5", 1e5), ("1e-05", 1e-05),
            ("9007199254740993", 9_007_199_254_740_992), ("+Inf", .infinity), ("-inf", -.infinity),
            ("Infinity", .infinity), ("1e-999", 0), ("0.1e1", 1), ("000000000000000000000000000001", 1),
            ("123456789012345678901234567890", 1.2345678901234568e29),
            ("0." + String(repeating: "0", count: 400) + "1", 0),
        ] as [(String, Double)])
    func numbers(_ text: String, _ value: Double) { #expect(number(text) == value) }

    @Test(
        "what Go refuses is refused",
        arguments: [
            "", "-", "+", ".", "e5", ".e5", "1e", "1e+", "1e5x", "1_0", "0x10", "0x1p3", "1p3", "+nan", "1.2.3", "1-",
            "infinit", "1e309", " 1", "1 ", "--1", "١",
        ])
    func refused(_ text: String) { #expect(number(text) == nil) }

    @Test("a NaN is the one that is no staleness marker")
    func nan() {
        #expect(number("NaN")?.bitPattern == 0x7ff8_0000_0000_0001)
        #expect(number("nan")?.bitPattern == 0x7ff8_0000_0000_0001)
    }

    @Test("the fast way agrees with the C library on random numbers")
    func agreesWithLibrary() {
        var random = SeededRandom(seed: SeededRandom.seed())
        for _ in 0..<20_000 {
            var text = Bool.random(using: &random) ? "-" : ""
            for _ in 0..<Int.random(in: 1...20, using: &random) { text += "\(Int.random(in: 0...9, using: &random))" }
            if Bool.random(using: &random) {
                text += "."
                for _ in 0..<Int.random(in: 0...20, using: &random) {
                    text += "\(Int.random(in: 0...9, using: &random))"
                }
            }
            if Int.random(in: 0..<3, using: &random) == 0 { text += "e\(Int.random(in: -40...40, using: &random))" }
            #expect(number(text)?.bitPattern == strtod(text, nil).bitPattern, "\(text)")
        }
    }
}
