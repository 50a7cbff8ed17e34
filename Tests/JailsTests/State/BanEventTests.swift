import Bytes
import Glibc
import Testing

@testable import Jails

@Suite("The history of bans")
struct BanEventTests {
    private let files: ConfigurationFiles
    private var directory: String { files.path + "/bans" }

    init() throws { files = try ConfigurationFiles([:]) }

    @Test("is read on: each event once, through restarts and while files take each other's place")
    func following() throws {
        var limits = BanStore.Limits()
        limits.historySize = 16 << 10
        var store = BanStore(directory: directory, limits: limits) { 1_000_000 }
        #expect(try store.events(after: nil).position == nil)
        var position: BanEventPosition?
        var found: [Int] = []
        func follow() throws {
            while true {
                let (events, next) = try store.events(after: position.flatMap { BanEventPosition(encoded: $0.encoded) })
                position = next
                if events.isEmpty { return }
                found += events.map { Int($0.time) }
            }
        }
        for number in 0..<1000 {
            store.note(BanEvent(.observed, BanStoreTests.ban("192.0.2.1"), time: Double(number)))
            store.commit()
            if number % 40 == 7 { try follow() }
            if number == 500 { store = BanStore(directory: directory, limits: limits) { 1_000_000 } }
        }
        try follow()
        #expect(found == Array(0..<1000))
        // Who was away for too long has what is left.
        position = BanEventPosition(file: (-1.0).bitPattern, offset: 9999)
        found = []
        try follow()
        #expect(found.count > 100 && found == Array((1000 - found.count)..<1000))
        #expect(BanEventPosition(encoded: [1]) == nil)
    }

    @Test("waits for what comes")
    func waiting() {
        let store = BanStore(directory: directory) { 1_000_000 }
        let batches = store.eventBatches
        store.commit()
        #expect(store.eventBatches == batches)
        store.note(BanEvent(.observed, BanStoreTests.ban("192.0.2.1"), time: 1))
        store.commit()
        store.waitForEvents(after: batches, seconds: 60) { false }
        #expect(store.eventBatches == batches + 1)
        store.waitForEvents(after: batches + 1, seconds: 60) { true }
    }

    @Test(
        "has its fields for a log",
        arguments: [
            ("203.0.113.9", "203.0.113.0/24"), ("203.0.0.0/16", "203.0.0.0/16"),
            ("2001:db8:1:2::3", "2001:db8:1:2::/64"),
            ("alice", nil),
        ] as [(String, String?)])
    func fields(target: String, network: String?) {
        var ban = BanStoreTests.ban(target)
        ban.origin = .manual("enough")
        ban.matches = ["not told"]
        let fields = BanEvent(.unbanned, ban, why: "its time is over", time: 1).fields
        let expected = [
            "event=unbanned", "jail=sshd", "address=\(target)", network.map { "network=\($0)" },
            "until=1970-01-12T13:55:00.000Z", "count=1", "failures=5", "origin=manual", "origin_name=enough",
            "reason=its time is over",
        ].compactMap { $0 }
        #expect(fields.map { "\($0.name)=\($0.value)" } == expected)
        ban.duration = -1
        #expect(BanEvent(.banned, ban, time: 1).fields.contains { $0 == ("until", "forever") })
    }

