import Bytes
import Glibc
import Synchronization
import Telemetry
import Testing

@testable import Jails

/// Remembers what it was asked for.
private final class RecordingAction: CheckingBanAction {
    let name = "recorder"
    let changes = Condition<[BanChange]>([])
    let restored = Mutex<[Ban]>([])

    func start(restoring bans: [Ban], now: Double) { restored.withLock { $0 += bans } }
    func apply(_ new: [BanChange], now: Double) { changes.change { $0 += new } }
    func stop(isRemoved: Bool) {}
    let reloads = Condition(0)
    func check(now: Double) {}
    func reload(now: Double) { reloads.change { $0 += 1 } }

    func first(within seconds: Double = 10, _ isWanted: @escaping (BanChange) -> Bool) -> BanChange? {
        changes.wait(until: Timestamp.monotonic.adding(seconds: seconds)) { $0.first(where: isWanted) }
    }
}

private final class Observer: JailObserver {
    let events = Mutex<[String]>([])
    let lines = Mutex(0)
    let undated = Mutex(0)
    let problems = Mutex<[String: String]>([:])
    func observed(_ event: JailEvent, in jail: String, now: Double) { events.withLock { $0.append(event.name) } }
    func read(lines count: Int, undated: Int, in jail: String) {
        self.undated.withLock { $0 += undated }
        lines.withLock { $0 += count }
    }
    func troubled(_ new: [String: String]) { problems.withLock { $0 = new } }
}

@Suite struct JailCrewTests {
    private let files: ConfigurationFiles
    private let action = RecordingAction()
    private let observer = Observer()
    private let listed = AllowedNetworks()

    init() throws {
        files = try ConfigurationFiles([
            "filter.d/door.conf": """
            [Definition]
            failregex = ^\\s*doord: no entry from <HOST>$
            """,
            "log/door.log": "",
        ])
    }

    private func plan(
        _ name: String = "door", sources: [JailSource]? = nil, _ change: (inout JailSettings) -> Void = { _ in }
    ) throws -> JailPlan {
        var settings = JailSettings(name: name)
        settings.maximumRetries = 3
        settings.banTime = 3600
        change(&settings)
        let directory = files.path
        return JailPlan(
            settings: settings, fingerprint: name,
            sources: sources ?? [.files([.init(pattern: directory + "/log/*.log", isFromTail: false)])],
            makeFilter: { now throws(JailConfigurationError) in
                try Filter(try FilterDefinition(name: "door", directory: directory), now: now)
            }, actions: [.other(name: "recorder") { [action] _ in action }])
    }

    private func crew(_ plans: [JailPlan]) -> (JailCrew, BanStore) {
        var settings = LockoutGuard.Settings()
        settings.allowed = [IPNetwork(ipv4: 0xc633_6401)]
        let guarding = LockoutGuard(settings, listed: listed, ownAddresses: { [] })
        let store = BanStore(directory: files.path + "/bans")
        let surroundings = CrewSurroundings(
            store: store, streams: nil, observer: observer, guarding: guarding, commands: nil,
            makeLane: { action, jail in
                guard case .other(let name, let make) = action else { return nil }
                let context = ActionContext(name: name)
                return ActionLane(
                    make(context), context: context, metrics: MetricRegistry(), readiness: Readiness(),
                    holding: { store.bans(of: jail) })
            })
        return (JailCrew(plans, surroundings), store)
    }

    private func fail(_ address: String, times: Int, log: String = "log/door.log") throws {
        let now = Int(time(nil))
        try files.append(log, String(repeating: "\(now) doord: no entry from \(address)\n", count: times))
    }

    private func wait(_ crew: JailCrew, lines: Int) {
        for _ in 0..<1000 where observer.lines.withLock({ $0 }) < lines { usleep(10_000) }
    }

    @Test func `bans who fails too often, at once, and remembers it`() throws {
        let (crew, _) = crew([try plan()])
        try fail("203.0.113.1", times: 2)
        try fail("203.0.113.2", times: 3)
        let change = action.first { _ in true }
        #expect(change?.ban.target == BanTarget("203.0.113.2"))
        #expect(change?.ban.failures == 3)
        #expect(crew.ask { $0.bans(jail: nil, target: nil) }?.map(\.target) == [BanTarget("203.0.113.2")])
        #expect(crew.ask { $0.statuses.map(\.status.failing) } == [1])
        #expect(
            crew.ask { $0.explanation(of: BanTarget("203.0.113.1"), now: 0) }?.first
                == "[door] 2 failures, which count as 2 of 3")
        crew.stop(within: 2)

