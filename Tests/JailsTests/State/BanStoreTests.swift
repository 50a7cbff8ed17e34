import Bytes
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import Jails

@Suite("The state of bans")
struct BanStoreTests {
    private let files: ConfigurationFiles
    private var directory: String { files.path + "/bans" }

    init() throws { files = try ConfigurationFiles([:]) }

    private func store(
        at now: Double = 1_000_000, limits: BanStore.Limits = BanStore.Limits(), faults: DiskFaults = DiskFaults(),
        in directory: String? = nil
    ) -> BanStore {
        BanStore(directory: directory ?? self.directory, limits: limits, faults: faults) { now }
    }

    static func ban(_ target: String, jail: String = "sshd", time: Double = 999_900, duration: Double = 600) -> Ban {
        var ban = Ban(jail: jail, target: BanTarget(target), time: time, duration: duration)
        ban.failures = 5
        return ban
    }

    @Test("bans, counts, origins, groups and positions are known after a restart")
    func restart() throws {
        do {
            let store = store()
            #expect(store.trouble == [])
            var first = Self.ban("192.0.2.1")
            first.groups = ["user": "root", "fport": "22"]
            first.matches = ["Failed password for root from 192.0.2.1"]
            store.add(first)
            var second = Self.ban("2001:db8::/64", jail: "nginx", duration: -1)
            second.count = 7
            second.origin = .manual("an order of the court")
            store.add(second)
            store.add(Self.ban("alice", jail: "users"))
            store.add(Self.ban("192.0.2.9"))
            store.setPosition("file:/var/log/auth.log", [1, 2, 3])
            store.setPosition("gone", [9])
            store.setPosition("gone", nil)
            store.commit()
            var longer = first
            longer.duration = 1200
            longer.groups = [:]
            store.prolong(longer)
            store.end(Self.ban("192.0.2.9"), why: "its time was over")
            store.commit()
            #expect(store.numbers.failure == nil)
        }
        let store = store()
        #expect(store.trouble == [])
        #expect(store.numbers.active == 3)
        #expect(store.numbers.remembered == 4)
        let bans = store.bans(of: nil, withGroups: true).sorted { $0.target.description < $1.target.description }
        #expect(bans.map(\.target.description) == ["192.0.2.1", "2001:db8::/64", "alice"])
        #expect(bans.allSatisfy { $0.isRestored && $0.matches.isEmpty })
        #expect(bans[0].groups == ["user": "root", "fport": "22"])
        #expect(bans[0].duration == 1200)
        #expect(bans[0].failures == 5)
        #expect(bans[1].origin == .manual("an order of the court"))
        #expect(bans[1].count == 7)
        #expect(bans[1].end == .infinity)
        #expect(store.bans(of: "users").count == 1)
        #expect(store.record(of: BanTarget("192.0.2.9"), in: "sshd")?.count == 1)
        #expect(store.position("file:/var/log/auth.log") == [1, 2, 3])
        #expect(store.positionSources == ["file:/var/log/auth.log"])
    }

    @Test("counts of all jails add up; a forgiven target has none")
    func counting() {
        let store = store()
        let target = BanTarget("192.0.2.1")
        for (jail, count) in [("sshd", 3), ("nginx", 2)] {
            var ban = Self.ban("192.0.2.1", jail: jail, time: 999_000 + Double(count))
            ban.count = count
            store.add(ban)
        }
        #expect(store.record(of: target, in: "sshd") == BanRecord(count: 3, lastTime: 999_003, lastDuration: 600))
        #expect(store.record(of: target, in: nil) == BanRecord(count: 5, lastTime: 999_003, lastDuration: 600))
        #expect(store.record(of: target, in: "other") == nil)
        store.remove(target, in: "sshd")
        #expect(store.record(of: target, in: nil)?.count == 2)
        store.remove(target, in: nil)
        #expect(store.record(of: target, in: nil) == nil)
        store.commit()
        #expect(self.store().record(of: target, in: nil) == nil)
        #expect(self.store().numbers.active == 0)
    }

