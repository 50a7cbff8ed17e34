import Jails
import Rules
import Synchronization
import Telemetry
import Testing

@testable import Agent

private final class Told: AlertSink {
    private let notices = Mutex<[AlertNotice]>([])
    func take(_ alerts: [AlertNotice]) { notices.withLock { $0 += alerts } }

    /// What came since the last time.
    func callAsFunction() -> [AlertNotice] {
        notices.withLock { notices in
            defer { notices = [] }
            return notices
        }
    }
}

@Suite struct BanAlertsTests {
    private let told = Told()
    private let labels: LabelSet = ["alertname": "JailBans", "jail": "sshd", "instance": "h", "severity": "info"]

    private func alerts() -> BanAlerts {
        let alerts = BanAlerts(told)
        alerts.apply(["sshd": labels])
        return alerts
    }

    private func ban(_ target: String, jail: String = "sshd", origin: Ban.Origin = .failures) -> Ban {
        var ban = Ban(jail: jail, target: BanTarget(target), time: 1000, duration: 3600)
        ban.failures = 5
        ban.origin = origin
        return ban
    }

    @Test func `ten thousand bans are one alert, told at most every ten seconds, with the networks they come from`() {
        let alerts = alerts()
        for number in 0..<10_000 {
            let network = number < 6000 ? 1 : number % 500
            alerts.note(
                ban("10.\(network / 256).\(network % 256).\(number % 256)"), isObserved: false,
                now: 1000 + Double(number) / 400)
        }
        let notices = told()
        #expect(notices.map(\.value) == [1, 4001, 8001])
        #expect(Set(notices.map(\.labels)) == [labels])
        #expect(Set(notices.map(\.startsAt)) == [1_000_000])
        #expect(notices.allSatisfy { $0.state == .firing })
        #expect(notices.last?.annotations["top_networks"]?.hasPrefix("10.0.1.0/24 (6004), ") == true)
        #expect(notices.last?.annotations["summary"] == "Jail sshd of h bans: 8001 bans since it began.")
        alerts.look(now: 1030)
        let last = told()
        #expect(last.map(\.value) == [10_000] && last.first?.endsAt == 1_330_000)
    }

    @Test func `is over when no ban has come for a quarter of an hour, and begins anew`() {
        let alerts = alerts()
        alerts.note(ban("203.0.113.1"), isObserved: true, now: 1000)
        #expect(told().first?.annotations["summary"] == "Jail sshd of h would ban: 1 ban since it began.")
        alerts.look(now: 1899)
        #expect(told().map(\.state) == [.firing])
        alerts.look(now: 1900)
        let over = told()
        #expect(
            over.map(\.state) == [.resolved] && over.first?.endsAt == 1_900_000 && over.first?.startsAt == 1_000_000)
        alerts.look(now: 1960)
        #expect(told() == [])
        alerts.note(ban("alice"), isObserved: false, now: 2000)
        let next = told()
        #expect(next.map(\.startsAt) == [2_000_000] && next.map(\.value) == [1])
        #expect(next.first?.annotations["top_networks"] == nil)
    }

    @Test func `only of jails that want it, and not of whom people and lists ban`() {
        let alerts = alerts()
        alerts.note(ban("203.0.113.1", jail: "web"), isObserved: false, now: 1000)
        alerts.note(ban("203.0.113.1", origin: .manual("")), isObserved: false, now: 1000)
        alerts.note(ban("203.0.113.1", origin: .list("drop")), isObserved: false, now: 1000)
        #expect(told() == [])
        alerts.note(ban("203.0.113.1", origin: .peer("b")), isObserved: false, now: 1000)
        #expect(told().count == 1)
        // A configuration that wants it no more ends it at the next look.
        alerts.apply([:])
        alerts.look(now: 1001)
        #expect(told().map(\.state) == [.resolved])
    }
}
