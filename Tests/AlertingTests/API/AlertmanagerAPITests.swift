import Bytes
import Telemetry
import TestSupport
import Testing

@testable import Alerting

@Suite struct AlertmanagerAPITests {
    private static let api = AlertmanagerAPI(
        about: .init(version: "1", startedAt: Scene.begin, configuration: "route: {}\n"))
    private static let configuration = """
        route:
          receiver: r
          group_by: [alertname]
          group_wait: 10s
          routes: [{receiver: other, matchers: [team=x], mute_time_intervals: [always], labels: {tier: "{{ .GroupLabels.alertname }}2"}}]
        receivers: [{name: r}, {name: other}]
        inhibit_rules: [{source_matchers: [sev=page], target_matchers: [sev=warn]}]
        time_intervals: [{name: always, time_intervals: [{}]}]
        """

    /// The status and the answer's JSON, `.null` for none.
    private static func call(
        _ scene: inout Scene, _ method: String, _ path: String, _ query: [(String, String)] = [], _ body: String = ""
    ) throws -> (status: Int, json: JSONValue) {
        let response = api.respond(
            to: APIRequest(method, path, query: query.map { ($0.0, $0.1) }, body: Array(body.utf8)),
            engine: &scene.engine, at: scene.now)
        scene.work()
        return (response.status, response.body.isEmpty ? .null : try JSONValue(parsing: response.body.span.bytes))
    }

    private static func names(_ json: JSONValue) -> [String] {
        json.elements.compactMap { $0["labels"]?["alertname"]?.string }.sorted()
    }

    private static func time(_ scene: Scene, _ seconds: Int64) -> String { APITime.text(scene.now + seconds * 1000) }

