import Bytes
import CAllocations
import TestSupport
import Testing

@testable import Jails

@Suite("The rate of failures")
struct FailureTableTests {
    /// At which failure the number is reached, of so many that are so far apart; nil for never.
    private func reached(_ retries: Int, spacing: Double, findTime: Double = 600) -> Int? {
        var table = FailureTable(findTime: findTime, maximumMatches: 5)
        return (1...100).first { table.add("192.0.2.1", time: Double($0) * spacing, matches: []) >= retries }
    }

    @Test(
        "five within ten minutes is an estimate, no window that slides",
        arguments: [(1, 5), (150, 5), (151, 5), (170, 5), (180, nil), (300, nil)] as [(Double, Int?)])
    func spacing(_ seconds: Double, _ expected: Int?) { #expect(reached(5, spacing: seconds) == expected) }

    @Test("halves are rounded to even, as Python rounds")
    func rounding() {
        var table = FailureTable(findTime: 100, maximumMatches: 0)
        // 5 within 200 s are 2.5 within 100, 7 are 3.5.
        for _ in 0..<5 { _ = table.add("192.0.2.1", time: 0, matches: []) }
        #expect(table.add("192.0.2.1", time: 200, matches: []) == 3)
        for _ in 0..<7 { _ = table.add("192.0.2.2", time: 0, matches: []) }
        #expect(table.add("192.0.2.2", time: 200, matches: []) == 5)
    }

    @Test("an older line counts, and moves no time")
    func older() {
        var table = FailureTable(findTime: 600, maximumMatches: 5)
        _ = table.add("192.0.2.1", time: 1000, matches: [])
        #expect(table.add("192.0.2.1", time: 500, matches: []) == 2)
        #expect(table["192.0.2.1"]?.first == 1000 && table["192.0.2.1"]?.last == 1000)
    }

    @Test("the last lines are kept, and long ones cut")
    func matches() {
        var table = FailureTable(findTime: 600, maximumMatches: 3)
        for number in 1...5 { _ = table.add("192.0.2.1", time: 0, matches: ["\(number)a", "\(number)b"]) }
        #expect(table["192.0.2.1"]?.matches == ["4b", "5a", "5b"])
        _ = table.add("192.0.2.1", time: 0, matches: [String(repeating: "é", count: 5000)])
        #expect(table["192.0.2.1"]?.matches.last?.utf8.count == FailureTable.longestMatch)
        var none = FailureTable(findTime: 600, maximumMatches: 0)
        _ = none.add("192.0.2.1", time: 0, matches: ["a"])
        #expect(none["192.0.2.1"]?.matches == [])
    }

    @Test("whoever has not failed for the find time is forgotten")
    func cleanUp() {
        var table = FailureTable(findTime: 600, maximumMatches: 5)
        for number in 0..<50 { _ = table.add(.text("\(number)"), time: Double(number), matches: ["x"]) }
        table.cleanUp(now: 629)
        #expect(table.count == 20 && table["29"] == nil && table["30"] != nil)
        #expect(table.remove("30")?.retries == 1 && table["30"] == nil && table.remove("30") == nil)
        table.cleanUp(now: 10_000)
        #expect(table.count == 0 && table.evicted == 0 && table.total == 50)
    }

    @Test("any number of attackers stays within the bound, those who failed last are known")
    func million() {
        var table = FailureTable(findTime: 600, maximumMatches: 5, capacity: 1000)
        let line = "Failed password for root from somewhere port 22 ssh2"
        for number in 0..<15_000 {
            // One comes back all the time.
            _ = table.add("192.0.2.1", time: Double(number) / 1000, matches: [line])
            _ = table.add(
                .network(IPNetwork(ipv4: 0x0a00_0000 + UInt32(number))), time: Double(number) / 1000, matches: [line])
        }
        #expect(table.count == 1000 && table.evicted == 15_001 - 1000)
        #expect(table["192.0.2.1"]?.retries == 15_000)
        #expect(table[.network(IPNetwork(ipv4: 0x0a00_0000 + 14_999))] != nil)
        #expect(table[.network(IPNetwork(ipv4: 0x0a00_0000 + 13_000))] == nil)
    }

    @Test("lines have a bound too")
    func manyBytes() {
        var table = FailureTable(findTime: 600, maximumMatches: 5, capacity: 1000, matchCapacity: 10 * (1000 + 96))
        for number in 0..<100 {
            _ = table.add(.text("\(number)"), time: 0, matches: [String(repeating: "x", count: 1000)])
        }
        #expect(table.count == 10 && table.evicted == 90 && table["99"] != nil && table["89"] == nil)
        // Of one alone everything is kept.
        for _ in 0..<5 { _ = table.add("z", time: 0, matches: [String(repeating: "x", count: 4000)]) }
        #expect(table["z"]?.matches.count == 5 && table.count == 1)
    }

    @Test("a failure of somebody known, and of somebody new in a full table, allocates nothing")
    func allocations() {
        var table = FailureTable(findTime: 600, maximumMatches: 0, capacity: 100)
        func fill(_ range: Range<Int>) {
            for number in range {
                _ = table.add(.network(IPNetwork(ipv4: UInt32(number))), time: Double(number), matches: [])
                _ = table.add(.network(IPNetwork(ipv4: UInt32(number))), time: Double(number), matches: [])
            }
        }
        fill(1..<1000)
        let before = callocations_of_this_thread()
        fill(1000..<3000)
        #expect(callocations_of_this_thread() == before)
        #expect(table.count == 100)
    }

    @Test("fail2ban counts the same failures the same way")
    func fail2ban() throws {
        var random = SeededRandom(seed: SeededRandom.seed())
        var input: [String] = []
        var expected: [String] = []
        for _ in 0..<250 {
            let findTime = Double([10, 60, 600, 3600].randomElement(using: &random) ?? 600)
            let retries = Int.random(in: 1...9, using: &random)
            let matches = Int.random(in: 1...6, using: &random)
            let weighs = Bool.random(using: &random)
            var table = FailureTable(findTime: findTime, maximumMatches: matches)
            input.append("new \(Int(findTime)) \(retries) \(matches)")
            var now = 1000.0
            for step in 0..<Int.random(in: 5...60, using: &random) {
                now += (Double.random(in: 0...(findTime * 0.4), using: &random) * 4).rounded() / 4
                let time = Int.random(in: 0..<6, using: &random) == 0 ? now - (findTime / 3).rounded() : now
                let target = BanTarget("192.0.2.\(Int.random(in: 1...3, using: &random))")
                input.append("fail \(target) \(time) line\(step)")
                var count = table.add(target, time: time, matches: ["line\(step)"])
                if count < retries, weighs, Int.random(in: 0..<3, using: &random) == 0 {
                    input.append("more \(target) 2")
                    count = table.add(extra: 2, to: target) ?? count
                }
                var line = "\(count)"
                if count >= retries, let ticket = table.remove(target) {
                    line += " ban \(ticket.last)"
                    // Those that weigh more keep their lines twice with fail2ban.
                    if !weighs { line += " \(ticket.failures) \(ticket.matches.joined(separator: ","))" }
                }
                input.append("end \(weighs ? 1 : 0)")
                expected.append(line)
                if Int.random(in: 0..<4, using: &random) == 0 {
                    input.append("clean \(now)")
                    table.cleanUp(now: now)
                    expected.append("\(table.count)")
                }
            }
        }
        let script = """
            from fail2ban.server.failmanager import FailManager, FailManagerEmpty
            from fail2ban.server.ticket import FailTicket
            for line in sys.stdin:
                words = line.split()
                if words[0] == 'new':
                    manager = FailManager()
                    manager.setMaxTime(int(words[1])); manager.setMaxRetry(int(words[2])); manager.maxMatches = int(words[3])
                elif words[0] == 'fail':
                    ticket = FailTicket(words[1], float(words[2]), data={'matches': [words[3]]})
                    count = manager.addFailure(ticket)
                elif words[0] == 'more':
                    count = manager.addFailure(ticket, int(words[2]), True)
                elif words[0] == 'end':
                    text = str(count)
                    try:
                        ban = manager.toBan(ticket.getID())
                        text += ' ban ' + str(ban.getTime())
                        if words[1] == '0': text += ' %d %s' % (ban.getAttempt(), ','.join(ban.getMatches()))
                    except FailManagerEmpty: pass
                    print(text)
                else:
                    manager.cleanup(float(words[1])); print(manager.size())
            """
        guard let output = try Fail2ban.run(script, input: input.joined(separator: "\n") + "\n") else { return }
        #expect(output.count == expected.count)
        let differing = zip(output, expected).enumerated().first { $1.0 != $1.1 }
        #expect(differing == nil)
        print("\(expected.count) answers as fail2ban's, \(expected.count { $0.contains("ban") }) bans")
    }
}
