import Bytes
import Logs
import Loki
import Telemetry
import Web

extension Router {
    /// `GET /api/v1/logs?query=…&start=…&end=…&limit=…&follow=1`: found lines as JSON, one per line, oldest first;
    /// times are nanoseconds since the epoch.
    mutating func addLogs(store: LogStore, stateDirectory: String) {
        on(.get, "/api/v1/logs") { request in
            // A command asks whichever agent listens where its configuration says; it may be another one's.
            if let wanted = request.query["state_dir"], wanted != stateDirectory {
                throw HTTPError(409, "this agent's state directory is \(stateDirectory)")
            }
            let search: LogRequest
            do throws(LogQueryError) {
                search = try LogRequest(request.query)
            } catch {
                throw HTTPError(400, error.description)
            }
            return .ndjson { writer in try await LogStream(store: store, request: search).write(to: writer) }
        }
    }
}

/// What `/api/v1/logs` and `tocsin logs` are asked for.
struct LogRequest: Sendable {
    var text: String
    var query: LogQuery
    var start: Timestamp
    var end = Timestamp.distantFuture
    var limit = 1000
    var isFollowing = false

    init(query: String, start: Timestamp) throws(LogQueryError) {
        text = query
        self.query = try LogQueryParser.parse(query.isEmpty ? "{}" : query)
        self.start = start
    }

    init(_ parameters: Query) throws(LogQueryError) {
        try self.init(query: parameters["query"] ?? "", start: Timestamp(nanoseconds: 0))
        start = try Self.time(parameters, "start") ?? start
        end = try Self.time(parameters, "end") ?? end
        if let text = parameters["limit"] {
            guard let value = Int(text), (0...100_000).contains(value) else {
                throw LogQueryError(column: 1, message: "limit: expected 0 to 100000, found \(text)")
            }
            limit = value
        }
        isFollowing = parameters.flag("follow")
    }

    private static func time(_ parameters: Query, _ name: String) throws(LogQueryError) -> Timestamp? {
        guard let text = parameters[name] else { return nil }
        guard let value = Int64(text) else {
            throw LogQueryError(column: 1, message: "\(name): expected nanoseconds since the epoch, found \(text)")
        }
        return Timestamp(nanoseconds: value)
    }

    /// As the query of a URL.
    var parameters: String {
        var text = "query=\(PercentCoding.encoded(self.text))&start=\(start.nanoseconds)&limit=\(limit)"
        if end < .distantFuture { text += "&end=\(end.nanoseconds)" }
        if isFollowing { text += "&follow=1" }
        return text
    }
}

/// Writes what a search finds, and then what comes.
private struct LogStream {
    let store: LogStore
    let request: LogRequest

    func write(to writer: BodyWriter) async throws {
        let request = request
        let store = store
        let first = try await Blocking.run { try Self.newest(request, store) }
        for chunk in first.chunks { try await writer.write(chunk) }
        guard request.isFollowing else { return }
        var location = first.next
        while !Task.isCancelled {
            let from = location
            let (chunk, next) = try await Blocking.run { try Self.following(request, store, from) }
            location = next
            if !chunk.isEmpty { try await writer.write(chunk) }
            // The store is asked again at the pace at which sources commit.
            try await Task.sleep(for: .seconds(1), tolerance: .milliseconds(200))
        }
    }

    private static func newest(
        _ request: LogRequest, _ store: LogStore
    ) throws -> (chunks: [[UInt8]], next: RecordLocation) {
        var search = LogSearch(request.query) { (at, metadataOnly, record) throws(StoreError) in
            try store.read(at: at, metadataOnly: metadataOnly, into: &record)
        }
        let (entries, next) = try search.newest(request.limit, from: request.start, until: request.end)
        var chunks: [[UInt8]] = []
        var json = JSONWriter(capacity: 64 << 10)
        for (index, entry) in entries.enumerated() {
            entry.write(to: &json)
            if json.buffer.count > 48 << 10 || index == entries.count - 1 {
                chunks.append(json.written())
                json.buffer.removeAll()
            }
        }
        return (chunks, next)
    }

    private static func following(
        _ request: LogRequest, _ store: LogStore, _ from: RecordLocation
    ) throws -> ([UInt8], RecordLocation) {
        var search = LogSearch(request.query) { (at, metadataOnly, record) throws(StoreError) in
            try store.read(at: at, metadataOnly: metadataOnly, into: &record)
        }
        var location = from
        var json = JSONWriter()
        var found: [FoundEntry] = []
        while json.buffer.count < 1 << 20, try search.next(at: &location, from: request.start, into: &found) {
            for entry in found { entry.write(to: &json) }
            found.removeAll(keepingCapacity: true)
        }
        return (json.written(), location)
    }
}
