import Glibc
import Telemetry
import Testing

@testable import Jails

/// Records what it is asked for; may fail, or hang until the end.
final class StandInAction: BanAction {
    struct State {
        var calls: [String] = []
        var failures = 0
        var hangs = false
        /// Of all changes that it was given.
        var lineBytes = 0
    }

    let name = "stand-in"
    let state = Condition(State())
    let context: ActionContext

    init(context: ActionContext) { self.context = context }

    func start(restoring bans: [Ban], now: Double) throws(BanActionError) {
        try record("start \(bans.map(\.target))")
    }

    func apply(_ changes: [BanChange], now: Double) throws(BanActionError) {
        let bytes = changes.reduce(0) { $0 + $1.ban.matches.reduce(0) { $0 + $1.utf8.count } }
        state.change { $0.lineBytes += bytes }
        try record("\(changes.map { "\($0.kind) \($0.ban.target)" })")
        if state.withLock({ $0.hangs }) { context.stop.wait(seconds: 60) }
    }

    func stop(isRemoved: Bool) { state.change { $0.calls.append("stop \(isRemoved)") } }

    private func record(_ call: String) throws(BanActionError) {
        let fails = state.change { state in
            state.calls.append(call)
            defer { state.failures -= 1 }
            return state.failures > 0
        }
        if fails { throw BanActionError("no luck") }
    }

    func waits(for call: String) -> Bool {
        state.wait(until: Timestamp.monotonic.adding(seconds: 30)) { $0.calls.contains(call) ? true : nil } ?? false
    }
}

@Suite("Lanes of actions")
struct ActionLaneTests {
    private struct Bed {
        let context = ActionContext(name: "stand-in")
        let metrics = MetricRegistry()
        let readiness = Readiness()
        let holding = Condition<[Ban]>([])
        let action: StandInAction
        let lane: ActionLane

        init(_ limits: ActionLane.Limits = .init()) {
            action = StandInAction(context: context)
            let holding = holding
            lane = ActionLane(
                action, context: context, limits: limits, metrics: metrics, readiness: readiness
            ) { holding.withLock { $0 } }
        }

        func total(_ result: String) -> Int {
            Int(metrics.total("tocsin_ban_action_changes_total", matching: ["result": result]))
        }
    }

    private func ban(_ target: String) -> Ban { ShellActionTests.ban(target) }

    @Test("starts with the bans that hold, applies in order, stops")
    func order() {
        let bed = Bed()
        bed.holding.change { $0 = [ban("192.0.2.1")] }
        bed.lane.start()
        #expect(bed.action.waits(for: "start [192.0.2.1]"))
        bed.lane.submit([.ban(ban("192.0.2.2")), .unban(ban("192.0.2.1"))])
        #expect(bed.action.waits(for: #"["ban 192.0.2.2", "unban 192.0.2.1"]"#))
        #expect(bed.lane.stop(isRemoved: true, within: 5))
        let calls = bed.action.state.withLock { $0.calls }
        #expect(calls == ["start [192.0.2.1]", #"["ban 192.0.2.2", "unban 192.0.2.1"]"#, "stop true"])
        #expect(bed.total("ok") == 2 && bed.total("failed") == 0)
        #expect(bed.readiness.all.isEmpty)
    }

    @Test("lines of a megabyte that wait are cut where they come to too much, and counted; every ban is made")
    func lineBytes() {
        var limits = ActionLane.Limits()
        limits.mostBytes = 3 << 20
        let bed = Bed(limits)
        var long = ban("192.0.2.1")
        long.matches = [String(repeating: "x", count: 1 << 20)]
        long.groups = ["user": "ann"]
        for _ in 0..<300 { bed.lane.submit([.ban(long)]) }
        #expect(bed.metrics.total("tocsin_ban_action_cut_total") == 298)
        bed.lane.start()
        #expect(bed.action.waits(for: "start []"))
        let deadline = Timestamp.monotonic.adding(seconds: 30)
        let isApplied = bed.action.state.wait(until: deadline) { $0.lineBytes > 0 ? true : nil }
        #expect(isApplied == true)
        #expect(bed.lane.stop(isRemoved: false, within: 30))
        #expect(bed.action.state.withLock(\.lineBytes) == 2 << 20)
        #expect(bed.total("ok") == 300)
    }

    @Test("of what does not fit, the lines go first, then the groups")
    func fitting() {
        var some = ban("192.0.2.1")
        (some.matches, some.groups) = ([String(repeating: "x", count: 1000)], ["user": "ann"])
        let change = BanChange.prolong(some)
        #expect(change.fitting(2000) == change)
        #expect(change.fitting(1000) == change.withoutLines && change.withoutLines.ban.groups == ["user": "ann"])
        #expect(change.fitting(100) == change.bare && change.fitting(-1) == change.bare)
    }

