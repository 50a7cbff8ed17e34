import Rules
import Telemetry
import TestSupport
import Testing

@Suite("Windows that slide")
struct SlidingWindowTests {
    private static let functions = [
        "min_over_time", "max_over_time", "ts_of_min_over_time", "ts_of_max_over_time", "sum_over_time",
        "avg_over_time",
        "count_over_time", "last_over_time", "present_over_time",
    ]

    /// Samples of every kind: smooth, jumping, equal, with gaps, NaN, infinite, huge beside tiny.
    private static func samples(_ random: inout SeededRandom) -> MemorySamples {
        let samples = MemorySamples()
        for kind in 0..<6 {
            var value = 0.0
            for step in 0..<600 as Range<Int64> {
                if Int.random(in: 0..<12, using: &random) == 0 { continue }
                switch kind {
                case 0: value += Double.random(in: -1...1, using: &random)
                case 1: value = Double(Int.random(in: -3...3, using: &random))
                case 2: value = Int.random(in: 0..<5, using: &random) == 0 ? .nan : Double(step % 7)
                case 3: value = [1e100, 1, -1e100, 3.5, 0.1].randomElement(using: &random) ?? 0
                case 4: value = Int.random(in: 0..<60, using: &random) == 0 ? -.infinity : 0.1 * Double(step)
                default: value = [1.5e308, -1.5e308, 1e308, 2].randomElement(using: &random) ?? 0
                }
                samples.append(["__name__": "a", "kind": "\(kind)"], step * 10_000, value)
            }
        }
        return samples
    }

    @Test("give at each step of a range what they give by themselves", arguments: functions)
    func agreement(function: String) throws {
        for seed in 1...4 as ClosedRange<UInt64> {
            var random = SeededRandom(seed: seed)
            let samples = Self.samples(&random)
            for window in ["10s", "5m", "40m", "3h"] {
                let query = try QueryEngine().prepare("\(function)(a[\(window)])")
                let step = Int64.random(in: 1...20, using: &random) * 7000
                let whole = try query.range(from: 0, through: 6_500_000, step: step, in: samples)
                guard case .matrix(let matrix) = whole.value else { return }
                var count = 0
                for series in matrix {
                    for point in series.points {
                        let single = QueryFixture.vector(try query.instant(at: point.timestamp, in: samples))
                        let expected = try #require(single[series.labels])
                        count += 1
                        #expect(
                            agrees(point.value, expected),
                            "seed \(seed), \(function)[\(window)] at \(point.timestamp): \(point.value), alone \(expected)"
                        )
                    }
                }
                #expect(count > 40)
            }
        }
    }

    private func agrees(_ a: Double, _ b: Double) -> Bool {
        if a == b || a.isNaN && b.isNaN { return true }
        return (a - b).magnitude <= 1e-9 * max(a.magnitude, b.magnitude)
    }

    @Test("cost as much for long windows as for short ones", arguments: functions)
    func cost(function: String) throws {
        let samples = MemorySamples()
        for step in 0..<40_000 as Range<Int64> {
            samples.append(["__name__": "a"], step * 1000, Double((step * 7919) % 1013) - Double(step) * 0.001)
        }
        func seconds(_ window: String) throws -> Double {
            let query = try QueryEngine().prepare("\(function)(a[\(window)])")
            var best = Double.infinity
            for _ in 0..<3 {
                let start = Timestamp.monotonic
                _ = try query.range(from: 20_000_000, through: 36_000_000, step: 4000, in: samples)
                best = min(best, Timestamp.monotonic.seconds(since: start))
            }
            return best
        }
        let short = try seconds("1m")
        let long = try seconds("5h")
        // 18,000 samples in place of 60 took 300 times as long.
        #expect(long < 20 * short, "\(function): \(short) s for a minute, \(long) s for five hours")
    }
}
