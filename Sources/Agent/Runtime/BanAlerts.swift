import Bytes
import Jails
import Rules
import Synchronization
import Telemetry

/// The alerts of jails that ban, `JailBans`: one for each jail, however many it bans, from the first ban until none has come for a quarter
/// of an hour. Whom people and lists ban, and what is restored at a start, raises none.
final class BanAlerts: Sendable {
    /// What is told of one jail. Times in milliseconds since 1970.
    private struct Episode {
        var labels: LabelSet
        var isObserved: Bool
        var startsAt: Int64
        var last: Ban
        var lastAt: Int64
        var toldAt: Int64?
        var bans = 0
        var networks: [IPNetwork: Int] = [:]

        mutating func count(_ ban: Ban, _ time: Int64) {
            (last, lastAt, bans) = (ban, time, bans + 1)
            last.matches = []
            guard let network = BanEvent(.banned, ban, time: 0).neighborhood else { return }
            networks[network, default: 0] += 1
            guard networks.count > mostNetworks else { return }
            let least = networks.values.min() ?? 0
            networks = networks.filter { $0.value > least || $0.key == network }
        }
    }

    private struct State {
        /// The labels of jails that have an alert.
        var wanted: [String: LabelSet] = [:]
        var episodes: [String: Episode] = [:]
    }

    private let sink: any AlertSink
    private let state = Mutex(State())

    /// Without a ban for so long it is over.
    private static let quiet: Int64 = 15 * 60_000
    /// More often nobody is told of new numbers.
    private static let pace: Int64 = 10_000
    /// Counts as over where nothing is told for so long; `look` tells each minute.
    private static let lifetime: Int64 = 5 * 60_000
    /// Beyond so many, networks that came least are passed over.
    private static let mostNetworks = 1000

    init(_ sink: any AlertSink) { self.sink = sink }

    /// Jails that have an alert, with its labels.
    func apply(_ wanted: [String: LabelSet]) { state.withLock { $0.wanted = wanted } }

    /// Never waits.
    func note(_ ban: Ban, isObserved: Bool, now: Double) {
        switch ban.origin {
        case .manual, .list: return
        case .failures, .peer: break
        }
        let time = Int64(now * 1000)
        let notice = state.withLock { state -> AlertNotice? in
            guard let labels = state.wanted[ban.jail] else { return nil }
            var episode =
                state.episodes[ban.jail]
                ?? Episode(labels: labels, isObserved: isObserved, startsAt: time, last: ban, lastAt: time)
            episode.count(ban, time)
            let isDue = episode.toldAt.map { time - $0 >= Self.pace } ?? true
            if isDue { episode.toldAt = time }
            state.episodes[ban.jail] = episode
            return isDue ? Self.notice(episode, at: time) : nil
        }
        if let notice { sink.take([notice]) }
    }

    /// Tells of those that go on and of those that are over; to be called about once a minute.
    func look(now: Double) {
        let time = Int64(now * 1000)
        let notices = state.withLock { state in
            state.episodes.map { jail, episode in
                if time - episode.lastAt >= Self.quiet || state.wanted[jail] != episode.labels {
                    state.episodes[jail] = nil
                    return Self.notice(episode, at: time, isOver: true)
                }
                state.episodes[jail]?.toldAt = time
                return Self.notice(episode, at: time)
            }
        }
        if !notices.isEmpty { sink.take(notices) }
    }

    private static func notice(_ episode: Episode, at time: Int64, isOver: Bool = false) -> AlertNotice {
        let (jail, ban) = (episode.last.jail, episode.last)
        let verb = episode.isObserved ? "would ban" : "bans"
        let count = "\(episode.bans) \(episode.bans == 1 ? "ban" : "bans")"
        let place = episode.labels["instance"].map { " of \($0)" } ?? ""
        let top = episode.networks.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(5)
            .map { "\($0.key) (\($0.value))" }.joined(separator: ", ")
        var annotations: LabelSet = [
            "summary": "Jail \(jail)\(place) \(verb): \(count) since it began.",
            "description":
                "\(count)\(top.isEmpty ? "" : ", most of them in \(top)"). The last is of \(ban.target) until \(ban.endText), after \(ban.failures) failures.",
            "bans": "\(episode.bans)",
        ]
        if !top.isEmpty { annotations["top_networks"] = top }
        return AlertNotice(
            labels: episode.labels, annotations: annotations, state: isOver ? .resolved : .firing,
            startsAt: episode.startsAt, endsAt: isOver ? time : time + lifetime, generatorURL: "",
            value: Double(episode.bans))
    }
}

extension BanAlerting {
    /// The labels of a jail's alert, over those of all jails and of the agent; nil where it has none.
    func labels(of jail: String, over all: BanAlerting, _ agent: LabelSet) -> LabelSet? {
        guard isOn else { return nil }
        var labels = agent.overridden(by: ["severity": "info"]).overridden(by: all.labels).overridden(by: self.labels)
        labels["alertname"] = "JailBans"
        labels["jail"] = jail
        return labels
    }
}