        // On a busy machine the action may have begun after the ban.
        action.restored.withLock { $0 = [] }
        let (again, store) = self.crew([try plan()])
        // The log is read again from where failures still count: nothing new comes of it.
        wait(again, lines: 10)
        #expect(again.ask { $0.bans(jail: nil, target: nil) }?.map(\.isRestored) == [true])
        #expect(action.restored.withLock { $0.map(\.target) } == [BanTarget("203.0.113.2")])
        // The one failure that lacked.
        try fail("203.0.113.1", times: 1)
        #expect(action.first { $0.ban.target == BanTarget("203.0.113.1") } != nil)
        #expect(store.record(of: BanTarget("203.0.113.2"), in: "door")?.count == 1)
        again.stop(within: 2)
    }

    @Test func `forgives, also what it reads again`() throws {
        let (crew, _) = crew([try plan()])
        try fail("203.0.113.3", times: 3)
        #expect(action.first { _ in true } != nil)
        let now = Timestamp.now.secondsSince1970
        #expect(crew.ask { $0.unban(BanTarget("203.0.113.0/24"), jail: nil, now: now) } == 1)
        #expect(action.first { $0.kind == .unban } != nil)
        crew.stop(within: 2)
        let (again, _) = self.crew([try plan()])
        wait(again, lines: 6)
        #expect(again.ask { $0.bans(jail: nil, target: nil) } == [])
        again.stop(within: 2)
    }

    @Test func `bans nobody who is to get in`() throws {
        let (crew, store) = crew([try plan()])
        try fail("198.51.100.1", times: 5)
        wait(crew, lines: 5)
        _ = crew.ask { _ in }
        #expect(observer.events.withLock { $0.contains("guarded") })
        #expect(crew.ask { $0.bans(jail: nil, target: nil) } == [])
        let now = Timestamp.now.secondsSince1970
        let answer = crew.ask {
            $0.ban(BanTarget("198.51.100.1"), jail: "door", duration: nil, origin: .manual(""), now: now)
        }
        #expect(answer.map { (try? $0.get()) == nil } == true)
        crew.stop(within: 2)
        #expect(store.bans(of: nil) == [])
    }

    @Test func `does nothing but tell in a jail that observes`() throws {
        let (crew, store) = crew([try plan { $0.isObserving = true }])
        try fail("203.0.113.4", times: 3)
        for _ in 0..<500 where !observer.events.withLock({ $0.contains("observed") }) { usleep(10_000) }
        #expect(observer.events.withLock { $0.filter { $0 == "observed" }.count } == 1)
        #expect(crew.ask { $0.bans(jail: nil, target: nil) }?.count == 1)
        crew.stop(within: 2)
        #expect(store.bans(of: nil) == [])
        #expect(action.changes.withLock { $0 } == [])
    }

    @Test func `counts bans of other jails for repeated offenders`() throws {
        let (crew, _) = crew([
            try plan(), try plan("window"),
            try plan("recidive", sources: [.bans]) { $0.maximumRetries = 2 },
        ])
        try fail("203.0.113.5", times: 3)
        #expect(action.first { $0.ban.jail == "recidive" }?.ban.target == BanTarget("203.0.113.5"))
        crew.stop(within: 2)
    }

    @Test func `does what other hosts say; a host lifts only what no other wants, and nothing of this one`() throws {
        let (crew, store) = crew([try plan("peers", sources: []), try plan()])
        let now = Timestamp.now.secondsSince1970
        func say(_ target: String, _ host: String, lifts: Bool = false) -> Bool? {
            var ban = Ban(jail: "sshd", target: BanTarget(target), time: now - 100, duration: 700)
            ban.origin = .peer(host)
            let change: BanChange = lifts ? .unban(ban) : .ban(ban)
            return crew.ask { $0.take([change], jail: "peers", now: now) }
        }
        func held(_ target: String, in jail: String = "peers") -> Ban? {
            store.bans(of: jail).first { $0.target == BanTarget(target) }
        }
        #expect(say("203.0.113.7", "a") == true)
        // When it is said to be done the store knows of it, to the second.
        #expect(held("203.0.113.7")?.origin == .peer("a"))
        #expect(abs((held("203.0.113.7")?.end ?? 0) - (now + 600)) < 1)
        #expect(say("203.0.113.7", "b") == true)
        _ = say("203.0.113.7", "a", lifts: true)
        #expect(held("203.0.113.7") != nil)
        _ = say("203.0.113.7", "c", lifts: true)
        #expect(held("203.0.113.7") != nil)
        _ = say("203.0.113.7", "b", lifts: true)
        #expect(held("203.0.113.7") == nil)
        // A network that is lifted takes no single ban along, nor one of another jail.
        _ = say("203.0.113.0/24", "a")
        _ = say("203.0.113.8", "b")
        _ = crew.ask { $0.ban(BanTarget("203.0.113.9"), jail: "door", duration: 60, origin: .manual(""), now: now) }
        _ = say("203.0.113.0/24", "a", lifts: true)
        _ = say("203.0.113.9", "a", lifts: true)
        #expect(held("203.0.113.0/24") == nil && held("203.0.113.8") != nil && held("203.0.113.9", in: "door") != nil)
        // Nobody who is to get in.
        _ = say("198.51.100.1", "a")
        #expect(held("198.51.100.1") == nil)
        #expect(crew.ask { $0.take([], jail: "none", now: now) } == false)
        crew.stop(within: 2)
        // Of bans from before a start the one that banned it first has the say.
        let (again, later) = self.crew([try plan("peers", sources: [])])
        var ban = Ban(jail: "sshd", target: BanTarget("203.0.113.8"), time: now, duration: 600)
        for (host, isHeld) in [("a", true), ("b", false)] {
            ban.origin = .peer(host)
            let change = BanChange.unban(ban)
            _ = again.ask { $0.take([change], jail: "peers", now: now) }
            #expect(later.bans(of: "peers").isEmpty != isHeld)
        }
        again.stop(within: 2)
        let (watching, _) = self.crew([try plan("peers", sources: []) { $0.isObserving = true }])
        ban.origin = .peer("a")
        let change = BanChange.ban(ban)
        #expect(watching.ask { $0.take([change], jail: "peers", now: now) } == false)
        watching.stop(within: 2)
    }

    @Test func `reads what comes later: a file of the pattern, and one that was rotated`() throws {
        let (crew, _) = crew([try plan()])
        _ = crew.ask { _ in }
        try files.write("log/new.log", "")
        try fail("203.0.113.6", times: 2, log: "log/new.log")
        rename(files.path + "/log/new.log", files.path + "/log/new.log.1")
        try fail("203.0.113.6", times: 1, log: "log/new.log")
        #expect(action.first { _ in true }?.ban.target == BanTarget("203.0.113.6"))
        crew.stop(within: 2)
    }

    @Test func `counts lines without a date that can be read`() throws {
        let (crew, _) = crew([try plan()])
        _ = crew.ask { _ in }
        try files.append("log/door.log", "doord: no entry\ndoord: no entry\n")
        wait(crew, lines: 2)
        #expect(observer.undated.withLock { $0 } == 2)
        try fail("203.0.113.8", times: 1)
        wait(crew, lines: 3)
        #expect(observer.undated.withLock { $0 } == 2)
        // For a minute a line has the date of the one before.
        try files.append("log/door.log", "doord: no entry\n")
        wait(crew, lines: 4)
        #expect(observer.undated.withLock { $0 } == 2)
        crew.stop(within: 2)
    }

    @Test func `tells actions that the configuration was read again`() throws {
        let (crew, _) = crew([try plan()])
        _ = crew.ask { $0.reload() }
        #expect(action.reloads.wait(until: Timestamp.monotonic.adding(seconds: 10)) { $0 == 1 ? true : nil } == true)
        crew.stop(within: 2)
    }

    @Test func `a jail that cannot run stops no other`() throws {
        var broken = try plan("broken")
        broken.makeFilter = { _ throws(JailConfigurationError) in
            throw JailConfigurationError(file: "broken.conf", line: 3, message: "expected a pattern")
        }
        let (crew, _) = crew([broken, try plan()])
        try fail("203.0.113.7", times: 3)
        #expect(action.first { _ in true } != nil)
        #expect(observer.problems.withLock { $0["jail broken"] } == "broken.conf:3: expected a pattern")
        crew.stop(within: 2)
    }

    @Test("who comes onto an allow list is let go, is not banned again, and not with a network either")
    func allowed() throws {
        let (crew, store) = crew([try plan()])
        try fail("203.0.113.2", times: 3)
        try fail("203.0.113.9", times: 3)
        #expect(action.first { $0.ban.target == BanTarget("203.0.113.9") } != nil)
        _ = crew.ask { $0.release(now: 0) }
        #expect(crew.ask { $0.bans(jail: nil, target: nil).count } == 2)
        listed.set([("friends", NetworkList([IPNetwork(ipv4: 0xcb00_7100, length: 29)]))])
        _ = crew.ask { $0.release(now: 0) }
        #expect(action.first { $0 == .unban($0.ban) }?.ban.target == BanTarget("203.0.113.2"))
        #expect(crew.ask { $0.bans(jail: nil, target: nil) }?.map(\.target) == [BanTarget("203.0.113.9")])
        var query = BanEventQuery()
        query.kinds = [.unbanned]
        #expect(try store.events(query).map(\.why) == ["203.0.113.0/29 is allowed by the list friends"])
        try fail("203.0.113.2", times: 3)
        wait(crew, lines: 9)
        #expect(crew.ask { $0.bans(jail: nil, target: nil).count } == 1)
        let by = "not banned: 203.0.113.0/29 is allowed by the list friends"
        for text in ["203.0.113.3", "203.0.113.0/24"] {
            let answer = crew.ask {
                $0.ban(
                    BanTarget(text), jail: "door", duration: nil, origin: .manual(""),
                    now: Timestamp.now.secondsSince1970)
            }
            if case .failure(let error)? = answer {
                #expect(error.description.hasSuffix(by))
            } else {
                Issue.record("\(text) is banned")
            }
        }
        crew.stop(within: 2)
        // Nor is a ban from before taken up again.
        listed.set([("friends", NetworkList([IPNetwork(ipv4: 0xcb00_7109)]))])
        let (again, _) = self.crew([try plan()])
        wait(again, lines: 18)
        #expect(
            again.ask { $0.bans(jail: nil, target: nil) }?.map(\.target).contains(BanTarget("203.0.113.9")) == false)
        again.stop(within: 2)
    }
}
