import Bytes
import Jails
import Logging
import Synchronization
import Telemetry

/// Telling one's other hosts of bans, and doing theirs.
extension JailsRoad {
    struct Sharing: Sendable {
        var parts: BanSharing
        var stop: StopToken
    }

    /// Begins as the section says; what was before has ended.
    func share(_ section: JailsSection, guarding: LockoutGuard) {
        guard let settings = section.sharing else { return }
        let stop = StopToken()
        let parts = BanSharing(
            settings, host: ProcessFacts.hostName, userAgent: "tocsin/\(Version.current)", store: store,
            exempt: { guarding.protected() }, emit: { [weak self] in self?.take($0, stop) ?? false })
        sharing.withLock { $0 = Sharing(parts: parts, stop: stop) }
        observer.listen { parts.publish($0, now: $1) }
        metrics.provide("sharing") { Self.families(parts.bans.numbers) }
        parts.start()
    }

    /// Ends it before the crew ends, which does what others say.
    func stopSharing() {
        let ended = sharing.withLock { sharing -> Sharing? in
            defer { sharing = nil }
            return sharing
        }
        guard let ended else { return }
        observer.listen(nil)
        metrics.provide("sharing", nil)
        ended.stop.stop()
        ended.parts.stop()
        for (name, _) in ended.parts.states { readiness.remove(name) }
    }

    func tellOfSharing() {
        guard let parts = sharing.withLock({ $0?.parts }) else { return }
        for (name, state) in parts.states {
            readiness.set(name, state)
            guard case .degraded(let text) = state else { continue }
            let now = Timestamp.monotonic
            // Once an hour while it stays, so that what comes and goes fills no log.
            let isNew = toldOfSharing.withLock { told -> Bool in
                if let last = told[name], last.text == text, now.seconds(since: last.time) < 3600 { return false }
                told[name] = (text, now)
                return true
            }
            if isNew { logger.warning("sharing bans: \(text)") }
        }
    }

    /// Has the crew do what others have said, and returns when the store knows of it. False where nobody is to know: while jails
    /// observe, so that all of it is asked for again once they enforce, and at the end.
    private func take(_ changes: [BanChange], _ stop: StopToken) -> Bool {
        while !stop.isStopped {
            let answer = running.withLock { $0?.crew }?.ask {
                $0.take(changes, jail: JailPlan.peersName, now: Timestamp.now.secondsSince1970)
            }
            if let answer { return answer }
            stop.wait(seconds: 0.2)
        }
        return false
    }

    /// What another host gets of the feed; nil where nothing is shared.
    func feed(since: String, signature: String?) -> BanFeed.Answer? {
        sharing.withLock { $0?.parts }?.answer(
            since: since, signature: signature, now: Timestamp.now.secondsSince1970)
    }

    private static func families(_ numbers: SharedBans.Numbers) -> [MetricRegistry.Family] {
        func family(_ made: MetricRegistry.Family, _ value: Int) -> MetricRegistry.Family {
            var made = made
            made.series[[:]] = .computed { Double(value) }
            return made
        }
        return [
            family(
                .init(
                    name: "f2b_shared_bans_received_total", help: "Bans and ends that other hosts have told of.",
                    type: .counter, series: [:]), numbers.received),
            family(
                .init(
                    name: "f2b_shared_bans_enforced_total", help: "Bans of other hosts that are done here.",
                    type: .counter, series: [:]), numbers.enforced),
            family(
                .init(
                    name: "f2b_shared_bans_passed_over_total",
                    help: "Bans of other hosts that were over, too wide, exempt, or of a jail that does not count.",
                    type: .counter, series: [:]), numbers.passedOver),
            family(
                .init(
                    name: "f2b_shared_bans_waiting", help: "Whom too few other hosts have banned so far.",
                    type: .gauge, series: [:]), numbers.waiting),
        ]
    }
}
