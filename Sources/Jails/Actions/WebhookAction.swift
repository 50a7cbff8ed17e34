import Bytes
import Configuration
import Telemetry
import Transport

/// `webhook`: whom to tell of bans.
package struct WebhookActionSettings: ConfigurationSection, Equatable {
    package var url = Secret("")
    package var http = HTTPClientConfiguration()
    /// Seconds for one request.
    package var timeout = 10.0
    /// Changes in one request.
    package var largestBatch = 100
    /// Seconds that changes are collected for.
    package var batchTime = 1.0
    package var tellsUnbans = true
    /// Whether the lines of the log that led to a ban go along.
    package var sendsMatches = false
    package var mostTries = 5

    package static let configurationKeys: [ConfigurationKey] =
        [
            ConfigurationKey("url", "secret", "Where changes are posted."),
            ConfigurationKey("url_file", "secret file", "A file with the URL."),
            ConfigurationKey("timeout", "duration", default: "10s", "How long one request may take."),
            ConfigurationKey("batch_size", "int", default: "100", "How many changes one request tells of at most."),
            ConfigurationKey(
                "batch_time", "duration", default: "1s", "How long changes are collected for one request."),
            ConfigurationKey("unbans", "bool", default: "true", "Whether the ends of bans are told of."),
            ConfigurationKey("matches", "bool", default: "false", "Whether log lines that led to a ban go along."),
            ConfigurationKey("tries", "int", default: "5", "How often a request is tried before it is given up."),
        ] + HTTPClientConfiguration.configurationKeys

    package init() {}

    package init(_ reader: MappingReader) {
        if let source = reader.secret("url", orFile: "url_file") {
            url = source.secret
            do throws(HTTPTargetError) {
                _ = try HTTPTarget(parsing: url.value)
            } catch {
                reader.report("url: \(error.description)", at: reader.has("url") ? "url" : "url_file")
            }
        } else if !reader.has("url"), !reader.has("url_file") {
            reader.report("url is missing: expected the URL that changes are posted to")
        }
        http = HTTPClientConfiguration(reader)
        timeout = reader.duration("timeout", in: 0.1...300) ?? timeout
        largestBatch = reader.int("batch_size", in: 1...10_000) ?? largestBatch
        batchTime = reader.duration("batch_time", in: 0...3600) ?? batchTime
        tellsUnbans = reader.bool("unbans") ?? tellsUnbans
        sendsMatches = reader.bool("matches") ?? sendsMatches
        mostTries = reader.int("tries", in: 1...100) ?? mostTries
    }
}

