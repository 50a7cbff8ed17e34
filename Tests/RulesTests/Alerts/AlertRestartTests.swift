import Bytes
import Glibc
import Rules
import Synchronization
import Telemetry
import TestSupport
import Testing

/// A life of alerts with everything in it, and what a `kill -9` at any moment leaves of it.
@Suite("Alerts across restarts")
struct AlertRestartTests {
    private static let rules = """
        groups:
        - name: g
          interval: 30s
          rules:
          - {record: 'x:double', expr: x * 2}
          - {alert: Slow, expr: x > 10, for: 2m, annotations: {v: '{{ $value }}'}}
          - {alert: Kept, expr: x > 10, keep_firing_for: 90s}
          - {alert: Gone, expr: y, absent_for: 1m}
          - {alert: Held, expr: z > 1, no_data: keep}
        """
    private static let steps = 40

    /// Puts in the data of a step and evaluates it.
    private static func step(_ number: Int, _ bench: RuleBench) {
        let time = Int64(number) * 30
        let isHigh = (3..<12).contains(number) || (16..<18).contains(number) || number == 30
        bench.set("x", isHigh ? 11 + Double(number % 3) : 5, at: time, ["i": "a"])
        if number % 5 == 0 { bench.set("x", number < 20 ? 12 : 0, at: time, ["i": "b"]) }
        if number < 6 || number > 25 { bench.set("y", 1, at: time, ["disk": "sda"]) }
        if number == 6 { bench.set("y", nil, at: time, ["disk": "sda"]) }
        bench.set("y", 1, at: time, ["disk": "sdb"])
        if number < 8 || number > 22 { bench.set("z", number < 30 ? 2 : 0, at: time) }
        if number == 8 { bench.set("z", nil, at: time) }
        bench.evaluate(at: time)
    }

    private struct Track: Equatable {
        var states: [[String]] = []
        var sent: [[AlertNotice]] = []
        var live: [[LabelSet: Double]] = []

        mutating func take(_ bench: RuleBench, _ number: Int) {
            states.append(bench.states)
            sent.append(bench.alerts.drain().sorted { "\($0.labels)" < "\($1.labels)" })
            live.append(bench.store.live("ALERTS_FOR_STATE", at: Int64(number) * 30_000))
        }
    }

    private static let reference: Track = {
        let bench = RuleBench(rules)
        var track = Track()
        for number in 0..<steps {
            step(number, bench)
            track.take(bench, number)
        }
        return track
    }()

    @Test("the life has every state in it")
    func reference() {
        let all = Set(Self.reference.states.flatMap { $0 })
        for state in [
            "Slow{i=\"a\"} pending", "Slow{i=\"a\"} firing", "Kept{i=\"a\"} firing", "Gone{disk=\"sda\"} firing",
            "Held firing",
        ] {
            #expect(all.contains(state), "\(state)")
        }
        let sent = Self.reference.sent.flatMap { $0 }
        for name in ["Slow", "Kept", "Gone", "Held"] {
            #expect(sent.contains { $0.labels["alertname"] == name && $0.state == .firing }, "\(name)")
            #expect(sent.contains { $0.labels["alertname"] == name && $0.state == .resolved }, "\(name)")
        }
        // Held through the lack of data from the 8th step on, until the 30th says otherwise.
        #expect(Self.reference.states[8...29].allSatisfy { $0.contains("Held firing") })
    }

    @Test("killed after any one evaluation, everything goes on as if nothing had been", arguments: 0..<steps)
    func once(_ kill: Int) {
        let bench = RuleBench(Self.rules)
        var track = Track()
        for number in 0..<Self.steps {
            Self.step(number, bench)
            track.take(bench, number)
            if number == kill { bench.restart() }
        }
        expectSame(track)
    }

    @Test("killed after every evaluation, too")
    func always() {
        let bench = RuleBench(Self.rules)
        var track = Track()
        for number in 0..<Self.steps {
            Self.step(number, bench)
            track.take(bench, number)
            bench.restart()
        }
        expectSame(track)
    }

    private func expectSame(_ track: Track) {
        for number in 0..<Self.steps {
            #expect(track.states[number] == Self.reference.states[number], "states of step \(number)")
            #expect(track.sent[number] == Self.reference.sent[number], "what step \(number) sent")
            #expect(track.live[number] == Self.reference.live[number], "series of step \(number)")
        }
    }

