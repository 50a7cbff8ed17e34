import Bytes
import TestSupport
import Testing

@testable import Jails

@Suite("Bans that hold")
struct BanTableTests {
    private func ban(_ target: BanTarget, _ time: Double, _ duration: Double) -> Ban {
        Ban(jail: "sshd", target: target, time: time, duration: duration)
    }

    private func address(_ number: Int) -> BanTarget { .network(IPNetwork(ipv4: 0x0a00_0000 + UInt32(number))) }

    @Test("bans end in the order of their ends, and not before")
    func order() {
        var table = BanTable()
        for (target, duration) in [("a", 30.0), ("b", 10), ("c", -1), ("d", 20)] {
            #expect(table.add(ban(.text(target), 0, duration), now: 0) == .added(lifted: nil))
        }
        #expect(table.removeEnded(now: 10).isEmpty && table.nextEnd == 10)
        #expect(table.removeEnded(now: 100, limit: 2).map(\.target) == ["b", "d"])
        #expect(table.removeEnded(now: 100).map(\.target) == ["a"])
        #expect(table.count == 1 && table.total == 4 && table.nextEnd == nil)
    }

    @Test("a longer ban moves the end, a shorter one does not; it counts from where the first began")
    func prolongs() throws {
        var table = BanTable()
        _ = table.add(ban("a", 100, 60), now: 100)
        #expect(table.add(ban("a", 110, 10), now: 110) == .standing(ban("a", 100, 60)))
        #expect(table.add(ban("a", 120, 60), now: 120) == .prolonged(ban("a", 100, 80)))
        // From an older line: fail2ban gives the whole time from the standing ban's beginning.
        #expect(table.add(ban("a", 90, 200), now: 120) == .prolonged(ban("a", 100, 200)))
        #expect(table.removeEnded(now: 299).isEmpty)
        #expect(table.add(ban("a", 120, -1), now: 120) == .prolonged(ban("a", 100, -1)))
        #expect(table.removeEnded(now: 1e9).isEmpty && table.count == 1 && table.total == 1)
        #expect(table.add(ban("b", 0, 60), now: 61) == .expired)
    }

    @Test("a full table lifts what ends first, and takes nothing where all is for ever")
    func full() {
        var table = BanTable(capacity: 2)
        _ = table.add(ban("a", 0, 20), now: 0)
        _ = table.add(ban("b", 0, 10), now: 0)
        #expect(table.add(ban("c", 0, -1), now: 0) == .added(lifted: ban("b", 0, 10)))
        #expect(table.add(ban("d", 0, -1), now: 0) == .added(lifted: ban("a", 0, 20)))
        #expect(table.add(ban("e", 0, 10), now: 0) == .full)
        #expect(table.evicted == 2 && table.count == 2)
    }

    @Test("a ban comes back as it was; lines and groups are kept of the latest only")
    func texts() throws {
        var table = BanTable()
        var made: [Ban] = []
        for number in 0..<5000 {
            var ban = ban(address(number), Double(number), 60)
            (ban.count, ban.failures) = (3, 7)
            ban.origin = number % 2 == 0 ? .manual("\(number % 10)") : .list("drop")
            ban.matches = [String(repeating: "x", count: 1000)]
            ban.groups = ["user": "\(number)"]
            made.append(ban)
            _ = table.add(ban, now: 0)
        }
        #expect(table[address(4999)] == made[4999])
        var bare = made[0]
        (bare.matches, bare.groups) = ([], [:])
        #expect(table[address(0)] == bare)
        let kept = table.all.count { !$0.matches.isEmpty }
        #expect(kept > 500 && kept < 1200, "\(kept)")
        #expect(table.remove(address(4999)) == made[4999])
        // A number that is used again brings nothing of whom it belonged to.
        #expect(table.add(ban(address(9999), 0, 60), now: 0) == .added(lifted: nil))
        #expect(table[address(9999)] == ban(address(9999), 0, 60))
        for number in 0..<4999 { #expect(table.remove(address(number))?.target == address(number)) }
    }

    @Test("networks hold their addresses")
    func covering() throws {
        var table = BanTable()
        for text in ["192.0.2.0/24", "2001:db8::/32", "203.0.113.7"] {
            _ = table.add(ban(BanTarget(text), 0, 60), now: 0)
        }
        func holder(_ text: String) -> String? {
            IPNetwork(text).flatMap { table.covering($0) }.map { $0.target.description }
        }
        #expect(holder("192.0.2.9") == "192.0.2.0/24" && holder("192.0.2.128/25") == "192.0.2.0/24")
        #expect(holder("2001:db8:1::1") == "2001:db8::/32")
        #expect(holder("192.0.3.1") == nil && holder("203.0.113.7") == nil && holder("192.0.2.0/24") == nil)
        #expect(table.remove("192.0.2.0/24") != nil && holder("192.0.2.9") == nil)
    }

    @Test("it agrees with the plain way on any order of bans, longer bans, unbans and ends")
    func agrees() {
        var random = SeededRandom(seed: SeededRandom.seed())
        for _ in 0..<30 {
            var table = BanTable()
            var plain: [BanTarget: Ban] = [:]
            var now = 0.0
            for _ in 0..<300 {
                now += Double(Int.random(in: 0...3, using: &random))
                let target = address(Int.random(in: 0..<40, using: &random))
                switch Int.random(in: 0..<4, using: &random) {
                case 0, 1:
                    let ban = ban(target, now, Double(Int.random(in: 1...100, using: &random)))
                    _ = table.add(ban, now: now)
                    if var old = plain[target] {
                        if ban.end > old.end { old.duration = ban.end - old.time }
                        plain[target] = old
                    } else {
                        plain[target] = ban
                    }
                case 2: #expect(table.remove(target) == plain.removeValue(forKey: target))
                default:
                    let ended = table.removeEnded(now: now)
                    let expected = plain.values.filter { $0.end < now }
                    #expect(Set(ended.map(\.target)) == Set(expected.map(\.target)))
                    #expect(ended.map(\.end) == ended.map(\.end).sorted())
                    for ban in expected { plain[ban.target] = nil }
                }
                #expect(table.count == plain.count)
            }
            #expect(
                table.all.sorted { $0.target.description < $1.target.description }
                    == plain.values.sorted { $0.target.description < $1.target.description })
        }
    }

    @Test("with many bans one more takes far less than a millisecond")
    func large() {
        var table = BanTable()
        for number in 0..<20_000 {
            _ = table.add(ban(address(number), 0, Double(1 + number * 7919 % 20_011)), now: 0)
        }
        let time = ContinuousClock().measure {
            for number in 20_000..<20_100 { _ = table.add(ban(address(number), 0, Double(number % 977)), now: 0) }
        }
        print("one more of 20,000: \(time / 100)")
        #expect(time / 100 < .milliseconds(1))
        #expect(table.removeEnded(now: 1000).count > 900 && table.count < 20_000)
    }
}
