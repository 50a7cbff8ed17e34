import Telemetry

/// Lines of `fail2ban.log` as fail2ban 1.0.2 writes them: its `recidive` filter and other tools read them.
///
/// `2026-11-28 12:00:00,123 fail2ban.actions        [812]: NOTICE  [sshd] Ban 192.0.2.1`
package struct Fail2banLog {
    private let zone: ZoneFile
    private let process: Int32

    private enum Level: String {
        case info = "INFO"
        case notice = "NOTICE"
        case warning = "WARNING"
    }

    /// - Parameter process: whose number the lines have.
    package init(zone: ZoneFile, process: Int32) {
        self.zone = zone
        self.process = process
    }

    /// Lines about what happened, without their ends; none for what fail2ban does not tell at its usual level, nor for bans that are only
    /// observed.
    ///
    /// - Parameter now: when it happened, which the lines begin with. Seconds since 1970.
    package func lines(for event: JailEvent, of jail: JailSettings, now: Double) -> [String] {
        func line(_ part: String, _ level: Level, _ message: String) -> String {
            "\(stamp(now)) \(Self.padded("fail2ban." + part, 24))[\(process)]: \(Self.padded(level.rawValue, 7)) \(message)"
        }
        let name = "[\(jail.name)]"
        switch event {
        case .found(let target, let time, _):
            return [line("filter", .info, "\(name) Found \(target) - \(date(time))")]
        case .knownOffender(let target, let time, let bans, let weight, let maximum):
            let count = weight < maximum ? "\(weight).0" : "\(weight), Ban"
            return [line("observer", .info, "\(name) Found \(target), bad - \(date(time)), \(bans) # -> \(count)")]
        case .ignored(let target, let reason):
            return [line("filter", .info, "\(name) Ignore \(target) by \(reason.rawValue)")]
        case .banned(let ban, false):
            let title = ban.isRestored ? "Restore Ban" : "Ban"
            let banned = line("actions", .notice, "\(name) \(title) \(ban.target)")
            guard !ban.isRestored, ban.duration != jail.banTime, ban.origin == .failures, ban.duration >= 0 else {
                return [banned]
            }
            let until = "\(Self.span(ban.duration)) -> \(date(ban.end))"
            return [
                banned, line("observer", .notice, "\(name) Increase Ban \(ban.target) (\(ban.count) # \(until))"),
            ]
        case .prolonged(let ban, let delay, false), .alreadyBanned(let ban, let delay):
            guard delay >= 3, !jail.isObserving else { return [] }
            return [line("actions", delay < 60 ? .notice : .warning, "\(name) \(ban.target) already banned")]
        case .unbanned(let ban, false): return [line("actions", .notice, "\(name) Unban \(ban.target)")]
        case .expired(let target): return [line("actions", .info, "\(name) Ignore \(target), expired bantime")]
        case .resolved(let host, let addresses) where !addresses.isEmpty:
            let list = addresses.map { "'\($0)'" }.joined(separator: ", ")
            return [line("ipdns", .warning, "Determined IP using DNS Lookup: \(host) = {\(list)}")]
        default: return []
        }
    }

    private func stamp(_ time: Double) -> String {
        let whole = time.rounded(.down)
        let milliseconds = Int(((time - whole) * 1000).rounded(.down))
        return "\(date(time)),\(Self.digits(milliseconds, 3))"
    }

    /// `2026-11-28 12:00:00` in the zone; the last second of the year 9999 for what is later.
    private func date(_ time: Double) -> String {
        let seconds = Int64(exactly: min(max(time, 0), 253_402_300_799).rounded(.down)) ?? 0
        let calendar = zone.calendar(at: seconds)
        let day = "\(Self.digits(calendar.year, 4))-\(Self.digits(calendar.month, 2))-\(Self.digits(calendar.day, 2))"
        return
            "\(day) \(Self.digits(calendar.hour, 2)):\(Self.digits(calendar.minute, 2)):\(Self.digits(calendar.second, 2))"
    }

    private static func digits(_ number: Int, _ count: Int) -> String {
        let text = "\(number)"
        return String(repeating: "0", count: max(0, count - text.utf8.count)) + text
    }

    private static func padded(_ text: String, _ count: Int) -> String {
        text + String(repeating: " ", count: max(0, count - text.utf8.count))
    }

    /// `1w 2d 3h`, `1h 20m`, `30.5s`: the longer, the coarser, as fail2ban's `seconds2str` has it.
    static func span(_ seconds: Double) -> String {
        let tiers: [(from: Double, unit: Double, parts: [(size: Int, name: String)])] = [
            (31_536_000, 86_400, [(365, "y"), (7, "w"), (1, "d")]), (604_800, 3600, [(168, "w"), (24, "d"), (1, "h")]),
            (86_400, 60, [(1440, "d"), (60, "h"), (1, "m")]), (3595, 10, [(360, "h"), (6, "m")]),
        ]
        var parts: [String] = []
        if let tier = tiers.first(where: { seconds >= $0.from }) {
            var rest = Int(exactly: (seconds / tier.unit).rounded(.toNearestOrEven)) ?? 0
            for part in tier.parts {
                if rest >= part.size { parts.append("\(rest / part.size)\(part.name)") }
                rest %= part.size
            }
            return parts.joined(separator: " ")
        }
        let rest = seconds.truncatingRemainder(dividingBy: 60)
        if seconds >= 60 { parts.append("\(Int(seconds / 60))m") }
        if rest != 0 { parts.append(rest == rest.rounded() ? "\(Int(rest))s" : "\(rest)s") }
        return parts.isEmpty ? "0" : parts.joined(separator: " ")
    }
}
