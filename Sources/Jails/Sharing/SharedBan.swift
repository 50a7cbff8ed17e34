import Bytes

/// What one host tells others of a ban: JSON such as
/// `{"op":"ban","jail":"sshd","target":"192.0.2.1","time":1700000000.5,"duration":600,"count":2,"failures":5}`, `duration` -1 for ever; `op` is
/// `unban` where somebody lifted it before its time.
package struct SharedBan: Sendable, Equatable {
    package var ban: Ban
    package var isLifted: Bool

    /// nil for what is not told: bans that came from lists or other hosts, or they would go round in circles, and ends that
    /// others know of by themselves.
    package init?(_ change: BanChange, now: Double) {
        let ban = change.ban
        switch ban.origin {
        case .failures, .manual: break
        case .list, .peer: return nil
        }
        self.init(ban)
        if case .unban = change { isLifted = true }
        // Of a ban from before this start others have heard.
        guard ban.end > now, isLifted || !ban.isRestored else { return nil }
    }

    /// A ban that stands.
    init(_ ban: Ban) {
        self.ban = Ban(jail: ban.jail, target: ban.target, time: ban.time, duration: ban.duration)
        self.ban.count = ban.count
        self.ban.failures = ban.failures
        isLifted = false
    }

    /// nil for what is none; whether it is to be believed is another question.
    init?(_ json: JSONValue) {
        guard let operation = json["op"]?.string, operation == "ban" || operation == "unban",
            let jail = json["jail"]?.string, !jail.isEmpty, jail.utf8.count <= BanTextLimit.jail,
            let target = json["target"]?.string, !target.isEmpty, target.utf8.count <= BanTextLimit.target,
            let time = json["time"]?.number, time > 0, time < 1e11, let duration = json["duration"]?.number,
            duration < 1e11
        else { return nil }
        ban = Ban(jail: jail, target: BanTarget(target), time: time, duration: duration < 0 ? -1 : duration)
        ban.count = Int(min(max(json["count"]?.number ?? 1, 1), 1e9))
        ban.failures = Int(min(max(json["failures"]?.number ?? 0, 0), 1e9))
        isLifted = operation == "unban"
    }

    func write(into json: inout JSONWriter) {
        json.beginObject()
        for (name, value) in [
            ("op", isLifted ? "unban" : "ban"), ("jail", ban.jail), ("target", ban.target.description),
        ] {
            json.key(name)
            json.string(value)
        }
        for (name, value) in [("time", ban.time), ("duration", ban.duration)] {
            json.key(name)
            json.number(value)
        }
        for (name, value) in [("count", ban.count), ("failures", ban.failures)] {
            json.key(name)
            json.integer(value)
        }
        json.endObject()
    }
}
