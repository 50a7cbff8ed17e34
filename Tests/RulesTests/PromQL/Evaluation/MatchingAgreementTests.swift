import Rules
import Telemetry
import TestSupport
import Testing

/// Vectors are matched by pairs that are worked out once, or sample by sample. A series that never has a sample at the
/// queried times makes the signatures ambiguous and so forces the second way; the results must be the same.
@Suite("Both ways of matching vectors")
struct MatchingAgreementTests {
    @Test(
        "agree on random samples",
        arguments: [
            "a + on (x) b", "a > on (x) b", "a <= bool on (x) b", "a * on (x) group_left () b",
            "b - on (x) group_right a",
            "a - ignoring (y) b",
        ])
    func agreement(text: String) throws {
        var random = SeededRandom(seed: 5)
        for _ in 0..<20 {
            let plain = MemorySamples()
            let ambiguous = MemorySamples()
            let isManyToOne = text.contains("group")
            for x in 0..<5 {
                for y in 0..<(isManyToOne ? 3 : 1) {
                    for step in 0..<20 where Bool.random(using: &random) {
                        let value = Double(Int.random(in: 0..<9, using: &random))
                        for samples in [plain, ambiguous] {
                            samples.append(["__name__": "a", "x": "\(x)", "y": "\(y)"], Int64(step) * 600_000, value)
                        }
                    }
                }
                for step in 0..<20 where Bool.random(using: &random) {
                    let value = Double(Int.random(in: 0..<9, using: &random))
                    for samples in [plain, ambiguous] {
                        samples.append(["__name__": "b", "x": "\(x)"], Int64(step) * 600_000, value)
                    }
                }
            }
            // Never seen, as it lies far behind.
            for name in ["a", "b"] { ambiguous.append(["__name__": name, "x": "0", "z": "9"], -100_000_000, 1) }
            let query = try QueryEngine().prepare(text)
            let other = try QueryEngine().prepare(text)
            for time in stride(from: Int64(0), to: 12_000_000, by: 600_000) {
                let first = QueryFixture.vector(try query.instant(at: time, in: plain))
                let second = QueryFixture.vector(try other.instant(at: time, in: ambiguous))
                #expect(first == second, "\(text) at \(time)")
            }
            let first = try query.range(from: 0, through: 12_000_000, step: 600_000, in: plain).value
            let second = try other.range(from: 0, through: 12_000_000, step: 600_000, in: ambiguous).value
            #expect("\(first)" == "\(second)")
        }
    }
}