    @Test("killed between saving and sending, the alert is sent again")
    func betweenSavingAndSending() throws {
        let bench = RuleBench("groups:\n- name: g\n  rules:\n  - {alert: A, expr: x > 0}\n")
        let copy = ScratchDirectory()
        let from = bench.directory.path + "/rules.state"
        let to = copy.path + "/rules.state"
        bench.alerts.before.withLock { $0 = { try? Self.copyFile(from, to) } }
        bench.set("x", 1, at: 0)
        bench.evaluate(at: 0)
        #expect(bench.alerts.drain().count == 1)
        let second = RuleBench(directory: copy)
        second.load("groups:\n- name: g\n  rules:\n  - {alert: A, expr: x > 0}\n")
        #expect(second.states == ["A firing"])
        second.set("x", 1, at: 0)
        second.evaluate(at: 30)
        #expect(second.alerts.drain().map(\.startsAt) == [0])
    }

    @Test("a file cut off at any byte says what was true at one of the evaluations before, or that it is damaged")
    func torn() throws {
        let bench = RuleBench(Self.rules)
        var snapshots: [[String: SavedRule]] = [[:]]
        var sizes: [Int] = []
        for number in 0..<12 {
            Self.step(number, bench)
            snapshots.append(AlertStateLog(directory: bench.directory.path).rules)
            sizes.append(try Self.contents(bench.directory.path + "/rules.state").count)
        }
        let whole = try Self.contents(bench.directory.path + "/rules.state")
        let scratch = ScratchDirectory()
        // The first write made the file, so each size is where an evaluation ended.
        for cut in stride(from: 0, to: whole.count, by: 7) {
            try Self.write(Array(whole[..<cut]), scratch.path + "/rules.state")
            let log = AlertStateLog(directory: scratch.path)
            let after = sizes.lastIndex { $0 <= cut }
            if let after, sizes[after] == cut { #expect(log.rules == snapshots[after + 1]) }
            // What is in a log of whole records is what was true when the last of them was written.
            if let after, let next = snapshots.indices.first(where: { $0 > after + 1 }) {
                for (key, rule) in log.rules {
                    let known = [snapshots[after + 1][key], snapshots[next][key]].compactMap { $0?.alerts.count }
                    #expect(known.isEmpty || (known.min() ?? 0)...(known.max() ?? 0) ~= rule.alerts.count)
                }
            }
            unlink(scratch.path + "/rules.state")
        }
    }

    @Test("whatever a file holds, reading it ends")
    func fuzz() throws {
        let bench = RuleBench(Self.rules)
        for number in 0..<12 { Self.step(number, bench) }
        let whole = try Self.contents(bench.directory.path + "/rules.state")
        var random = SeededRandom(seed: SeededRandom.seed())
        let scratch = ScratchDirectory()
        for _ in 0..<300 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            try Self.write(bytes, scratch.path + "/rules.state")
            let log = AlertStateLog(directory: scratch.path)
            #expect(log.rules.count <= 8)
        }
    }

