import Bytes
import Configuration
import Synchronization
import Telemetry
import Transport

/// Tells other hosts of bans, and hears of theirs, over a stream of Redis (5.0 and later): `XADD` of the fields `host`, `ban` (JSON of a
/// `SharedBan`) and `sig` (HMAC over both with the shared secret), `XREAD BLOCK`. What is not signed is passed over.
///
/// `run` belongs on a thread of its own; the rest is safe from any thread.
package final class RedisSharing: Sendable {
    package struct Status: Sendable, Equatable {
        package var isReading = false
        package var isWriting = false
        package var published = 0
        package var received = 0
        /// Messages that are not signed with our secret, or none at all.
        package var refused = 0
        /// Bans that were not told because Redis was away for too long.
        package var dropped = 0
        /// Why there is no connection at present; nil where there is none missing.
        package var failure: String?
    }

    private struct Outgoing {
        var queue: [SharedBan] = []
        /// How many have left it.
        var gone = 0
        var isClosed = false
    }

    /// Bans that wait while Redis is away; the oldest go.
    private static let mostWaiting = 10_000
    private static let batch = 200
    /// Seconds that a read waits for messages.
    private static let readTime = 30.0

    private let settings: RedisSettings
    private let name: String
    private let secret: Secret
    private let bans: SharedBans
    private let store: BanStore?
    private let outgoing = Condition(Outgoing())
    private let state = Mutex(Status())

    /// - Parameters:
    ///   - name: this host's among the others.
    ///   - store: keeps how far this has read.
    package init(_ settings: RedisSettings, name: String, secret: Secret, bans: SharedBans, store: BanStore?) {
        self.settings = settings
        self.name = name
        self.secret = secret
        self.bans = bans
        self.store = store
    }

    package var status: Status { state.withLock { $0 } }

    /// Queues a ban for the others; does not wait.
    package func publish(_ change: BanChange, now: Double) {
        guard let shared = SharedBan(change, now: now) else { return }
        let dropped = outgoing.change { outgoing in
            outgoing.queue.append(shared)
            guard outgoing.queue.count > Self.mostWaiting else { return 0 }
            let dropped = Self.mostWaiting / 8
            outgoing.queue.removeFirst(dropped)
            outgoing.gone += dropped
            return dropped
        }
        if dropped > 0 { state.withLock { $0.dropped += dropped } }
    }

    /// Reads and writes, connecting again and again, until it is stopped.
    package func run(stop: StopToken) {
        let writer = WorkerThread(name: "redis-out") { [self] in write(stop) }
        repeatedly(stop) {
            self.state.withLock { $0.isReading = false }
        } body: { () throws(RedisFailure) in
            try self.read(stop)
        }
        outgoing.change { $0.isClosed = true }
        writer.join()
    }

    /// Calls `body`, which goes on until something fails, again and again, later and later.
    private func repeatedly(
        _ stop: StopToken, ended: () -> Void, body: () throws(RedisFailure) -> Void
    ) {
        var backoff = Backoff(minimum: 0.5, maximum: 30)
        while !stop.isStopped {
            let start = Timestamp.monotonic
            do throws(RedisFailure) {
                try body()
            } catch {
                ended()
                if stop.isStopped { return }
                state.withLock { $0.failure = "Redis (\(settings.address)) \(error.description)" }
            }
            if Timestamp.monotonic.seconds(since: start) > 60 { backoff.reset() }
            stop.wait(seconds: backoff.next())
        }
    }

    // MARK: Reading

    private var position: String { "redis:\(settings.stream)" }

    private func read(_ stop: StopToken) throws(RedisFailure) {
        var connection = try RedisConnection.open(settings, stop: stop)
        connected { $0.isReading = true }
        var last = "0"
        // Votes that are not enough yet are not kept: all are read again.
        if !bans.keepsVotes, let saved = store?.position(position) { last = String(decoding: saved, as: UTF8.self) }
        while !stop.isStopped {
            let reply = try connection.ask(
                ["XREAD", "COUNT", "500", "BLOCK", "\(Int(Self.readTime * 1000))", "STREAMS", settings.stream, last],
                timeout: Self.readTime + 10)
            // Of one stream: [[key, [[id, [field, value, …]], …]]]
            let messages = reply.elements.first?.elements.last?.elements ?? []
            guard let newest = messages.last?.elements.first?.text else { continue }
            let isKept = take(messages)
            last = newest
            if isKept, !bans.keepsVotes { store?.setPosition(position, Array(last.utf8)) }
        }
    }

    /// Whether what follows from them is kept.
    private func take(_ messages: [RedisReply]) -> Bool {
        var byHost: [(host: String, bans: [SharedBan])] = []
        var refused = 0
        for message in messages {
            let fields = message.elements.last?.elements ?? []
            var values: [String: String] = [:]
            for index in stride(from: 0, to: fields.count - 1, by: 2) {
                if let name = fields[index].text, let value = fields[index + 1].text { values[name] = value }
            }
            guard let host = values["host"], !host.isEmpty, host.utf8.count <= BanTextLimit.origin else {
                refused += 1
                continue
            }
            // Our own come back to us.
            if host == name { continue }
            guard let text = values["ban"], let signature = values["sig"],
                SharingSignature.verify(
                    signature, ["redis", host, settings.stream], Array(text.utf8).span.bytes, secret: secret),
                let json = try? JSONValue(parsing: Array(text.utf8).span.bytes, limit: 64 << 10),
                let ban = SharedBan(json)
            else {
                refused += 1
                continue
            }
            if byHost.last?.host == host {
                byHost[byHost.count - 1].bans.append(ban)
            } else {
                byHost.append((host, [ban]))
            }
        }
        let count = byHost.reduce(0) { $0 + $1.bans.count }
        state.withLock { state in
            state.received += count
            state.refused += refused
        }
        let now = Timestamp.now.secondsSince1970
        var isKept = true
        for (host, bans) in byHost where !self.bans.receive(bans, from: host, now: now) { isKept = false }
        return isKept
    }

    private func connected(_ change: (inout Status) -> Void) {
        state.withLock { state in
            change(&state)
            if state.isReading, state.isWriting { state.failure = nil }
        }
    }

    // MARK: Writing

    private func write(_ stop: StopToken) {
        repeatedly(stop) {
            self.state.withLock { $0.isWriting = false }
        } body: { () throws(RedisFailure) in
            var connection = try RedisConnection.open(self.settings, stop: stop)
            self.connected { $0.isWriting = true }
            while !stop.isStopped { try self.writeNext(&connection) }
        }
    }

    private func writeNext(_ connection: inout RedisConnection) throws(RedisFailure) {
        let next = outgoing.wait(until: Timestamp.monotonic.adding(seconds: 20)) {
            outgoing -> (bans: [SharedBan], gone: Int)? in
            if outgoing.queue.isEmpty { return outgoing.isClosed ? ([], 0) : nil }
            return (Array(outgoing.queue.prefix(Self.batch)), outgoing.gone)
        }
        guard let (next, gone) = next else {
            // So that a connection that is gone is known before there is something to tell.
            try connection.ask(["PING"], timeout: 10)
            return
        }
        guard !next.isEmpty else { return }
        let commands = next.map { ban in
            var json = JSONWriter()
            ban.write(into: &json)
            let text = json.written()
            let signature = SharingSignature.sign(["redis", name, settings.stream], text.span.bytes, secret: secret)
            return [
                "XADD", settings.stream, "MAXLEN", "~", "\(settings.maxEntries)", "*", "host", name, "ban",
                String(decoding: text, as: UTF8.self), "sig", signature,
            ]
        }
        try connection.ask(commands, timeout: 10)
        outgoing.withLock { outgoing in
            // A full queue may have dropped some of them meanwhile.
            let left = max(0, gone + next.count - outgoing.gone)
            outgoing.queue.removeFirst(left)
            outgoing.gone += left
        }
        state.withLock { $0.published += next.count }
    }
}