    @Test("tells who was banned, why, and how it ended")
    func events() throws {
        let store = BanStore(directory: directory) { 1_000_000 }
        var ban = BanStoreTests.ban("192.0.2.1")
        ban.matches = ["one", "two"]
        ban.groups = ["user": "root"]
        store.add(ban)
        store.end(ban, why: "a person said so")
        store.note(
            BanEvent(.ignored, BanStoreTests.ban("198.51.100.1"), why: "ignoreip 198.51.100.0/24", time: 1_000_001))
        store.commit()
        let all = try store.events(BanEventQuery())
        #expect(all.map(\.kind) == [.banned, .unbanned, .ignored])
        #expect(all[0].ban == ban)
        #expect(all[1].why == "a person said so")
        #expect(all[2].time == 1_000_001)

        var query = BanEventQuery()
        query.target = BanTarget("192.0.2.0/24")
        #expect(try store.events(query).count == 2)
        query.limit = 1
        #expect(try store.events(query).map(\.kind) == [.unbanned])
        query = BanEventQuery()
        query.jail = "nginx"
        #expect(try store.events(query) == [])
        #expect(try BanStore.events(in: files.path + "/nothing", BanEventQuery()) == [])

        var json = JSONWriter()
        all[0].write(into: &json)
        let text = String(decoding: json.written(), as: UTF8.self)
        #expect(
            text
                == #"{"time":"1970-01-12T13:46:40.000Z","event":"banned","jail":"sshd","target":"192.0.2.1","duration":600.0,"#
                + #""banned_at":"1970-01-12T13:45:00.000Z","end":"1970-01-12T13:55:00.000Z","count":1,"failures":5,"origin":"failures","matches":["one","two"]}"#
        )
    }

    @Test("keeps to its bound, the newest staying")
    func bound() throws {
        var limits = BanStore.Limits()
        limits.historySize = 64 << 10
        let store = BanStore(directory: directory, limits: limits) { 1_000_000 }
        for number in 0..<5000 {
            store.note(BanEvent(.observed, BanStoreTests.ban("192.0.2.1"), why: "\(number)", time: Double(number)))
            if number % 7 == 0 { store.commit() }
        }
        store.commit()
        #expect(store.numbers.diskBytes < 66 << 10)
        let events = try store.events(BanEventQuery())
        #expect(events.count > 300)
        #expect(events.last?.why == "4999")
        for (before, after) in zip(events, events.dropFirst()) { #expect(before.time + 1 == after.time) }
    }

    @Test("an end torn at any byte is cut off and gone on from")
    func torn() throws {
        do {
            let store = BanStore(directory: directory) { 1_000_000 }
            for number in 1...3 { store.add(BanStoreTests.ban("192.0.2.\(number)")) }
            store.commit()
        }
        let path = directory + "/events"
        var status = stat()
        stat(path, &status)
        for length in stride(from: Int(status.st_size), through: 0, by: -1) {
            truncate(path, off_t(length))
            do {
                let store = BanStore(directory: directory) { 1_000_000 }
                store.note(BanEvent(.observed, BanStoreTests.ban("198.51.100.1"), time: 5))
                store.commit()
                #expect(try store.events(BanEventQuery()).last?.kind == .observed, "at \(length)")
            }
            truncate(path, off_t(length))
        }
    }

    @Test("texts that somebody else chose the length of are cut")
    func cutting() throws {
        let store = BanStore(directory: directory) { 1_000_000 }
        var ban = BanStoreTests.ban("192.0.2.1")
        ban.matches = Array(repeating: String(repeating: "ä", count: 5000), count: 50)
        ban.groups = Dictionary(uniqueKeysWithValues: (0..<50).map { ("g\($0)", String(repeating: "€", count: 500)) })
        ban.origin = .manual(String(repeating: "x", count: 5000))
        store.add(ban)
        store.add(Ban(jail: "users", target: .text(String(repeating: "u", count: 5000)), time: 1, duration: -1))
        store.commit()
        #expect(store.numbers.refused == 1)
        let event = try #require(try store.events(BanEventQuery()).first)
        #expect(event.ban.matches.count == 10)
        #expect(event.ban.matches[0] == String(repeating: "ä", count: 512))
        #expect(event.ban.groups.count == 16)
        let again = BanStore(directory: directory) { 1_000_000 }
        let kept = try #require(again.bans(of: nil, withGroups: true).first)
        #expect(kept.groups["g0"] == String(repeating: "€", count: 85))
        #expect(kept.origin == .manual(String(repeating: "x", count: 256)))
    }

    @Test("counts bans by network")
    func networks() throws {
        let store = BanStore(directory: directory) { 1_000_000 }
        for address in [
            "192.0.2.1", "192.0.2.7", "198.51.100.1", "2001:db8:1::1", "2001:db8:1:2::1", "2001:db8:1:3::1",
        ] {
            store.add(BanStoreTests.ban(address))
        }
        store.commit()
        let top = try BanStore.topNetworks(in: directory, BanEventQuery())
        #expect(top.map { "\($0.network) \($0.bans)" } == ["2001:db8:1::/48 3", "192.0.2.0/24 2", "198.51.100.0/24 1"])
    }
}
