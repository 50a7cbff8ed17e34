import Testing

@testable import Jails

@Suite("How long bans last")
struct BanTimesTests {
    private func durations(
        base: Double = 600, random: Double = 0, counts: Range<Int> = 0..<22,
        _ change: (inout BanTimeIncrement) -> Void = { _ in }
    ) throws -> [Double] {
        var increment = BanTimeIncrement()
        increment.isEnabled = true
        change(&increment)
        let times = try BanTimes(base: base, increment: increment)
        return counts.map { times.duration(count: $0, random: { random }) }
    }

    @Test("it doubles with each ban, up to a limit")
    func doubles() throws {
        let times = try durations { $0.maximum = 604_800 }
        #expect(times.prefix(4) == [600, 1200, 2400, 4800] && times[10] == 604_800 && times[21] == 604_800)
        #expect(try durations()[21] == 600 * 1_048_576)
        #expect(try durations(counts: 1..<3) { $0.factor = 0.1 } == [600, 600])
        #expect(try durations(counts: 1..<3) { $0.factor = 3 } == [3600, 7200])
    }

    @Test("chance comes after the limit, and may pass it")
    func chance() throws {
        #expect(
            try durations(random: 0.5, counts: 5..<6) {
                $0.maximum = 3600; $0.random = 100
            } == [3650])
        // The first ban is the plain one.
        #expect(try durations(random: 0.5, counts: 0..<1) { $0.random = 100 } == [600])
    }

    @Test("multipliers go on with their last, and may shorten")
    func multipliers() throws {
        #expect(
            try durations(counts: 0..<5) {
                $0.multipliers = [1, 2, 0.5]
                $0.factor = 2
            } == [600, 2400, 600, 600, 600])
    }

    @Test("without it, and for ever, nothing grows")
    func plain() throws {
        #expect(try durations(counts: 0..<3) { $0.isEnabled = false } == [600, 600, 600])
        #expect(try durations(base: -1, counts: 0..<3) == [-1, -1, -1])
        #expect(try durations(base: 0, counts: 0..<3) == [0, 0, 0])
    }

    @Test("whoever was banned before needs fewer tries")
    func weights() throws {
        var increment = BanTimeIncrement()
        increment.isEnabled = true
        let times = try BanTimes(base: 600, increment: increment)
        #expect((0...5).map { times.extraFailures(count: $0, maximumRetries: 100) } == [0, 1, 2, 4, 8, 16])
        #expect(times.extraFailures(count: 30, maximumRetries: 5) == 4)
        #expect(try BanTimes(base: 600, increment: .init()).extraFailures(count: 3, maximumRetries: 5) == 0)
    }

    private static let formulas = [
        "ban.Time * math.exp(float(ban.Count+1)*banFactor)/math.exp(1*banFactor)",
        "ban.Time * (1<<(ban.Count if ban.Count<20 else 20)) * banFactor",
        "ban.Time * (2 ** ban.Count)", "ban.Time*ban.Count**2", "-2 ** 2 + ban.Time + 10", "2 ** -1 * ban.Time * 5",
        "ban.Time + ban.Count // 3 * 100 + -7 // 2 + -7 % 3 + 7 % -3", "7.5 // 2 + 7.5 % 2 + -7.5 % 2 + ban.Time",
        "max(ban.Time, 3600 * ban.Count) + min(1, 2, 0.5)",
        "ban.Time if ban.Count < 3 else ban.Time * 10 if ban.Count < 6 else 86400",
        "(ban.Time if 1 < ban.Count <= 3 else 7200) + (5 if not ban.Count == 2 else 6)",
        "1e3 + 2.5e+2*ban.Count + .5 + 1_000",
        "round(ban.Time * 1.005) + round(2.5) + round(3.5) + round(1234.5678, 2)",
        "int(ban.Time / 7) + int(-3.7) + abs(-4) + abs(-2.5)",
        "math.floor(ban.Time / 7) + math.ceil(ban.Time / 7) + math.sqrt(ban.Count + 100) + math.pi + math.e",
        "ban.Time * (1 + math.log(ban.Count + 1)) + math.log(8, 2) + math.log2(8) + math.log10(1000) + math.pow(2, 10)",
        "ban.Time >> 1 << 3", "(ban.Count and 5) + (0 or 7) + ban.Time + (ban.Count > 2 and ban.Count < 5)", "1 << 80",
        "10 ** 30 / 10 ** 25",
        "True + False + ban.Time", "9223372036854775807 + 1 + ban.Time",
    ]

    @Test("formulas are Python's: fail2ban itself works out the same")
    func formulas() throws {
        let script = """
            from fail2ban.server.jail import Jail
            class Times:
                database = True
                setBanTimeExtra = Jail.setBanTimeExtra
                def __init__(self): self._banExtra = {'increment': True}
            class Ban: pass
            for line in sys.stdin:
                times = Times()
                times.setBanTimeExtra('factor', '1.5')
                times.setBanTimeExtra('formula', line.strip())
                for count in range(1, 24):
                    ban = Ban(); ban.Time = 600; ban.Count = count
                    print(repr(float(times._banExtra['evformula'](ban))))
            """
        guard let output = try Fail2ban.run(script, input: Self.formulas.joined(separator: "\n") + "\n") else { return }
        var expected = output.compactMap { Double($0) }[...]
        #expect(expected.count == Self.formulas.count * 23)
        for formula in Self.formulas {
            let times = try durations(counts: 1..<24) {
                $0.formula = formula
                $0.factor = 1.5
            }
            for (count, time) in times.enumerated() {
                let theirs = min(expected.removeFirst(), 3_155_760_000)
                #expect(abs(time - theirs) <= 1e-9 * theirs, "\(formula) of \(count + 1)")
            }
        }
    }

    @Test("random numbers are within their range")
    func randomNumbers() throws {
        func value(_ text: String, _ random: Double) throws -> Double {
            try BanTimeFormula(text).value(.init(random: { random })).double
        }
        #expect(try value("random.random() * 10", 0.25) == 2.5)
        #expect(try value("random.uniform(10, 20)", 0.25) == 12.5)
        #expect(try value("random.randint(1, 6)", 0) == 1 && value("random.randint(1, 6)", 0.9999) == 6)
    }

    @Test(
        "what is wrong with a formula is said when it is read",
        arguments: [
            ("", "expected a number, a name or \"(\", found the end"),
            ("ban.Time *", "expected a number, a name or \"(\", found the end"),
            (
                "ban.time",
                "expected a number, ban.Time, ban.Count, banFactor or a function such as math.exp, found \"ban.time\""
            ),
            ("(1", "expected \")\", found the end"), ("1 2", "expected an operator, found \"2.0\""),
            ("math.exp", "expected \"(\" after math.exp, found the end"),
            ("math.exp(1, 2)", "expected 1 arguments of math.exp, found 2"),
            ("1 if 2", "expected \"else\", found the end"), ("__import__('os')", nil), ("ban.Time; 1", nil),
            ("1 / 0", "a division by 0"),
            ("ban.Time << 1.5", nil), ("math.log(0)", "math.log of a number that is not above 0"),
            ("math.exp(10000)", nil),
            ("1 << -1", "a shift by -1"), ("1 << 5000", "a shift by 5000"),
            ("1.2.3", "expected a number, found \"1.2.3\""),
            (String(repeating: "(", count: 500), nil), (String(repeating: "-", count: 500) + "1", nil),
            (String(repeating: "1+", count: 600) + "1", nil), ("ban.Time\u{0}", nil), ("é", nil),
        ] as [(String, String?)])
    func errors(_ text: String, _ message: String?) {
        #expect {
            var increment = BanTimeIncrement()
            increment.isEnabled = true
            increment.formula = text
            _ = try BanTimes(base: 600, increment: increment)
        } throws: { error in
            message == nil ? error is FormulaError : "\(error)" == message
        }
    }

    @Test("known offenders are banned sooner and longer, all jails together where it is said so")
    func offenders() throws {
        let history = MemoryBanHistory()
        let scene = try JailScene(history) {
            $0.increment.isEnabled = true
            $0.maximumRetries = 6
        }
        var times: [(failures: Int, duration: Double, count: Int)] = []
        for round in 0..<4 {
            var failures = 0
            var bans: [Ban] = []
            while bans.isEmpty {
                bans = scene.fail("192.0.2.1", at: Double(round) * 100_000 + Double(failures)).bans
                failures += 1
            }
            times.append((failures, bans[0].duration, bans[0].count))
            _ = scene.jail.tick(now: Double(round) * 100_000 + 99_999)
        }
        // One failure counts for 1, 2, 3 and 5.
        #expect(times.map(\.failures) == [6, 3, 2, 2])
        #expect(times.map(\.duration) == [600, 1200, 2400, 4800] && times.map(\.count) == [1, 2, 3, 4])
        let other = try JailScene(history, name: "nginx") {
            $0.increment.isEnabled = true
            $0.increment.countsAllJails = true
            $0.maximumRetries = 1
        }
        let ban = try #require(other.fail("192.0.2.1", at: 500_000).bans.first)
        #expect(ban.duration == 600 * 16 && ban.count == 1)
        #expect(history.record(of: "192.0.2.1", in: nil)?.count == 5)
    }

    @Test("a failure from before the last ban weighs nothing more, and the same ban is not counted twice")
    func readAgain() throws {
        let history = MemoryBanHistory()
        var known = Ban(jail: "sshd", target: "192.0.2.1", time: 5000, duration: 600)
        known.count = 2
        history.add(known)
        let scene = try JailScene(history) {
            $0.increment.isEnabled = true
            $0.maximumRetries = 3
        }
        #expect(scene.fail("192.0.2.1", at: 4990).count == 1)
        #expect(scene.fail("192.0.2.1", at: 4995, 5000).bans.first?.count == 2)
    }
}