/// Posts changes as JSON: `{"version": 1, "host": …, "changes": [{"change": "ban", "jail": …, "target": …, …}]}`.
///
/// At most 10,000 changes wait; the oldest go, and count as failed. Bans from before this start are never told of again.
package final class WebhookAction: WakingBanAction, @unchecked Sendable {
    package let name: String
    private let settings: WebhookActionSettings
    private let transport: ActionTransport
    private let host: String
    private let context: ActionContext
    static let mostWaiting = 10_000
    /// Of the lines and groups of those that wait.
    static let mostBytes = 8 << 20

    // Only the lane's thread, which calls one method at a time, touches these.
    private var waiting: [BanChange] = []
    private var tries = 0
    private var backoff = Backoff(minimum: 1, maximum: 60)
    /// Not before this time, seconds since 1970.
    private var nextTime = -Double.infinity

    /// - Parameter host: as which this host is named.
    package init(_ settings: WebhookActionSettings, host: String, userAgent: String, context: ActionContext) {
        name = context.name
        self.settings = settings
        self.host = host
        self.context = context
        transport = ActionTransport(configuration: settings.http, userAgent: userAgent, timeout: settings.timeout)
    }

    package func start(restoring bans: [Ban], now: Double) {}

    package func apply(_ changes: [BanChange], now: Double) {
        let told = changes.filter { $0.kind == .unban ? settings.tellsUnbans : !$0.ban.isRestored }
        if waiting.isEmpty, !told.isEmpty { nextTime = max(nextTime, now + settings.batchTime) }
        var room = Self.mostBytes - waiting.reduce(0) { $0 + $1.textSize }
        for change in told {
            let change = settings.sendsMatches ? change : change.withoutLines
            let kept = change.fitting(room)
            if kept.textSize < change.textSize { context.cut() }
            room -= kept.textSize
            waiting.append(kept)
        }
        let excess = waiting.count - Self.mostWaiting
        guard excess > 0 else { return }
        for change in waiting.prefix(excess) {
            context.failed(change.kind, "more than \(Self.mostWaiting) changes wait")
        }
        waiting.removeFirst(excess)
    }

    package func wake(now: Double) -> Double? {
        guard !waiting.isEmpty else { return nil }
        // What comes in one batch's time goes at once where it fills one.
        // A clock that was set back must not keep it waiting.
        let isDue = now >= nextTime || nextTime - now > 3600
        guard isDue || tries == 0 && waiting.count >= settings.largestBatch else { return nextTime }
        send(now)
        return waiting.isEmpty ? nil : max(now, nextTime)
    }

    package func stop(isRemoved: Bool) {
        while !waiting.isEmpty, Timestamp.monotonic < context.deadline, !context.stop.isStopped {
            let before = waiting.count
            send(0)
            if waiting.count == before { break }
        }
        for change in waiting { context.failed(change.kind, "not told before the end") }
        waiting = []
    }

    private func send(_ now: Double) {
        let batch = waiting.prefix(settings.largestBatch)
        do throws(ActionTransport.Failure) {
            try transport.send(
                settings.url.value, method: "POST", headers: [HTTPHeader("Content-Type", "application/json")],
                body: body(batch), stop: context.stop)
            context.trouble(nil)
            nextTime = now
        } catch {
            tries += 1
            let wait = backoff.next()
            if case .retry(let reason, let after) = error, tries < settings.mostTries {
                nextTime = now + max(wait, min(after ?? 0, 3600))
                context.trouble(reason)
                return
            }
            for change in batch { context.failed(change.kind, error.reason) }
            nextTime = now
        }
        tries = 0
        backoff.reset()
        waiting.removeFirst(batch.count)
    }

    private func body(_ changes: ArraySlice<BanChange>) -> [UInt8] {
        var writer = JSONWriter(capacity: 512)
        writer.beginObject()
        writer.key("version")
        writer.integer(1)
        writer.key("host")
        writer.string(host)
        writer.key("changes")
        writer.beginArray()
        for change in changes { Self.write(change, sendsMatches: settings.sendsMatches, into: &writer) }
        writer.endArray()
        writer.endObject()
        writer.endLine()
        return writer.written()
    }

    static func write(_ change: BanChange, sendsMatches: Bool, into writer: inout JSONWriter) {
        let ban = change.ban
        writer.beginObject()
        writer.key("change")
        writer.string(change.kind.rawValue)
        writer.key("jail")
        writer.string(ban.jail)
        writer.key("target")
        writer.string(ban.target.description)
        writer.key("time")
        writer.number(ban.time)
        // Null for a ban without end.
        writer.key("end")
        writer.number(ban.end)
        writer.key("count")
        writer.integer(ban.count)
        writer.key("failures")
        writer.integer(ban.failures)
        let origin: (kind: String, detail: String?) =
            switch ban.origin {
            case .failures: ("failures", nil)
            case .manual(let reason): ("manual", reason)
            case .list(let name): ("list", name)
            case .peer(let name): ("peer", name)
            }
        writer.key("origin")
        writer.string(origin.kind)
        for (key, value) in [("detail", origin.detail), ("user", ban.groups["user"])] {
            guard let value else { continue }
            writer.key(key)
            writer.string(value)
        }
        if sendsMatches {
            writer.key("matches")
            writer.beginArray()
            for match in ban.matches { writer.string(match) }
            writer.endArray()
        }
        writer.endObject()
    }
}
