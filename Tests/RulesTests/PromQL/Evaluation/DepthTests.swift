import Bytes
import Synchronization
import Telemetry
import Testing

@testable import Rules

@Suite("Deep expressions")
struct DepthTests {
    /// An expression that is as deep or as high as may be.
    struct Depth: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var text: String

        static func nested(_ open: String, _ close: String, _ count: Int = 195) -> Depth {
            Depth(
                testDescription: "\(count) times \(open)",
                text: String(repeating: open, count: count) + "a" + String(repeating: close, count: count))
        }

        static func row(_ term: String, _ sign: String, _ count: Int = 995) -> Depth {
            Depth(
                testDescription: "\(count) times \(sign)",
                text: [String](repeating: term, count: count).joined(separator: sign))
        }
    }

    private static let depths: [Depth] = [
        .nested("(", ")"), .nested("sum(", ")"), .nested("-", ""), .nested("abs(", ")"),
        .nested("max_over_time(", "[1m:1m])", 98), .nested("label_replace(", #","b","c","d","e")"#),
        .nested("info(", ")"), .nested("histogram_quantile(0.5, ", ")"), .nested("sort(", ")"),
        .nested("(1 + ", ")", 98),
        .row("a", " + "), .row("a", " or "), .row("a", " and "), .row("a", " > "), .row("a", " * on (x) group_left "),
        .row("a", " unless on (x) "), .row("1", " ^ ", 190), .row("1", " - "),
    ]

    @Test("are read, printed, evaluated and thrown away on half of the stack that is meant for it", arguments: depths)
    func depth(depth: Depth) throws {
        let text = depth.text
        let failure = Mutex("nothing was done")
        WorkerThread(name: "deep", stackSize: QueryEngine.stackSize / 2) {
            let outcome: String
            do {
                let expression = try Expression.parse(text)
                _ = try Expression.parse(expression.description)
                _ = expression.prettyDescription
                var json = JSONWriter()
                expression.write(to: &json)
                _ = ExpressionParts.withoutComparison(expression)
                let samples = MemorySamples()
                samples.append(["__name__": "a", "x": "1"], 0, 1)
                let query = try QueryEngine().prepare(expression, text: text)
                // What is wrong with the data is not the point.
                _ = try? query.instant(at: 0, in: samples)
                outcome = ""
            } catch {
                outcome = "\(error)"
            }
            failure.withLock { $0 = outcome }
        }.join()
        #expect(failure.withLock { $0 } == "")
    }
}
