import Synchronization
import Telemetry
import Testing

@testable import Jails

@Suite struct BanThrottleTests {
    private func bans(_ count: Int, from first: Int = 0, of jail: String = "a") -> [Ban] {
        (first..<first + count).map { Ban(jail: jail, target: .text("\($0)"), time: 0, duration: 600) }
    }

    @Test("what is beyond so many a minute waits in order, is told once, and comes later")
    func waits() {
        let told = Mutex<[String]>([])
        let metrics = MetricRegistry()
        let throttle = BanThrottle(perMinute: 60, mostWaiting: 30, metrics: metrics) { text in
            told.withLock { $0.append(text) }
        }
        #expect(throttle.admit(bans(50), now: 0) == bans(50))
        #expect(throttle.admit(bans(30, from: 50), now: 0) == bans(10, from: 50))
        #expect(told.withLock { $0.count } == 1)
        #expect(metrics.total("f2b_bans_waiting") == 20)
        // Nobody overtakes; ten more are kept, five are not.
        #expect(throttle.admit(bans(15, from: 80), now: 5).isEmpty)
        #expect(metrics.total("f2b_bans_dropped_total") == 5)
        #expect(told.withLock { $0.count } == 1)
        // What a person or a list bans is not held.
        var manual = bans(2, from: 200)
        manual[0].origin = .manual("")
        manual[1].origin = .list("x")
        #expect(throttle.admit(manual, now: 5) == manual)
        #expect(throttle.due(now: 5, wallClock: 5) == bans(5, from: 60))
        #expect(throttle.cancel(.text("65"), jail: "a"))
        #expect(!throttle.cancel(.text("66"), jail: "b"))
        #expect(throttle.due(now: 8, wallClock: 8) == bans(3, from: 66))
        // What is over is not banned any more, and takes nobody's place.
        #expect(throttle.due(now: 9, wallClock: 700).isEmpty)
        #expect(metrics.total("f2b_bans_dropped_total") == 5 + 21)
        #expect(metrics.total("f2b_bans_waiting") == 0)
        #expect(throttle.admit(bans(1), now: 10) == bans(1))
    }

    @Test("where no more may wait there is no room for one more, until it is somebody's turn")
    func room() {
        let metrics = MetricRegistry()
        let throttle = BanThrottle(perMinute: 60, mostWaiting: 2, metrics: metrics) { _ in }
        for number in 0..<62 {
            #expect(throttle.hasRoom("a", now: 0))
            _ = throttle.admit(bans(1, from: number), now: 0)
        }
        #expect(!throttle.hasRoom("a", now: 0) && metrics.total("f2b_bans_dropped_total") == 1)
        #expect(throttle.due(now: 1, wallClock: 1) == bans(1, from: 60))
        #expect(throttle.hasRoom("a", now: 1) && metrics.total("f2b_bans_dropped_total") == 1)
    }

    @Test("bans that wait keep their lines as far as there is room")
    func texts() {
        let throttle = BanThrottle(perMinute: 1, metrics: MetricRegistry()) { _ in }
        var long = bans(1)[0]
        long.matches = [String(repeating: "x", count: 1 << 20)]
        _ = throttle.admit(bans(1), now: 0)
        for _ in 0..<5 { _ = throttle.admit([long], now: 0) }
        let due = (1...5).flatMap { throttle.due(now: Double($0) * 60, wallClock: 0) }
        #expect(due.map(\.matches.count) == [1, 0, 0, 0, 0])
        // Room again.
        _ = throttle.admit([long], now: 300)
        #expect(throttle.due(now: 360, wallClock: 0) == [long])
    }

    @Test("a jail with 10,000 bans that wait delays another's by one slot, and has its own in order")
    func fair() {
        let metrics = MetricRegistry()
        let throttle = BanThrottle(perMinute: 60, metrics: metrics) { _ in }
        #expect(throttle.admit(bans(10_060), now: 0).count == 60)
        #expect(metrics.total("f2b_bans_waiting") == 10_000)
        #expect(!throttle.hasRoom("a", now: 0) && throttle.hasRoom("b", now: 0))
        #expect(throttle.admit(bans(1, of: "b"), now: 0.5).isEmpty)
        #expect(throttle.due(now: 1, wallClock: 1) == bans(1, of: "b"))
        #expect(throttle.due(now: 2, wallClock: 2) == bans(1, from: 60))
        // Whoever has had a turn goes behind who waits for one.
        #expect(throttle.admit(bans(3, from: 1, of: "b"), now: 2).isEmpty)
        #expect(throttle.admit(bans(1, of: "c"), now: 2).isEmpty)
        #expect(throttle.due(now: 8, wallClock: 8).map(\.jail) == ["c", "b", "a", "b", "a", "b"])
        #expect(throttle.due(now: 10, wallClock: 10) == bans(2, from: 63))
        // Each jail may have a tenth of the room, whatever the others have.
        #expect(throttle.admit(bans(10, from: 10_060), now: 10).isEmpty)
        #expect(throttle.admit(bans(1001, from: 10, of: "b"), now: 10).isEmpty)
        #expect(metrics.total("f2b_bans_waiting") == 11_000)
        #expect(metrics.total("f2b_bans_dropped_total") == 7)
        #expect(!throttle.hasRoom("b", now: 10) && throttle.hasRoom("c", now: 10))
    }

    @Test("a ban that ends while it waits is counted, one that somebody lifts is not")
    func ends() {
        let metrics = MetricRegistry()
        let throttle = BanThrottle(perMinute: 1, metrics: metrics) { _ in }
        _ = throttle.admit(bans(3), now: 0)
        #expect(throttle.cancel(.text("1"), jail: "a", isOver: true))
        #expect(metrics.total("f2b_bans_dropped_total") == 1)
        #expect(throttle.cancel(.text("2"), jail: "a"))
        #expect(metrics.total("f2b_bans_dropped_total") == 1 && !throttle.isHolding)
    }
}
