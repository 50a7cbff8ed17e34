import Bytes
import Configuration
import Glibc
import Telemetry
import Transport

/// Keeps the bans in a list that a service keeps, one request for each that comes or goes, so many in a second.
///
/// What an answer calls an item is remembered in a file, so that it can be removed after a restart; at the start, what the
/// file has and the bans have not is removed, and the other way round added.
package final class HTTPListAction: WakingBanAction, @unchecked Sendable {
    package let name: String
    private let settings: HTTPListActionSettings
    private let transport: ActionTransport
    private let context: ActionContext
    private let host: String
    private let path: String

    private struct Work {
        var change: BanChange
        var tries = 0
    }

    // Only the lane's thread, which calls one method at a time, touches these.
    /// What is in the list, by its text, with its id.
    private var items: [String: String] = [:]
    private var isLoaded = false
    private var isUnsaved = false
    private var lastSave = -Double.infinity
    /// The jails that ban each.
    private var jails: [BanTarget: Set<String>] = [:]
    private var works: [Work] = []
    private var backoff = Backoff(minimum: 1, maximum: 120)
    private var nextTime = -Double.infinity

    static let mostWorks = 50_000
    /// Seconds.
    static let saveInterval = 5.0

    /// - Parameter path: of the file with the ids.
    package init(
        _ settings: HTTPListActionSettings, path: String, host: String, userAgent: String, context: ActionContext
    ) {
        name = context.name
        self.settings = settings
        self.path = path
        self.host = host
        self.context = context
        transport = ActionTransport(configuration: settings.http, userAgent: userAgent, timeout: settings.timeout)
    }

    package func start(restoring bans: [Ban], now: Double) throws(BanActionError) {
        try load()
        jails = [:]
        works = []
        for ban in bans { jails[ban.target, default: []].insert(ban.jail) }
        let wanted = Set(jails.keys.map(\.description))
        for target in items.keys.sorted() where !wanted.contains(target) {
            enqueue(.unban(Ban(jail: "", target: BanTarget(target), time: now, duration: 0)))
        }
        var known = Set(items.keys)
        for ban in bans where known.insert(ban.target.description).inserted { enqueue(.ban(ban)) }
    }

    package func apply(_ changes: [BanChange], now: Double) {
        for change in changes {
            let target = change.ban.target
            switch change {
            case .prolong: continue
            case .ban(let ban):
                let isFirst = jails[target] == nil
                jails[target, default: []].insert(ban.jail)
                if !isFirst { continue }
            case .unban(let ban):
                guard jails[target]?.remove(ban.jail) != nil, jails[target]?.isEmpty == true else { continue }
                jails[target] = nil
            }
            // What has not gone out yet and is over already never goes.
            let opposite = works.firstIndex {
                $0.change.ban.target == target && $0.change.kind != change.kind && $0.tries == 0
            }
            if let opposite {
                works.remove(at: opposite)
            } else {
                enqueue(change)
            }
        }
    }

    package func wake(now: Double) -> Double? {
        if !works.isEmpty, now >= nextTime || nextTime - now > 3600 {
            step(now)
            // The whole file at every request would cost more than the requests.
            if works.isEmpty || abs(now - lastSave) >= Self.saveInterval { save(now) }
        }
        return works.isEmpty ? nil : max(nextTime, now)
    }

    package func stop(isRemoved: Bool) {
        // What is in the list stays there over a restart; where the action goes, its items go.
        if isRemoved {
            works = items.keys.sorted().map {
                Work(change: .unban(Ban(jail: "", target: BanTarget($0), time: 0, duration: 0)))
            }
        }
        while !works.isEmpty, !context.stop.isStopped, Timestamp.monotonic < context.deadline {
            let count = works.count
            step(0)
            if works.count == count { break }
        }
        save(0)
    }

    private func enqueue(_ change: BanChange) {
        guard works.count < Self.mostWorks else {
            return context.failed(change.kind, "more than \(Self.mostWorks) changes wait")
        }
        works.append(Work(change: change.withoutLines))
    }

    /// One request.
    private func step(_ now: Double) {
        let work = works[0]
        let ban = work.change.ban
        let target = ban.target.description
        let isBan = work.change.kind == .ban
        nextTime = now + 1 / settings.rate
        guard isBan != (items[target] != nil) else {
            works.removeFirst()
            return
        }
        let request = isBan ? settings.add : settings.remove
        let id = items[target] ?? ""
        do throws(ActionTransport.Failure) {
            let body = Array((request.body?.text(of: ban, id: id, host: host, in: .json) ?? "").utf8)
            let answer = try transport.send(
                request.url?.text(of: ban, id: id, host: host, in: .url) ?? "",
                method: request.method ?? (isBan ? "POST" : "DELETE"),
                headers: body.isEmpty ? [] : [HTTPHeader("Content-Type", settings.contentType)], body: body,
                stop: context.stop)
            backoff.reset()
            if isBan {
                guard let id = Self.id(in: answer, at: settings.idPath) else {
                    throw .refused("the answer has no \(settings.idPath.joined(separator: "."))", status: 200)
                }
                items[target] = id
            } else {
                items[target] = nil
            }
            isUnsaved = true
            context.trouble(nil)
        } catch {
            if case .refused(_, let status) = error, !isBan, status == 404 || status == 410 {
                // Somebody has removed it already.
                items[target] = nil
                isUnsaved = true
            } else if case .retry(let reason, let after) = error, work.tries + 1 < settings.mostTries {
                works[0].tries += 1
                nextTime = now + max(backoff.next(), min(after ?? 0, 3600))
                context.trouble("\(target): \(reason)")
                return
            } else {
                context.failed(work.change.kind, "\(target): \(error.reason)")
                // As long as its id is known it is removed at the next start.
                nextTime = now + max(1 / settings.rate, backoff.next())
            }
        }
        works.removeFirst()
    }

    static func id(in answer: [UInt8], at path: [String]) -> String? {
        guard !path.isEmpty else { return "" }
        guard var value = try? JSONValue(parsing: answer.span.bytes) else { return nil }
        for step in path {
            if let index = Int(step), value.elements.indices.contains(index) {
                value = value.elements[index]
            } else if let member = value[step] {
                value = member
            } else {
                return nil
            }
        }
        return value.string ?? value.number.flatMap { Int64(exactly: $0).map { String($0) } }
    }

    private func load() throws(BanActionError) {
        guard !isLoaded else { return }
        if access(path, F_OK) == 0 {
            switch ConfigurationSurroundings.process.read(path) {
            case .failure(let failure): throw BanActionError("cannot read \(path): \(failure.reason)")
            case .success(let bytes):
                // A damaged file costs what it remembered: those items stay in the list.
                let value = try? JSONValue(parsing: bytes.span.bytes)
                if value == nil {
                    context.trouble("\(path) is damaged: what is in the list from before is not removed")
                }
                for member in value?.members ?? [] { items[member.name] = member.value.string }
            }
        }
        isLoaded = true
    }

    private func save(_ now: Double) {
        guard isUnsaved else { return }
        lastSave = now
        var writer = JSONWriter(capacity: 64 + items.count * 64)
        writer.beginObject()
        for (target, id) in items.sorted(by: { $0.key < $1.key }) {
            writer.key(target)
            writer.string(id)
        }
        writer.endObject()
        do throws(SystemError) {
            try FileAction.replace(path, with: writer.written(), mode: 0o600)
            isUnsaved = false
        } catch {
            context.trouble(error.description)
        }
    }
}
