import Bytes
import Glibc
import PushServer
import Telemetry
import Testing

@testable import Alerting

/// Debian's Alertmanager (`ALERTMANAGER` names another) and this one, with the same configuration and the same alerts posted to
/// both: what their webhooks get has to be the same, member by member and in the same order.
///
/// Left out of it: `notification_reason` and `routeLabels`, which 0.25 does not have, and repeats, which come exactly here.
@Suite struct AlertmanagerComparisonTests {
    static let path: String? = {
        if let named = getenv("ALERTMANAGER").map({ String(cString: $0) }) { return named }
        let usual = "/usr/bin/prometheus-alertmanager"
        return access(usual, X_OK) == 0 ? usual : nil
    }()

    /// Seconds after which all scripts are over.
    private static let duration = 16.0

    @Test(
        "40 scripts bring the same notifications as Alertmanager 0.25", .enabled(if: path != nil && Amtool.path != nil))
    func agrees() async throws {
        let path = try #require(Self.path)
        let directory = TestDirectory()
        let state = TestDirectory()
        let theirs = PushServer { _ in .status(200) }
        let ours = PushServer { _ in .status(200) }
        defer {
            theirs.stop()
            ours.stop()
        }
        try directory.write("config.yml", ComparisonScript.configuration(port: theirs.port))
        let free = PushServer { _ in .status(200) }
        let port = free.port
        free.stop()
        let process = try Self.start([
            path, "--config.file", directory.path + "/config.yml", "--storage.path", directory.path + "/data",
            "--web.listen-address", "127.0.0.1:\(port)", "--cluster.listen-address", "", "--web.external-url",
            "http://alerts.example", "--log.level", "error",
        ])
        defer {
            kill(process, SIGKILL)
            waitpid(process, nil, 0)
            _ = Amtool.remove(directory.path + "/data")
        }
        let served = try ServedAPI(
            ComparisonScript.configuration(port: ours.port), directory: state.path, externalURL: "http://alerts.example"
        )
        defer { served.end() }
        let limit = Timestamp.monotonic.adding(seconds: 30)
        while PlainHTTP.post(port, "/api/v2/alerts", "[]") != 200 {
            try #require(Timestamp.monotonic < limit, "Alertmanager does not answer")
            usleep(50_000)
        }
        // On a thread of its own: it waits for most of its time, and other tests need the few that run them.
        let refused = try await Blocking.run { [port, other = served.server.port] in Self.play([port, other]) }
        #expect(refused == [])
        compare(Self.payloads(theirs), Self.payloads(ours))
    }

    /// Posts every step to all ports at its time; what was not taken.
    private static func play(_ ports: [UInt16]) -> [String] {
        var refused: [String] = []
        func post(_ path: String, _ body: String) {
            for port in ports where PlainHTTP.post(port, path, body) != 200 { refused.append("\(path) \(body)") }
        }
        let begin = Timestamp.monotonic
        var starts: [String: Int64] = [:]
        let steps = ComparisonScript.all.flatMap { script in script.steps.map { (script.name, $0.at, $0.action) } }
        for at in Set(steps.map(\.1)).sorted() {
            wait(until: begin.adding(seconds: at))
            var alerts: [String] = []
            let now = Timestamp.now.milliseconds
            for (script, _, action) in steps.filter({ $0.1 == at }) {
                switch action {
                case .fire(let name, let labels, let annotations):
                    let key = "\(script) \(name) \(labels.sorted { $0.key < $1.key })"
                    if starts[key] == nil { starts[key] = now }
                    alerts.append(alert(script, name, labels, annotations, from: starts[key] ?? now))
                case .resolve(let name, let labels):
                    let key = "\(script) \(name) \(labels.sorted { $0.key < $1.key })"
                    let start = starts.removeValue(forKey: key) ?? now - 1000
                    alerts.append(alert(script, name, labels, [:], from: start, to: now))
                case .fireSince(let name, let seconds):
                    alerts.append(alert(script, name, [:], [:], from: now - Int64(seconds * 1000)))
                case .fireUntil(let name, let seconds):
                    alerts.append(alert(script, name, [:], [:], from: now, to: now + Int64(seconds * 1000)))
                case .silence(let matcher, let seconds):
                    post("/api/v2/silences", silence(script, matcher, from: now, to: now + Int64(seconds * 1000)))
                }
            }
            if !alerts.isEmpty { post("/api/v2/alerts", "[\(alerts.joined(separator: ","))]") }
        }
        wait(until: begin.adding(seconds: Self.duration))
        return refused
    }