    @Test("what is over is remembered for three times its duration, and for a least time")
    func forgetting() {
        do {
            let store = store()
            store.add(Self.ban("192.0.2.1", time: 900_000, duration: 100_000))
            store.add(Self.ban("192.0.2.2", time: 900_000, duration: 600))
            store.add(Self.ban("192.0.2.3", time: 900_000, duration: -1))
            store.end(Self.ban("192.0.2.1"), why: "")
            store.commit()
        }
        let soon = store(at: 900_000 + 86_000)
        #expect(soon.numbers.remembered == 3)
        let later = store(at: 900_000 + 90_000)
        #expect(later.record(of: BanTarget("192.0.2.2"), in: nil) == nil)
        #expect(later.record(of: BanTarget("192.0.2.1"), in: nil) != nil)
        let last = store(at: 900_000 + 300_001)
        #expect(last.numbers.remembered == 1)
        #expect(last.bans(of: nil).map(\.target.description) == ["192.0.2.3"])
    }

    @Test("of too many that are over the oldest go; those that stand never do")
    func bound() {
        var limits = BanStore.Limits()
        limits.mostBans = 100
        let store = store(limits: limits)
        for number in 0..<150 {
            let ban = Ban(
                jail: "a", target: .network(IPNetwork(ipv4: UInt32(number))), time: 990_000 + Double(number),
                duration: number < 20 ? -1 : 20_000)
            store.add(ban)
            if number >= 20 { store.end(ban, why: "") }
        }
        store.commit()
        #expect(store.numbers.active == 20)
        #expect(store.numbers.remembered <= 100)
        #expect(store.record(of: .network(IPNetwork(ipv4: 149)), in: "a") != nil)
        #expect(store.record(of: .network(IPNetwork(ipv4: 25)), in: "a") == nil)
    }

    /// A store with a few commits, and how many bans stand after each of its records.
    private func sample() -> [UInt8] {
        let store = store()
        store.setPosition("log", [0])
        store.commit()
        for number in 1...6 {
            var ban = Self.ban("192.0.2.\(number)")
            ban.groups = ["user": "u\(number)"]
            store.add(ban)
            store.setPosition("log", [UInt8(number)])
            store.commit()
        }
        return bytes(directory + "/bans.state")
    }

