import Rules
import Testing

@Suite("How far back expressions look")
struct SelectorReachTests {
    @Test(
        "a selector's reach has its range, its offset and the subqueries around it",
        arguments: [
            ("up", [300]), ("up offset 1h", [3900]), ("rate(x[5m])", [300]), ("rate(x[6h] offset 1d)", [108_000]),
            ("max_over_time(rate(x[5m])[1h:1m])", [3900]), ("max_over_time(up[1h:] offset 1h)", [7500]),
            ("a / b offset 10m", [300, 900]), ("up @ 1000", []), ("x offset -10m", [0]),
            ("predict_linear(x[6h], 86400) < 0 and y > 1", [21600, 300]),
        ] as [(String, [Int64])])
    func reach(text: String, seconds: [Int64]) throws {
        let reaches = SelectorReach.of(try Expression.parse(text), step: 15_000, lookback: 300_000)
        #expect(reaches.map(\.milliseconds) == seconds.map { $0 * 1000 })
    }
}
