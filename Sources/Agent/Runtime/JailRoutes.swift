import Bytes
import Jails
import Telemetry
import Web

extension Router {
    /// `/api/jails`: how each jail is doing. `/api/bans`: the bans that hold (`jail`, `ip`); with POST it bans (`ip`, `jail`,
    /// `ban_time` in seconds, -1 for ever, `comment`). `POST /api/bans/remove` (`ip` or `all=true`, `jail`) ends bans. `/api/bans/history` (`ip`, `jail`,
    /// `start` and `end` in milliseconds since 1970, `limit`): what happened, one JSON object per line, oldest first. `/api/bans/explain`
    /// (`ip`): what is known of somebody, as text. `/api/bans/export` (`format`, `jail`): whom the agent bans, for other programs.
    /// `/api/bans/lists`: how block lists are doing. `/api/bans/feed` (`since`): for the other hosts, signed; see `BanFeed`.
    mutating func addJails(_ road: JailsRoad, stateDirectory: String) {
        on(.get, "/api/jails") { request in
            try request.expect(stateDirectory: stateDirectory)
            let statuses = try await Blocking.run { road.statuses.map(\.status) }
            return .json { json in
                json.beginObject()
                json.key("jails")
                json.beginArray()
                for status in statuses { status.write(into: &json) }
                json.endArray()
                json.endObject()
            }
        }
        on(.get, "/api/bans") { request in
            try request.expect(stateDirectory: stateDirectory)
            let (jail, target) = (request.query["jail"], request.target)
            try await road.expect(jail: jail)
            let bans = try await road.answer { $0.bans(jail: jail, target: target) }
            let now = Timestamp.now.secondsSince1970
            return .json { json in
                json.beginObject()
                json.key("bans")
                json.beginArray()
                for ban in bans { ban.write(into: &json, now: now) }
                json.endArray()
                json.endObject()
            }
        }
        on(.post, "/api/bans") { request in
            try request.expect(stateDirectory: stateDirectory)
            guard let target = request.target else { throw HTTPError(400, "ip: expected an address or a network") }
            var duration: Double?
            if let text = request.query["ban_time"] {
                guard let seconds = Double(text), seconds.isFinite, seconds > 0 || seconds == -1, seconds < 1e10 else {
                    throw HTTPError(400, "ban_time: expected seconds, or -1 for ever, found \"\(text)\"")
                }
                duration = seconds
            }
            let (jail, comment) = (request.query["jail"] ?? JailPlan.manualName, request.query["comment"] ?? "")
            let now = Timestamp.now.secondsSince1970
            let result = try await road.answer { [duration] core in
                core.ban(target, jail: jail, duration: duration, origin: .manual(comment), now: now)
            }
            switch result {
            case .success(let ban): return .json { ban.write(into: &$0, now: now) }
            case .failure(let error): throw HTTPError(422, error.description)
            }
        }
        on(.post, "/api/bans/remove") { request in
            try request.expect(stateDirectory: stateDirectory)
            let (jail, target) = (request.query["jail"], request.target)
            // A slip of the pen must not forgive everybody.
            guard (target != nil) != (request.query["all"] == "true") else {
                throw HTTPError(400, "expected ip, an address or a network, or all=true")
            }
            try await road.expect(jail: jail)
            let count = try await road.answer { core in
                core.unban(target, jail: jail, now: Timestamp.now.secondsSince1970)
            }
            return .json { json in
                json.beginObject()
                json.key("removed")
                json.integer(count)
                json.endObject()
            }
        }
        on(.get, "/api/bans/history") { request in
            try request.expect(stateDirectory: stateDirectory)
            var query = BanEventQuery()
            query.jail = request.query["jail"]
            query.target = request.target
            query.since = try request.seconds("start") ?? query.since
            query.until = try request.seconds("end") ?? query.until
            if let text = request.query["limit"] {
                guard let limit = Int(text), (1...100_000).contains(limit) else {
                    throw HTTPError(400, "limit: expected 1 to 100000, found \"\(text)\"")
                }
                query.limit = limit
            }
            let events = try await Blocking.run { [query] in try road.store.events(query) }
            return .lines(events)
        }
        on(.get, "/api/bans/export") { request in
            try request.expect(stateDirectory: stateDirectory)
            let format = request.query["format"] ?? "plain"
            guard let export = BanListExport(rawValue: format) else {
                let known = BanListExport.allCases.map(\.rawValue).joined(separator: ", ")
                throw HTTPError(400, "format: expected one of \(known), found \"\(format)\"")
            }
            let jail = request.query["jail"]
            try await road.expect(jail: jail)
            let document = try await Blocking.run {
                export.document(road.store.bans(of: jail), now: Timestamp.now.secondsSince1970)
            }
            return Response(headers: ["Content-Type": export.contentType], body: .bytes(document))
        }
        on(.get, "/api/bans/lists") { request in
            try request.expect(stateDirectory: stateDirectory)
            return .json { json in
                json.beginObject()
                json.key("lists")
                road.lists.write(into: &json)
                json.endObject()
            }
        }
        on(.get, "/api/bans/feed") { request in
            let (since, signature) = (request.query["since"] ?? "", request.headers[BanFeed.header])
            guard let answer = try await Blocking.run({ road.feed(since: since, signature: signature) }) else {
                throw HTTPError(404, "bans are not shared here; see jails.sharing in the configuration")
            }
            return Response(
                status: answer.status, headers: ["Content-Type": answer.contentType], body: .bytes(answer.body))
        }
        on(.get, "/api/bans/explain") { request in
            try request.expect(stateDirectory: stateDirectory)
            guard let target = request.target else { throw HTTPError(400, "ip: expected an address or a network") }
            let lines = try await road.answer { core in
                core.explanation(of: target, now: Timestamp.now.secondsSince1970)
            }
            let kernel = try await Blocking.run { road.enforcement(of: target) }
            return .text((lines + kernel).joined(separator: "\n") + "\n")
        }
    }
}

extension JailsRoad {
    /// 404 where no jail has the name: nobody is banned there, which must not be taken for the truth.
    fileprivate func expect(jail: String?) async throws {
        guard let jail else { return }
        if let problem = try await answer({ $0.problem(withName: jail) }) { throw HTTPError(404, problem.description) }
    }

    /// What the crew says; 503 where there is none.
    fileprivate func answer<Answer: Sendable>(
        _ body: @escaping @Sendable (CrewCore) -> Answer
    ) async throws -> Answer {
        do {
            return try await Blocking.run { [self] in try ask(body) }
        } catch let error as BanActionError {
            throw HTTPError(503, error.description)
        }
    }
}

extension Request {
    fileprivate var target: BanTarget? {
        query["ip"].flatMap { $0.isEmpty || $0.utf8.count > 1024 ? nil : BanTarget($0) }
    }

    /// A parameter of milliseconds since 1970.
    fileprivate func seconds(_ name: String) throws(HTTPError) -> Double? {
        guard let text = query[name] else { return nil }
        guard let value = Int64(text) else {
            throw HTTPError(400, "\(name): expected milliseconds since 1970, found \"\(text)\"")
        }
        return Double(value) / 1000
    }
}

extension Response {
    /// One JSON object per line.
    fileprivate static func lines(_ events: [BanEvent]) -> Response {
        var json = JSONWriter(capacity: 64 << 10)
        for event in events {
            event.write(into: &json)
            json.endLine()
        }
        return Response(headers: ["Content-Type": "application/x-ndjson"], body: .bytes(json.written()))
    }
}