    private static func wait(until time: Timestamp) {
        while true {
            let left = time.seconds(since: .monotonic)
            if left <= 0 { return }
            usleep(UInt32(min(left, 0.5) * 1e6))
        }
    }

    private func compare(_ theirs: [String: [String]], _ ours: [String: [String]]) {
        #expect(!theirs.isEmpty)
        for key in Set(theirs.keys).union(ours.keys).sorted() {
            #expect(ours[key] ?? [] == theirs[key] ?? [], "\(key)")
        }
        print("compared \(theirs.values.reduce(0) { $0 + $1.count }) notifications of \(theirs.count) groups")
    }

    /// The payloads of each receiver and group, in their order.
    private static func payloads(_ server: PushServer) -> [String: [String]] {
        var result: [String: [String]] = [:]
        for request in server.requests {
            guard let payload = try? JSONValue(parsing: request.body.span.bytes) else {
                Issue.record("no JSON: \(String(decoding: request.body, as: UTF8.self))")
                continue
            }
            let key = "\(payload["receiver"]?.string ?? "") \(payload["groupKey"]?.string ?? "")"
            result[key, default: []].append(text(payload))
        }
        return result
    }

    /// A form that does not depend on the order of members, without what 0.25 does not have.
    private static func text(_ value: JSONValue) -> String {
        switch value {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .number(let value): "\(value)"
        case .string(let text): GoQuoted.quote(text)
        case .array(let elements): "[" + elements.map(Self.text).joined(separator: ",") + "]"
        case .object(let members):
            "{"
                + members.filter { !["notification_reason", "routeLabels"].contains($0.name) }
                .sorted { $0.name < $1.name }.map { "\($0.name):\(Self.text($0.value))" }.joined(separator: ",") + "}"
        }
    }

    private static func alert(
        _ script: String, _ name: String, _ labels: [String: String], _ annotations: [String: String],
        from start: Int64,
        to end: Int64? = nil
    ) -> String {
        var json = JSONWriter()
        json.beginObject()
        json.key("labels")
        json.beginObject()
        for (name, value) in labels.merging(
            ["alertname": name, "script": script], uniquingKeysWith: { first, _ in first })
        {
            json.key(name)
            json.string(value)
        }
        json.endObject()
        json.key("annotations")
        json.beginObject()
        for (name, value) in annotations {
            json.key(name)
            json.string(value)
        }
        json.endObject()
        json.key("generatorURL")
        json.string("http://prometheus.example/graph?g0.expr=x&g0.tab=1")
        json.key("startsAt")
        json.string(APITime.text(start))
        if let end {
            json.key("endsAt")
            json.string(APITime.text(end))
        }
        json.endObject()
        return String(decoding: json.written(), as: UTF8.self)
    }

    private static func silence(_ script: String, _ text: String, from start: Int64, to end: Int64) -> String {
        let matchers = ((try? MatcherSyntax.matchers("script=\(script),\(text)").matchers) ?? []).map { matcher in
            "{\"name\":\"\(matcher.name)\",\"value\":\"\(matcher.value)\",\"isRegex\":\(matcher.operation == .matches)}"
        }
        return "{\"matchers\":[\(matchers.joined(separator: ","))],\"startsAt\":\"\(APITime.text(start))\","
            + "\"endsAt\":\"\(APITime.text(end))\",\"createdBy\":\"me\",\"comment\":\"c\"}"
    }

    private static func start(_ words: [String]) throws -> pid_t {
        let arguments = words.map { strdup($0) } + [nil]
        defer { for word in arguments { free(word) } }
        var process: pid_t = 0
        try #require(posix_spawn(&process, words[0], nil, nil, arguments, environ) == 0)
        return process
    }
}
