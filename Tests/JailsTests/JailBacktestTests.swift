import Bytes
import Telemetry
import Testing

@testable import Jails

@Suite struct JailBacktestTests {

    private final class Names: NameResolving {
        func addresses(of name: String, now: Double) -> NameAnswer { .unknown }
    }

    private static let filter = """
        [Definition]
        failregex = ^\\s*doord\\[<F-MLFID>\\d+</F-MLFID>\\]: no entry from <HOST>$
                    ^\\s*<F-NOFAIL>doord</F-NOFAIL>\\[<F-MLFID>\\d+</F-MLFID>\\]: <F-MLFGAINED>welcome</F-MLFGAINED> <HOST>$
        """

    private func backtest(_ lines: [(Double, String)], since: Double = 1_000_000_000) throws
        -> JailBacktest
    {
        let text = lines.map { "\(Int($0.0)) doord[\($0.1.utf8.count)]: \($0.1)\n" }.joined()
        let files = try ConfigurationFiles(["filter.d/door.conf": Self.filter, "door.log": text])
        var settings = JailSettings(name: "door")
        settings.maximumRetries = 3
        settings.isObserving = true
        let directory = files.path
        let plan = JailPlan(
            settings: settings, fingerprint: "", sources: [.files([.init(pattern: directory + "/*.log")])],
            makeFilter: { now throws(JailConfigurationError) in
                try Filter(try FilterDefinition(name: "door", directory: directory), now: now)
            }, actions: [])
        let backtest = JailBacktest([plan], since: since, until: 1_000_100_000, streams: nil, names: Names())
        backtest.run()
        return backtest
    }

    @Test func `judges every line at its own time`() throws {
        let start = 1_000_000_100.0
        let lines =
            [start, start + 1, start + 2].map { ($0, "no entry from 203.0.113.7") }
            + [(start + 300, "no entry from 203.0.113.9"), (start + 301, "no entry from 203.0.113.9")]
            // Over by then, and once more.
            + [start + 5000, start + 5001, start + 5002].map { ($0, "no entry from 203.0.113.7") }
        let backtest = try backtest(lines)
        #expect(backtest.problems == [])
        #expect(backtest.bans.map(\.ban.target) == [BanTarget("203.0.113.7"), BanTarget("203.0.113.7")])
        #expect(backtest.bans.map(\.ban.time) == [start + 2, start + 5002])
        #expect(backtest.bans.map(\.end) == [start + 602, start + 5602])
        #expect(backtest.bans.map(\.ban.count) == [1, 2])
        #expect(backtest.counts.map(\.lines) == [8])
        #expect(backtest.counts.map(\.failures) == [8])
        #expect(backtest.counts.map(\.bans) == [2])
    }

    @Test func `passes over what is before or after the time asked for`() throws {
        let backtest = try backtest(
            [10, 20, 30].map { (1_000_050_000 - $0, "no entry from 203.0.113.7") }
                + [10, 20, 30].map { (1_000_100_000 + $0, "no entry from 203.0.113.7") }, since: 1_000_050_000)
        #expect(backtest.bans == [])
        #expect(backtest.counts.map(\.lines) == [0])
    }

    @Test func `marks who got in later`() throws {
        let start = 1_000_000_100.0
        let lines =
            (0..<3).map { (start + Double($0), "no entry from 203.0.113.7") }
            + [(start + 900, "welcome 203.0.113.7"), (start + 901, "welcome 203.0.113.8")]
        let backtest = try backtest(lines)
        #expect(backtest.bans.map(\.laterSuccess?.isEmpty) == [false])
    }

    @Test func `adds what prolongs a ban to its end`() throws {
        let start = 1_000_000_100.0
        let backtest = try backtest((0..<6).map { (start + Double($0), "no entry from 203.0.113.7") })
        #expect(backtest.bans.map(\.end) == [start + 605])
    }
}