    @Test("after a failure it begins anew with all that hold, later, and says so meanwhile")
    func failure() {
        var limits = ActionLane.Limits()
        limits.firstDelay = 0.05
        let bed = Bed(limits)
        bed.action.state.change { $0.failures = 2 }
        bed.lane.start()
        #expect(bed.action.waits(for: "start []"))
        bed.holding.change { $0 = [ban("192.0.2.9")] }
        bed.lane.submit([.ban(ban("192.0.2.9"))])
        #expect(bed.action.waits(for: #"["ban 192.0.2.9"]"#))
        bed.lane.stop(isRemoved: false, within: 5)
        let calls = bed.action.state.withLock { $0.calls }
        #expect(calls == ["start []", "start [192.0.2.9]", "start [192.0.2.9]", #"["ban 192.0.2.9"]"#, "stop false"])
        #expect(bed.metrics.total("tocsin_ban_action_failures_total") == 2)
    }

    @Test("one that hangs is broken off within the deadline, and nothing waits for it meanwhile")
    func hanging() {
        let bed = Bed()
        bed.action.state.change { $0.hangs = true }
        bed.lane.start()
        bed.lane.submit([.ban(ban("192.0.2.1"))])
        #expect(bed.action.waits(for: #"["ban 192.0.2.1"]"#))
        let begin = Timestamp.monotonic
        for number in 0..<1000 { bed.lane.submit([.ban(ban("10.0.0.\(number % 250)"))]) }
        #expect(Timestamp.monotonic.seconds(since: begin) < 10)
        #expect(bed.lane.stop(isRemoved: false, within: 0.8))
        #expect(Timestamp.monotonic.seconds(since: begin) < 20)
    }

    @Test("beyond the bound all that waits is dropped and counted, and it begins anew")
    func bound() {
        var limits = ActionLane.Limits()
        limits.mostQueued = 10
        let bed = Bed(limits)
        for number in 0..<11 { bed.lane.submit([.ban(ban("10.0.0.\(number)"))]) }
        #expect(bed.total("dropped") == 11)
        bed.holding.change { $0 = [ban("192.0.2.1")] }
        bed.lane.start()
        #expect(bed.action.waits(for: "start [192.0.2.1]"))
        bed.lane.stop(isRemoved: false, within: 5)
    }
}

@Suite("Shell actions and their lane")
struct ShellLaneTests {
    private func action(
        _ text: String, _ recorder: ShellRecorder, context: ActionContext,
        holding: @escaping @Sendable () -> [Ban] = { [] }
    ) throws -> ShellAction {
        let files = try ShellActionTests.configuration("x", ["action.d/x.conf": "[Definition]\n" + text])
        let definition = try #require(try JailsConfiguration(directory: files.path).jails.first?.actions.first)
        return ShellAction(
            definition, jail: "j", facts: ShellActionTests.facts(holding: holding), runner: recorder.runner,
            context: context)
    }

    private let simple =
        "actionstart = rec start\nactionban = rec ban <ip> <restored> <F-USER>\nactionunban = rec unban <ip>\n"

    @Test("bans from before come after those of now, and one that has ended meanwhile does not come")
    func restoring() throws {
        let recorder = try ShellRecorder()
        let action = try action(simple, recorder, context: ActionContext(name: "j/x"))
        var old = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map { ShellActionTests.ban($0) }
        for index in old.indices { old[index].isRestored = true }
        action.start(restoring: old, now: 0)
        action.apply([.ban(ShellActionTests.ban("198.51.100.1")), .unban(old[1])], now: 0)
        #expect(action.wake(now: 0) == nil)
        let end = "|<hello there>"
        let expected = ["start", "ban|198.51.100.1|0", "ban|192.0.2.1|1", "ban|192.0.2.3|1"].map { "rec|" + $0 + end }
        #expect(try recorder.take() == expected)
        // Changes were lost: what is gone is unbanned, what is new is banned, the rest stays.
        action.start(restoring: [old[0], old[1]], now: 0)
        #expect(action.wake(now: 0) == nil)
        let then = Set(try recorder.take())
        #expect(then == Set(["unban|192.0.2.3", "unban|198.51.100.1", "ban|192.0.2.2|1"].map { "rec|" + $0 + end }))
    }

