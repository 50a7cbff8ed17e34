import Rules
import Telemetry
import Testing

@testable import Alerting

@Suite struct DeliveryTests {
    /// Answers by script and keeps what it was given.
    final class Script: Integration {
        let kind = "script"
        let sendsResolved = true
        private let answers: @Sendable (Int) -> DeliveryResult
        let taken = Condition<[Notification]>([])

        init(_ answers: @escaping @Sendable (Int) -> DeliveryResult) { self.answers = answers }

        func deliver(_ notification: Notification, memory: DeliveryMemory, stop: StopToken) -> DeliveryResult {
            let count = taken.change {
                $0.append(notification)
                return $0.count
            }
            return answers(count)
        }
    }

    @Test("pauses grow by half from half a second to a minute, and are as long as a service asks for")
    func backsOff() {
        var backoff = DeliveryBackoff()
        #expect((0..<4).map { _ in backoff.pause(asked: nil) } == [0.5, 0.75, 1.125, 1.6875])
        #expect(backoff.pause(asked: 30) == 30)
        for _ in 0..<20 { _ = backoff.pause(asked: nil) }
        #expect(backoff.pause(asked: nil) == 60)
    }

    private static func delivery(_ id: Int) -> Delivery {
        Delivery(
            id: id, receiver: "r", way: 0,
            notification: Notification(
                receiver: "r", groupKey: "g\(id)", groupLabels: [:], reason: .first, alerts: [], externalURL: "", now: 0
            ),
            memory: [:], deadline: 0)
    }

    @Test("a lane tries again until it is delivered, refused or late")
    func retries() throws {
        let results = Condition<[Int: DeliveryResult]>([:])
        let stop = StopToken()
        defer { stop.stop() }
        let script = Script { count in
            count < 4 ? .retry(reason: "503", after: nil) : .delivered(memory: ["n": "\(count)"])
        }
        let lane = DeliveryLane(script, stop: stop, firstPause: 0.001) { delivery, result in
            results.change { $0[delivery.id] = result }
        }
        lane.add(Self.delivery(1), seconds: 60)
        let limit = Timestamp.monotonic.adding(seconds: 30)
        #expect(results.wait(until: limit) { $0[1] } == .delivered(memory: ["n": "4"]))
        // Its next pause would end after its deadline.
        let busy = DeliveryLane(Script { _ in .retry(reason: "503", after: 100) }, stop: stop) { delivery, result in
            results.change { $0[delivery.id] = result }
        }
        busy.add(Self.delivery(2), seconds: 60)
        #expect(results.wait(until: limit) { $0[2] } == .retry(reason: "503", after: 100))
        busy.add(Self.delivery(3), seconds: 0)
        let late = results.wait(until: limit) { $0[3] }
        guard case .retry(let reason, _)? = late else {
            Issue.record("\(String(describing: late))")
            return
        }
        #expect(reason.contains("in time"))
    }

    @Test("the dispatcher hears of alerts, tells them, and knows after a restart that it did")
    func dispatches() throws {
        let directory = TestDirectory()
        let script = Script { _ in .delivered(memory: [:]) }
        var configuration = try Scene.configuration(
            """
            route: {receiver: r, group_wait: 0s, group_interval: 100ms, group_by: [alertname]}
            receivers: [{name: r}]
            """)
        configuration.receivers[0].ways = [.init(kind: "script", index: 0, sendsResolved: true)]
        func notice(_ state: AlertNotice.State, _ now: Int64) -> AlertNotice {
            AlertNotice(
                labels: ["alertname": "A"], annotations: [:], state: state, startsAt: now - 5000,
                endsAt: state == .firing ? now + 100_000 : now, generatorURL: "", value: 1)
        }
        for round in 0..<2 {
            let stop = StopToken()
            let dispatcher = AlertDispatcher(
                configuration, integrations: ["r": [script]], directory: directory.path, externalURL: "http://x",
                stop: stop)
            #expect(dispatcher.trouble.isEmpty)
            let isOver = Condition(false)
            WorkerThread(name: "test") {
                dispatcher.run()
                isOver.change { $0 = true }
            }.detach()
            let limit = Timestamp.monotonic.adding(seconds: 30)
            let now = Timestamp.now.milliseconds
            dispatcher.take([notice(round == 0 ? .firing : .resolved, now)])
            let count = script.taken.wait(until: limit) { $0.count > round ? $0.count : nil }
            #expect(count == round + 1)
            // The result has to be written before the next start.
            while dispatcher.withEngine({ engine, _ in !engine.underWay.isEmpty }), Timestamp.monotonic < limit {
                stop.wait(seconds: 0.001)
            }
            #expect(dispatcher.failure == nil)
            stop.stop()
            dispatcher.wake()
            #expect(isOver.wait(until: limit) { $0 ? true : nil } == true)
        }
        let taken = script.taken.withLock { $0 }
        #expect(taken.map(\.reason) == [.first, .allResolved])
        #expect(taken.first?.externalURL == "http://x")
    }
}