    @Test("a disk that fails is told, and made up for when it does not any more", arguments: [0, 1, 9, 30, 200])
    func faults(_ partial: Int) {
        let failing = Mutex(false)
        let isFailing: @Sendable () -> Bool = { failing.withLock { $0 } }
        for start in stride(from: 0, to: 30, by: 3) {
            let bench = RuleBench(
                Self.rules,
                faults: DiskFaults(
                    write: { length in isFailing() ? (ENOSPC, min(partial, length)) : (0, 0) },
                    synchronize: { isFailing() && partial == 200 ? EIO : 0 }))
            var track = Track()
            for number in 0..<Self.steps {
                failing.withLock { $0 = (start..<start + 3).contains(number) }
                Self.step(number, bench)
                track.take(bench, number)
                let failed = bench.metrics.total("tocsin_rule_state_write_failed")
                if (start..<start + 3).contains(number), number > 3 { #expect(failed == 1, "\(start) \(number)") }
                // By then something has been written again.
                if number == start + 5 { bench.restart() }
            }
            expectSame(track)
        }
    }

    @Test("a `for` goes on counting over a short downtime, and begins anew after one longer than the tolerance")
    func downtime() {
        let rules = "groups:\n- name: g\n  rules:\n  - {alert: A, expr: x > 0, for: 1h}\n  - {alert: F, expr: x > 0}\n"
        for (down, fires) in [(Int64(1800), true), (3660, false)] {
            let bench = RuleBench(rules)
            for time in stride(from: Int64(0), through: 1800, by: 60) {
                bench.set("x", 1, at: time)
                bench.evaluate(at: time)
            }
            #expect(bench.states == ["A pending", "F firing"])
            _ = bench.alerts.drain()
            bench.restart()
            let up = 1800 + down
            bench.set("x", 1, at: up)
            bench.evaluate(at: up)
            // What fired has never stopped.
            #expect(bench.states == [fires ? "A firing" : "A pending", "F firing"])
            #expect(bench.alert("A")?.activeAt == (fires ? 0 : up * 1000))
            #expect(bench.alert("F")?.activeAt == 0)
            #expect(bench.alerts.drain().filter { $0.labels["alertname"] == "F" }.map(\.startsAt) == [0])
        }
    }

    @Test("what fired when the agent went is not ended for want of data at its start, and is when the data says so")
    func settling() {
        let rules = "groups:\n- name: g\n  rules:\n  - {alert: A, expr: x > 0}\n"
        let bench = RuleBench(rules)
        bench.set("x", 1, at: 0)
        bench.evaluate(at: 0)
        bench.restart()
        bench.evaluate(at: 1200)
        #expect(bench.states == ["A firing"])
        bench.set("x", 0, at: 1230)
        bench.evaluate(at: 1260)
        #expect(bench.states == [])
        bench.set("x", 1, at: 1300)
        bench.evaluate(at: 1320)
        bench.restart()
        bench.evaluate(at: 3000)
        #expect(bench.states == ["A firing"])
        // It does not come: five minutes are enough.
        bench.evaluate(at: 3300)
        #expect(bench.states == [])
    }

    @Test("a file that has grown is written anew with what is true")
    func compaction() throws {
        let bench = RuleBench(
            "groups:\n- name: g\n  rules:\n  - {alert: A, expr: x > 0, annotations: {v: '{{ $value }}'}}\n")
        var sizes: [Int] = []
        for number in 0..<200 {
            for index in 0..<40 {
                bench.set("x", Double(number + 1), at: Int64(number) * 60, ["instance": "host-\(index).example.org"])
            }
            bench.evaluate(at: Int64(number) * 60)
            sizes.append(try Self.contents(bench.directory.path + "/rules.state").count)
        }
        #expect(sizes.max() ?? 0 < 1_200_000)
        #expect(zip(sizes, sizes.dropFirst()).contains { $0 > $1 })
        let states = bench.states
        bench.restart()
        #expect(bench.states == states)
        #expect(bench.alert("A")?.value == 200)
    }

    private static func contents(_ path: String) throws -> [UInt8] {
        let file = try StoreFile(path: path, flags: O_RDONLY)
        var buffer = ByteBuffer()
        try file.read(at: 0, length: Int(try file.size()), into: &buffer)
        return [UInt8](buffer.bytes)
    }

    private static func write(_ bytes: [UInt8], _ path: String) throws {
        let file = try StoreFile(path: path, flags: O_WRONLY | O_CREAT | O_TRUNC)
        try file.write(bytes.span.bytes, RawSpan(), at: 0, faults: DiskFaults())
    }

    private static func copyFile(_ from: String, _ to: String) throws { try write(try contents(from), to) }

    @Test("an annotation that is empty stays one")
    func emptyAnnotations() {
        let bench = RuleBench(
            "groups: [{name: g, rules: [{alert: A, expr: x > 10, annotations: {a: '{{ .ExternalLabels.x }}', b: y}}]}]")
        bench.set("x", 11, at: 0)
        bench.evaluate(at: 0)
        #expect(bench.alert("A")?.annotations.labels == [Label("a", ""), Label("b", "y")])
        bench.restart()
        #expect(bench.alert("A")?.annotations.labels == [Label("a", ""), Label("b", "y")])
    }
}