    @Test("a ban that fails is tried twice more, then not again, and is undone at its end")
    func retries() throws {
        let recorder = try ShellRecorder()
        let context = ActionContext(name: "j/x")
        let action = try action(simple, recorder, context: context)
        action.start(restoring: [], now: 0)
        try recorder.files.write("broken-ban", "")
        action.apply([.ban(ShellActionTests.ban("192.0.2.1"))], now: 0)
        #expect(context.takeFailures() == [.ban: 1])
        #expect(action.wake(now: 0) == 5)
        #expect(action.wake(now: 5) == 50)
        #expect(try recorder.take().count == 5)
        #expect(context.problem?.contains("actionban: exit status 1") == true)
        #expect(action.wake(now: 50) == nil)
        #expect(try recorder.take().count == 2)
        #expect(action.wake(now: 1000) == nil)
        #expect(try recorder.take().isEmpty)
    }

    @Test("where a check finds that all bans are lost, all are made again")
    func loss() throws {
        let recorder = try ShellRecorder()
        let bans = ["192.0.2.1", "192.0.2.2"].map { ShellActionTests.ban($0) }
        let text =
            simple
            + "actioncheck = rec check\nactionrepair = rec repair; rm -f $REC/broken-*\nactionreban = rec again <ip>\n"
        let action = try action(text, recorder, context: ActionContext(name: "j/x")) { bans }
        action.start(restoring: [], now: 0)
        action.apply(bans.map { .ban($0) }, now: 0)
        #expect(try recorder.take().count == 3)
        try recorder.files.write("broken-check", "")
        action.check(now: 10)
        #expect(action.wake(now: 10) == nil)
        let end = "|<hello there>"
        let expected = ["check", "repair", "check", "check", "again|192.0.2.1", "again|192.0.2.2"].map {
            "rec|" + $0 + end
        }
        #expect(try recorder.take() == expected)
    }

    @Test("a command without end is ended with all that it started, and others of the jail go on")
    func timeout() throws {
        let recorder = try ShellRecorder()
        let context = ActionContext(name: "j/x")
        let text = "timeout = 0.3\nactionban = sleep 61.75 & sleep 61.75\nactionunban = rec unban <ip>\n"
        let action = try action(text, recorder, context: context)
        action.start(restoring: [], now: 0)
        let begin = Timestamp.monotonic
        action.apply([.ban(ShellActionTests.ban("192.0.2.1"))], now: 0)
        #expect(Timestamp.monotonic.seconds(since: begin) < 30)
        #expect(context.problem?.contains("not done after 0.3 s") == true)
        #expect(system("pgrep -f 'sleep 61[.]75' >/dev/null") != 0)
    }

    @Test("at the end nothing runs beyond the deadline, but actionstop has its time")
    func ending() throws {
        let recorder = try ShellRecorder()
        let context = ActionContext(name: "j/x")
        let bans = (0..<200).map { ShellActionTests.ban("10.1.1.\($0)") }
        let text = "actionstart = true\nactionban = true\nactionunban = sleep 0.05\nactionstop = rec stop\n"
        let action = try action(text, recorder, context: context) { bans }
        action.start(restoring: [], now: 0)
        action.apply(bans.map { .ban($0) }, now: 0)
        let begin = Timestamp.monotonic
        context.end(within: 3)
        action.stop(isRemoved: false)
        #expect(Timestamp.monotonic.seconds(since: begin) < 8)
        #expect(try recorder.take() == ["rec|stop|<hello there>"])
    }

    @Test("a name with a NUL, or one that no argument can hold, is cut and not the ban left out")
    func impossibleNames() throws {
        let recorder = try ShellRecorder()
        let action = try action(simple, recorder, context: ActionContext(name: "j/x"))
        action.start(restoring: [], now: 0)
        let long = String(repeating: "x", count: 300_000)
        action.apply(
            [
                .ban(ShellActionTests.ban("192.0.2.1", ["user": "a\0;b"])),
                .ban(ShellActionTests.ban("192.0.2.2", ["user": long])),
            ], now: 0)
        let calls = try recorder.take()
        #expect(calls.count == 3 && calls[1] == "rec|ban|192.0.2.1|0|a;b|<hello there>")
        #expect(calls.last?.utf8.count == 100_000 + "rec|ban|192.0.2.2|0||<hello there>".utf8.count)
    }

    @Test("a tenth variable and more are told apart")
    func manyVariables() {
        let groups = (0..<12).map { "g\($0)" }
        let tags = ShellTags(value: { _ in nil }, captured: { "\($0);" })
        let script = tags.script(groups.map { "<F-\($0.uppercased())>" }.joined())
        #expect(script.text.hasPrefix("f2bV_F_g0=$0 ") && script.text.contains(" f2bV_F_g10=${10} "))
        #expect(script.parameters.count == 12)
    }
}
