import Rules
import Telemetry
import TestSupport
import Testing

/// A prepared query that has been evaluated before must say what a fresh one says.
@Suite("Queries that are evaluated again and again")
struct RepeatedEvaluationTests {
    static let queries = [
        "a", "rate(a[2m])", "sum by (x) (a)", "a / on (x) group_left sum by (x) (a)", "topk(2, a)", "a and b", "a or b",
        "a unless b", "a + b", "histogram_quantile(0.5, h)", "label_replace(a, \"z\", \"$1\", \"x\", \"(.*)\")",
        "count_values(\"v\", a)", "quantile by (x) (0.5, a)", "avg(a)", "stddev(a)", "absent(c)",
        "max_over_time(a[5m:1m])",
        "a * on (x) b", "scalar(sum(a)) + vector(1)", "sort(a)", "a > bool 5", "limit_ratio(0.5, a)", "sum(a @ 600)",
        "changes(a[5m])", "predict_linear(a[5m], 60)", "2 * 3 + 4", "a + on (x, y) fill(0) b",
    ]

    @Test("series that come and go between evaluations are seen", arguments: queries)
    func changes(text: String) throws {
        var random = SeededRandom(seed: 11)
        let samples = MemorySamples()
        let engine = QueryEngine()
        let prepared = try engine.prepare(text)
        for round in 0..<60 {
            let time = Int64(round) * 15_000
            for x in 0..<3 {
                for y in 0..<3 where Int.random(in: 0..<10, using: &random) < 7 {
                    // Later rounds bring new series.
                    let name = round % 3 == 0 ? "b" : "a"
                    let labels: LabelSet = ["__name__": name, "x": "\(x)", "y": "\(y + round / 30)"]
                    let value = Int.random(in: 0..<12, using: &random) == 0 ? Double.absent : Double(round * x + y)
                    samples.append(labels, time, value)
                }
            }
            for bound in ["1", "2", "+Inf"] {
                samples.append(["__name__": "h", "le": bound], time, Double(round * (bound == "1" ? 1 : 2)))
            }
            let fresh = try QueryEngine().prepare(text)
            let (old, new) = (instant(prepared, time, samples), instant(fresh, time, samples))
            #expect(old == new, "\(text) at \(time)")
            guard case .success = new, round % 10 == 9 else { continue }
            #expect(range(prepared, time, samples) == range(fresh, time, samples), "\(text) up to \(time)")
        }
    }

    private enum Outcome: Equatable {
        case success(String)
        case failure(QueryError)
    }

    private func instant(_ query: PromQLQuery, _ time: Int64, _ samples: MemorySamples) -> Outcome {
        do throws(QueryError) {
            return .success("\(try query.instant(at: time, in: samples).value)")
        } catch {
            return .failure(error)
        }
    }

    private func range(_ query: PromQLQuery, _ time: Int64, _ samples: MemorySamples) -> Outcome {
        do throws(QueryError) {
            return .success("\(try query.range(from: 0, through: time, step: 30_000, in: samples).value)")
        } catch {
            return .failure(error)
        }
    }
}