    private func bytes(_ path: String) -> [UInt8] {
        guard let file = fopen(path, "r") else { return [] }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&bytes, 1, bytes.count, file)
        return Array(bytes[..<count])
    }

    @Test("a state cut at any byte loses the end and nothing else, and is gone on with")
    func torn() throws {
        let whole = sample()
        var last = 0
        for length in 0...whole.count {
            try files.write("bans/bans.state", bytes: Array(whole[..<length]))
            let store = store()
            let bans = store.bans(of: nil, withGroups: true)
            #expect(bans.count >= last, "at \(length)")
            last = bans.count
            // A position is never ahead of its bans.
            #expect(Int(store.position("log")?[0] ?? 0) <= bans.count)
            #expect(bans.allSatisfy { $0.groups["user"]?.hasPrefix("u") == true }, "at \(length)")
            store.add(Self.ban("198.51.100.1"))
            store.commit()
            #expect(self.store().numbers.active == bans.count + 1, "at \(length)")
        }
        #expect(last == 6)
    }

    @Test("a damaged byte costs the record it is in")
    func damaged() throws {
        let whole = sample()
        for place in 0..<whole.count {
            var bytes = whole
            bytes[place] ^= 0x41
            try files.write("bans/bans.state", bytes: bytes)
            let store = store()
            #expect(!store.trouble.isEmpty)
            #expect(place < BanStateFile.headerSize || store.numbers.active >= 5, "at \(place)")
            store.commit()
            let again = self.store()
            #expect(again.trouble == [])
            #expect(again.numbers.active == store.numbers.active)
            let bans = again.bans(of: nil, withGroups: true)
            #expect(bans.allSatisfy { $0.groups["user"]?.hasPrefix("u") == true }, "at \(place)")
        }
    }

    @Test("random bytes are no state and do no harm")
    func fuzz() throws {
        var random = SeededRandom(seed: SeededRandom.seed())
        let whole = sample()
        for _ in 0..<300 {
            var bytes = Bool.random(using: &random) ? whole : Array(whole[..<BanStateFile.headerSize])
            for _ in 0..<Int.random(in: 1...40, using: &random) {
                let place = Int.random(in: 0...bytes.count, using: &random)
                if Bool.random(using: &random), place < bytes.count {
                    bytes[place] = .random(in: 0...255, using: &random)
                } else {
                    bytes.insert(.random(in: 0...255, using: &random), at: place)
                }
            }
            try files.write("bans/bans.state", bytes: bytes)
            try files.write("bans/events", bytes: bytes)
            let store = store()
            store.add(Self.ban("198.51.100.1"))
            store.commit()
            #expect(self.store().record(of: BanTarget("198.51.100.1"), in: "sshd")?.count == 1)
            let record = bytes.shuffled(using: &random)
            _ = BanEvent(record.span.bytes)
            var bans = RememberedBans()
            for kind in UInt8(0)...6 { _ = bans.apply(([kind] + record).span.bytes, at: 16) }
        }
    }

    @Test("files taken away at any moment of writing are a state from before or after it")
    func copies() throws {
        let faultDirectory = directory
        let copy = files.path + "/copy"
        // Before each write and each fdatasync the directory is what a kill -9 would leave.
        let seen = Mutex<[Int]>([])
        let take: @Sendable () -> Void = {
            system("rm -rf '\(copy)'; cp -r '\(faultDirectory)' '\(copy)'")
            let store = BanStore(directory: copy) { 1_000_000 }
            seen.withLock { $0.append(store.numbers.active) }
        }
        let faults = DiskFaults(
            write: { _ in
                take()
                return (0, 0)
            },
            synchronize: {
                take()
                return 0
            })
        let store = store(faults: faults)
        for number in 1...8 {
            store.add(Self.ban("192.0.2.\(number)"))
            store.commit()
            if number == 4 { unlink(directory + "/bans.state") }
        }
        take()
        let counts = seen.withLock { $0 }
        #expect(counts.max() == 8)
        // Whoever deletes the file while nothing is written loses what was in it, until the next commit writes all of it.
        #expect(counts.filter { $0 == 0 }.count <= 8)
        #expect(counts.last == 8)
    }

    @Test("a full disk costs nothing but durability, is told, and is written to once it takes more")
    func fullDisk() {
        let box = Faulty()
        let faults = DiskFaults(write: { _ in box.isFull ? (ENOSPC, 3) : (0, 0) })
        let store = BanStore(directory: directory, faults: faults) { box.now }
        store.add(Self.ban("192.0.2.1"))
        store.commit()
        box.set(isFull: true)
        store.add(Self.ban("192.0.2.2"))
        store.commit()
        #expect(store.numbers.failure?.contains("No space left") == true)
        #expect(store.record(of: BanTarget("192.0.2.2"), in: "sshd")?.count == 1)
        #expect(store.numbers.lostEvents == 1)
        store.setPosition("log", [1])
        store.commit()
        // Whatever is on disk is from before.
        #expect(self.store(in: copyOf(directory)).numbers.active == 1)
        box.set(isFull: false, later: 5)
        store.commit()
        #expect(store.numbers.failure == nil)
        let again = self.store()
        #expect(again.trouble == [])
        #expect(again.numbers.active == 2)
        #expect(again.position("log") == [1])
    }

    private final class Faulty: Sendable {
        private let state = Mutex((isFull: false, now: 1_000_000.0))
        var isFull: Bool { state.withLock { $0.isFull } }
        var now: Double { state.withLock { $0.now } }
        func set(isFull: Bool, later: Double = 0) { state.withLock { $0 = (isFull, $0.now + later) } }
    }

    private func copyOf(_ directory: String) -> String {
        system("rm -rf '\(files.path)/copy'; cp -r '\(directory)' '\(files.path)/copy'")
        return files.path + "/copy"
    }

    @Test("a directory that is deleted meanwhile is written anew")
    func deleted() {
        let store = store()
        store.add(Self.ban("192.0.2.1"))
        store.commit()
        system("rm -rf '\(directory)'")
        store.add(Self.ban("192.0.2.2"))
        store.commit()
        #expect(store.numbers.failure == nil)
        #expect(self.store().numbers.active == 2)
    }

    @Test("the file does not grow with changes that say the same thing")
    func rewriting() {
        let store = store()
        var early = Self.ban("203.0.113.1")
        early.groups = ["user": "early"]
        store.add(early)
        for number in 0..<25_000 {
            var ban = Self.ban("192.0.2.\(number % 10)")
            ban.groups = ["user": "u\(number % 10)"]
            store.add(ban)
            if number % 100 == 0 {
                store.setPosition("log", [UInt8(truncatingIfNeeded: number)])
                store.commit()
            }
        }
        store.commit()
        #expect(bytes(directory + "/bans.state").count < 1 << 20)
        let bans = self.store().bans(of: nil, withGroups: true)
        #expect(bans.count == 11)
        for ban in bans where ban.target == early.target { #expect(ban.groups == early.groups) }
        for ban in bans where ban.target != early.target {
            #expect(ban.groups["user"] == "u\(ban.target.description.dropFirst(8))")
        }
    }
}