    @Test("alerts are taken as Prometheus posts them, and shown")
    func takesAlerts() throws {
        var scene = try Scene(Self.configuration)
        let posted = try Self.call(
            &scene, "POST", "/alerts", [],
            """
            [{"labels": {"alertname": "A", "empty": "", "sev": "warn"}, "annotations": {"summary": "é"},
              "startsAt": "\(Self.time(scene, -60))", "generatorURL": "http://p/graph"},
             {"labels": {"alertname": "B", "team": "x"}, "endsAt": "\(Self.time(scene, 100))",
              "startsAt": "0001-01-01T00:00:00Z"},
             {"labels": {"alertname": "P", "sev": "page"}}]
            """)
        #expect(posted.status == 200 && posted.json == .null)
        let all = try Self.call(&scene, "GET", "/alerts")
        #expect(Self.names(all.json) == ["A", "B", "P"])
        let first = try #require(all.json.elements.first { $0["labels"]?["alertname"]?.string == "A" })
        #expect(first["labels"]?.members.count == 2)
        #expect(first["annotations"]?["summary"]?.string == "é")
        #expect(first["startsAt"]?.string == Self.time(scene, -60))
        #expect(first["endsAt"]?.string == Self.time(scene, 300))
        #expect(first["generatorURL"]?.string == "http://p/graph")
        #expect(first["fingerprint"]?.string == AlertID(of: ["alertname": "A", "sev": "warn"]).description)
        #expect(first["status"]?["state"]?.string == "suppressed")
        #expect(
            first["status"]?["inhibitedBy"]?.elements.first?.string
                == AlertID(of: ["alertname": "P", "sev": "page"]).description)
        #expect(first["receivers"]?.elements.first?["name"]?.string == "r")
        for (query, expected) in [
            ([("inhibited", "false")], ["B", "P"]), ([("active", "false")], ["A"]),
            ([("filter", "alertname=~\"A|B\"")], ["A", "B"]),
            ([("receiver", "oth.*")], ["B"]), ([("filter", "team=\"\"")], ["A", "P"]),
            ([("filter", "team!=\"\"")], ["B"]),
            ([("filter", "alertname=A"), ("filter", "sev=warn")], ["A"]),
        ] {
            #expect(Self.names(try Self.call(&scene, "GET", "/alerts", query).json) == expected, "\(query)")
        }
        // B was posted with an end, which is over then.
        scene.now += 101_000
        #expect(Self.names(try Self.call(&scene, "GET", "/alerts").json) == ["A", "P"])
    }

    @Test("fingerprints are those of Prometheus's common library")
    func fingerprints() {
        #expect(AlertID(of: ["foo": "bar"]).description == "3fff2c2d7595e046")
        #expect(AlertID(of: [:]).description == "cbf29ce484222325")
    }

    @Test("groups are shown with what mutes them")
    func showsGroups() throws {
        var scene = try Scene(Self.configuration)
        scene.fire("A")
        scene.fire("B", ["team": "x"])
        scene.fire("A", ["host": "2"])
        let groups = try Self.call(&scene, "GET", "/alerts/groups").json.elements
        #expect(groups.map { $0["labels"]?["alertname"]?.string } == ["A", "B"])
        #expect(groups.map { $0["receiver"]?["name"]?.string } == ["r", "other"])
        #expect(groups.map { $0["alerts"]?.elements.count } == [2, 1])
        let muted = try #require(groups.last?["alerts"]?.elements.first?["status"])
        #expect(muted["state"]?.string == "suppressed")
        #expect(muted["mutedBy"]?.elements.first?.string == "always")
        #expect(try Self.call(&scene, "GET", "/alerts/groups", [("muted", "false")]).json.elements.count == 1)
        #expect(try Self.call(&scene, "GET", "/alerts/groups", [("receiver", "other")]).json.elements.count == 1)
    }

    @Test("wrong alerts are refused with a reason, the right ones among them taken")
    func refusesWrongAlerts() throws {
        var scene = try Scene(Self.configuration)
        let mixed = try Self.call(
            &scene, "POST", "/alerts", [],
            #"[{"labels": {}}, {"labels": {"alertname": "A"}}, {"labels": {"a": "b"}, "startsAt": "2024-01-02T00:00:00Z", "endsAt": "2024-01-01T00:00:00+01:00"}]"#
        )
        #expect(mixed.status == 400)
        #expect(mixed.json.string == "at least one label pair required\nstart time must be before end time")
        #expect(Self.names(try Self.call(&scene, "GET", "/alerts").json) == ["A"])
        let many = (0...1000).map { #""l\#($0)": "v""# }.joined(separator: ",")
        for (body, status) in [
            ("[{\"labels\": {\(many)}}]", 422), ("", 400), ("[", 400), ("{}", 422), ("[1]", 422), ("[{}]", 422),
            (#"[{"labels": {"a": 1}}]"#, 422),
            (#"[{"labels": {"a": "b"}, "startsAt": "now"}]"#, 422), (#"[{"labels": {"a": "b"}, "endsAt": 5}]"#, 422),
        ] {
            #expect(try Self.call(&scene, "POST", "/alerts", [], body).status == status, "\(body)")
        }
        for query in [("filter", "a"), ("filter", "{a=b}"), ("receiver", "(")] {
            #expect(try Self.call(&scene, "GET", "/alerts", [query]).status == 400, "\(query)")
        }
        #expect(try Self.call(&scene, "GET", "/alerts", [("active", "perhaps")]).status == 422)
        #expect(try Self.call(&scene, "PUT", "/alerts").status == 405)
        #expect(try Self.call(&scene, "GET", "/nothing").status == 404)
    }

    @Test("receivers and what goes to them are found by labels of receivers; groups have labels of their routes")
    func filtersByReceivers() throws {
        var scene = try Scene(Self.configuration)
        scene.engine.configuration.receivers[1].labels = ["owner": "db"]
        scene.engine.reconfigure(scene.engine.configuration, at: scene.now)
        scene.fire("A")
        scene.fire("B", ["team": "x"])
        let matcher = ("receiver_matchers", "owner=\"db\"")
        let all = try Self.call(&scene, "GET", "/receivers").json.elements
        #expect(all.map { $0["labels"]?["owner"]?.string } == [nil, "db"])
        let found = try Self.call(&scene, "GET", "/receivers", [matcher]).json.elements
        #expect(found.map { $0["name"]?.string } == ["other"])
        #expect(Self.names(try Self.call(&scene, "GET", "/alerts", [matcher]).json) == ["B"])
        #expect(
            Self.names(try Self.call(&scene, "GET", "/alerts", [("receiver_matchers", "owner=\"\"")]).json) == ["A"])
        let groups = try Self.call(&scene, "GET", "/alerts/groups", [matcher]).json.elements
        #expect(groups.map { $0["labels"]?["alertname"]?.string } == ["B"])
        #expect(groups.first?["routeLabels"]?["tier"]?.string == "B2")
        for path in ["/receivers", "/alerts", "/alerts/groups"] {
            #expect(try Self.call(&scene, "GET", path, [("receiver_matchers", "owner")]).status == 400)
        }
    }

    @Test("regular expressions that RE2 does not have are refused", arguments: ["(?=a)", "(?<!a)b", #"(a)\\1"#, "a++"])
    func refusesLookarounds(pattern: String) throws {
        #expect(throws: MatcherError.self) { try MatcherSyntax.matchers("a=~\"\(pattern)\"") }
        var scene = try Scene(Self.configuration)
        let matcher = #"{"name":"alertname","value":"\#(pattern)","isRegex":true}"#
        #expect(try Self.call(&scene, "POST", "/silences", [], Self.silence(scene, matchers: matcher)).status == 400)
    }

    private static func silence(
        _ scene: Scene, id: String = "", matchers: String = #"{"name":"alertname","value":"A","isRegex":false}"#,
        from start: Int64 = 0, to end: Int64 = 100
    ) -> String {
        """
        {"id": "\(id)", "matchers": [\(matchers)], "startsAt": "\(time(scene, start))", "endsAt": "\(time(scene, end))",
         "createdBy": "me", "comment": "why"}
        """
    }

    @Test("silences are made, shown, changed and ended")
    func keepsSilences() throws {
        var scene = try Scene(Self.configuration)
        scene.fire("A")
        let made = try Self.call(&scene, "POST", "/silences", [], Self.silence(scene))
        #expect(made.status == 200)
        let id = try #require(made.json["silenceID"]?.string)
        let shown = try Self.call(&scene, "GET", "/silence/\(id)").json
        #expect(shown["id"]?.string == id)
        #expect(shown["status"]?["state"]?.string == "active")
        #expect(shown["matchers"]?.elements.first?["isEqual"]?.bool == true)
        #expect(shown["comment"]?.string == "why")
        let alert = try Self.call(&scene, "GET", "/alerts").json.elements.first
        #expect(alert?["status"]?["silencedBy"]?.elements.first?.string == id)
        #expect(try Self.call(&scene, "GET", "/alerts", [("silenced", "false")]).json.elements.isEmpty)

        let changed = try Self.call(&scene, "POST", "/silences", [], Self.silence(scene, id: id, to: 50))
        #expect(changed.json["silenceID"]?.string == id)
        let pending = try Self.call(&scene, "POST", "/silences", [], Self.silence(scene, from: 500, to: 600))
        let later = try #require(pending.json["silenceID"]?.string)
        func ids(_ query: [(String, String)] = []) throws -> [String] {
            try Self.call(&scene, "GET", "/silences", query).json.elements.compactMap { $0["id"]?.string }
        }
        #expect(try ids() == [id, later])
        #expect(try Self.call(&scene, "DELETE", "/silence/\(id)").status == 200)
        #expect(try ids() == [later, id])
        #expect(try ids([("expired", "false")]) == [later])
        #expect(try ids([("pending", "false")]) == [id])
        #expect(try ids([("filter", "alertname=A")]) == [later, id])
        #expect(try ids([("filter", "alertname=B")]) == [])
        #expect(try Self.call(&scene, "DELETE", "/silence/\(RandomID.uuid())").status == 404)
        #expect(try Self.call(&scene, "GET", "/silence/\(RandomID.uuid())").status == 404)
        #expect(try Self.call(&scene, "GET", "/silence/x").status == 422)
    }

    @Test("wrong silences are refused in Alertmanager's words")
    func refusesWrongSilences() throws {
        var scene = try Scene(Self.configuration)
        for (body, status, message) in [
            (
                Self.silence(scene, from: 10, to: 10), 400,
                "Failed to create silence: start time must be before end time"
            ),
            (Self.silence(scene, from: -20, to: -10), 400, "Failed to create silence: end time can't be in the past"),
            (Self.silence(scene, id: RandomID.uuid()), 404, "silence not found"),
            (
                Self.silence(scene, matchers: #"{"name":"a","value":"","isRegex":false}"#), 400,
                "invalid silence: at least one matcher must not match the empty string"
            ),
            (Self.silence(scene, matchers: #"{"name":"a","value":"(","isRegex":true}"#), 400, "error parsing regexp"),
            (Self.silence(scene, matchers: #"{"name":"","value":"b","isRegex":false}"#), 400, "invalid label name"),
            (Self.silence(scene, matchers: ""), 422, "at least 1 items"),
            (
                Self.silence(scene, matchers: #"{"name":"a","value":"b"}"#), 422,
                "matchers.0.isRegex in body is required"
            ),
            ("{}", 422, "comment in body is required"), ("7", 422, "object"), ("", 400, "parsing body failed"),
        ] {
            let answer = try Self.call(&scene, "POST", "/silences", [], body)
            #expect(answer.status == status, "\(body)")
            let text = answer.json.string ?? answer.json["message"]?.string ?? ""
            #expect(text.contains(message), "\(text)")
        }
        #expect(scene.engine.state.silences.isEmpty)
    }

    @Test func tellsOfItself() throws {
        var scene = try Scene(Self.configuration)
        let status = try Self.call(&scene, "GET", "/status").json
        #expect(status["cluster"]?["status"]?.string == "disabled")
        #expect(status["config"]?["original"]?.string == "route: {}\n")
        #expect(status["uptime"]?.string == "2023-11-14T22:13:20.000Z")
        let receivers = try Self.call(&scene, "GET", "/receivers").json
        #expect(receivers.elements.compactMap { $0["name"]?.string } == ["r", "other"])
    }

    @Test("times are read in any zone and far away, and written in milliseconds")
    func readsTimes() {
        #expect(APITime.milliseconds("2023-11-14T22:13:20.123456789Z") == Scene.begin + 123)
        #expect(APITime.milliseconds("2023-11-14T23:13:20+01:00") == Scene.begin)
        #expect(APITime.milliseconds("0001-01-01T00:00:00Z") == .min)
        #expect(APITime.milliseconds("9999-12-31T23:59:59Z") == Int64.max / 1_000_000)
        for text in ["", "now", "9999-13-31T23:59:59Z", "2023-11-14"] { #expect(APITime.milliseconds(text) == nil) }
        #expect(APITime.text(Scene.begin + 7) == "2023-11-14T22:13:20.007Z")
        #expect(APITime.text(.max) == "2262-04-11T23:47:16.854Z")
    }

    @Test("bodies of any kind get an answer")
    func survivesNonsense() throws {
        var random = SeededRandom(seed: SeededRandom.seed())
        var scene = try Scene(Self.configuration)
        let bodies = [
            Self.silence(scene),
            #"[{"labels": {"alertname": "A"}, "startsAt": "2024-01-02T00:00:00Z", "endsAt": "2124-01-02T00:00:00Z"}]"#,
        ]
        for _ in 0..<3000 {
            var bytes = Array((bodies.randomElement(using: &random) ?? "").utf8)
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                if Bool.random(using: &random) {
                    bytes[place] = UInt8.random(in: 0...255, using: &random)
                } else {
                    bytes.remove(at: place)
                }
            }
            for path in ["/alerts", "/silences"] {
                let response = Self.api.respond(
                    to: APIRequest("POST", path, body: bytes), engine: &scene.engine, at: scene.now)
                #expect([200, 400, 404, 422].contains(response.status))
            }
        }
        #expect(try Self.call(&scene, "GET", "/alerts/groups").status == 200)
        #expect(try Self.call(&scene, "GET", "/silences").status == 200)
    }
}
