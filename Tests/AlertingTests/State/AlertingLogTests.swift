import Bytes
import Glibc
import Telemetry
import TestSupport
import Testing

@testable import Alerting

@Suite struct AlertingLogTests {
    private static func load(_ directory: TestDirectory) -> (state: AlertingState, trouble: [String]) {
        var state = AlertingState()
        let log = AlertingLog(directory: directory.path, into: &state)
        return (state, log.trouble)
    }

    /// A scene with all kinds of changes, and each step of it with the state after it.
    private static func story() throws -> (steps: [EngineStep], states: [AlertingState]) {
        var engine = AlertingEngine(
            try Scene.configuration(AlertingEngineTests.simple), externalURL: "", now: Scene.begin)
        var steps: [EngineStep] = []
        var states: [AlertingState] = []
        func keep(_ engine: inout AlertingEngine) -> [Delivery] {
            let step = engine.takeStep()
            guard !step.changes.isEmpty else { return [] }
            steps.append(step)
            states.append(engine.state)
            return step.deliveries
        }
        var now = Scene.begin
        var count = 0
        _ = keep(&engine)
        for index in 0..<60 {
            var alert = TrackedAlert(
                labels: ["alertname": "A\(index % 7)", "cluster": "c\(index % 3)"], annotations: ["é": "ü\n"],
                startsAt: now, endsAt: index % 5 == 4 ? now : now + 500_000, updatedAt: now)
            alert.value = Double(index)
            alert.resolvedValue = index % 2 == 0 ? nil : 1
            engine.receive([alert], at: now)
            _ = keep(&engine)
            alert.updatedAt += 1000
            engine.receive([alert], at: now + 1000)
            _ = keep(&engine)
            if index % 20 == 3 {
                let silence = Silence(
                    matchers: [try LabelMatcher("a", .notMatches, "x.*")], startsAt: now, endsAt: now + 1_000_000,
                    createdBy: "me", comment: "\"", annotations: ["k": "v"])
                #expect(throws: SilenceError.self) { try engine.set(silence, at: now) }
                var other = silence
                other.matchers.append(try LabelMatcher("b", .equal, "y"))
                _ = try engine.set(other, at: now)
                _ = keep(&engine)
            }
            now += 20_000
            engine.advance(to: now)
            for delivery in keep(&engine) {
                count += 1
                if count % 5 == 2 { continue }
                engine.finish(
                    delivery.id, count % 5 > 0 ? .delivered(memory: ["ts": "1"]) : .refused(reason: "no"), at: now)
                _ = keep(&engine)
            }
        }
        for delivery in engine.underWay.keys { engine.finish(delivery, .delivered(memory: [:]), at: now) }
        for hours in [1, 2, 200, 400] {
            engine.advance(to: now + Int64(hours) * 3_600_000)
            for delivery in keep(&engine) {
                engine.finish(delivery.id, .delivered(memory: [:]), at: now + Int64(hours) * 3_600_000)
                _ = keep(&engine)
            }
        }
        return (steps, states)
    }

    @Test("every change reads back as it was written")
    func readsBack() throws {
        let (steps, states) = try Self.story()
        let directory = TestDirectory()
        var none = AlertingState()
        let log = AlertingLog(directory: directory.path, into: &none)
        #expect(none == AlertingState())
        for (step, state) in zip(steps, states) {
            log.write(step, state: state)
            #expect(log.failure == nil)
            let loaded = Self.load(directory)
            #expect(loaded.state == state)
            #expect(loaded.trouble.isEmpty)
        }
        let kinds = Set(steps.flatMap(\.changes).map { "\($0)".prefix { $0 != "(" } })
        #expect(kinds.count == 13, "\(kinds)")
    }

    @Test("cut off at any byte, the file holds the state after one of its steps, and goes on from there")
    func survivesTornTails() throws {
        let (steps, states) = try Self.story()
        let directory = TestDirectory()
        var none = AlertingState()
        let log = AlertingLog(directory: directory.path, into: &none)
        for (step, state) in zip(steps, states) { log.write(step, state: state) }
        let whole = try directory.contents("alerting.state")
        var random = SeededRandom(seed: SeededRandom.seed())
        for _ in 0..<150 {
            let cut = Int.random(in: 0...whole.count, using: &random)
            var bytes = Array(whole[..<cut])
            let isDamaged = Bool.random(using: &random) && !bytes.isEmpty
            if isDamaged { bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= 0x10 }
            let other = TestDirectory()
            try other.write("alerting.state", bytes)
            var state = AlertingState()
            let log = AlertingLog(directory: other.path, into: &state)
            #expect(state == AlertingState() || states.contains(state))
            var step = EngineStep()
            step.changes = [.alive(99)]
            state.apply(.alive(99))
            log.write(step, state: state)
            let again = Self.load(other)
            #expect(again.state == state)
            #expect(again.trouble.isEmpty)
        }
    }

    @Test("a disk that fails is told of, and what it missed is written when it works again")
    func survivesFullDisks() throws {
        let (steps, states) = try Self.story()
        let directory = TestDirectory()
        let isFull = Condition(false)
        var none = AlertingState()
        let faults = DiskFaults(write: { length in isFull.withLock { $0 } ? (ENOSPC, length / 2) : (0, 0) })
        let log = AlertingLog(directory: directory.path, faults: faults, into: &none)
        var saved = AlertingState()
        for (index, (step, state)) in zip(steps, states).enumerated() {
            isFull.withLock { $0 = index % 7 > 4 }
            log.write(step, state: state)
            #expect((log.failure == nil) == (index % 7 <= 4))
            if log.failure == nil { saved = state }
            #expect(Self.load(directory).state == saved)
        }
    }

    @Test("bytes of any kind are refused or read, and never more than that")
    func readsNonsense() {
        var random = SeededRandom(seed: SeededRandom.seed())
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                UInt8.random(in: Bool.random(using: &random) ? 0...13 : 0...255, using: &random)
            }
            var reader = StateReader(bytes.span.bytes)
            _ = reader.changes()
        }
    }

    @Test("what grew is written anew in a fraction of it")
    func compacts() throws {
        let directory = TestDirectory()
        var state = AlertingState()
        let log = AlertingLog(directory: directory.path, into: &state)
        let id = AlertID(of: ["a": "b"])
        for index in 0..<30_000 {
            var step = EngineStep()
            step.changes = [
                .alert(id, TrackedAlert(labels: ["a": "b"], startsAt: 1, endsAt: 2, updatedAt: Int64(index)))
            ]
            for change in step.changes { state.apply(change) }
            step.changes.append(.alive(Int64(index)))
            // Not synchronised, or the test would be about the disk.
            step.changes = [.seen(id, endsAt: 2, updatedAt: Int64(index)), .alive(Int64(index))]
            log.write(step, state: state)
        }
        #expect(try directory.contents("alerting.state").count < 2 << 20)
        #expect(Self.load(directory).state == state)
    }
}
