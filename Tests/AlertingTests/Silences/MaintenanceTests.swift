import Bytes
import Configuration
import Telemetry
import Testing

@testable import Alerting

@Suite("Maintenance windows") struct MaintenanceTests {
    private static let text = """
        route: {receiver: r, group_by: [alertname], group_wait: 10s, group_interval: 1h}
        receivers: [{name: r}]
        """

    /// Reads a list of windows as `alerting.maintenance` has them.
    private struct Holder: ConfigurationSection {
        static let configurationKeys = [ConfigurationKey("maintenance", "", "")]
        var windows: [MaintenanceWindow]

        init(_ reader: MappingReader) {
            var office = TimeInterval()
            office.times = [480..<1020]
            windows = MaintenanceWindow.all(reader.value("maintenance"), known: ["office": [office]])
            reader.finish()
        }
    }

    private static func read(_ text: String) throws -> [MaintenanceWindow] {
        try ConfigurationFile<Holder>(Array("maintenance: [\(text)]".utf8), file: "a.yml").contents.windows
    }

    /// The scene begins on a Tuesday, 22:13:20 UTC, 23:13:20 in Oslo.
    private static func scene(_ window: String) throws -> Scene {
        var scene = try Scene(text)
        scene.engine.configuration.maintenance = try read(window)
        return scene
    }

    private static let backup = """
        {name: backup, matchers: ['alertname=~"A.*"'], comment: nightly,
         time_intervals: [{times: [{start_time: '23:00', end_time: '23:30'}], location: Europe/Oslo}]}
        """

    @Test("alerts are held back while it is the time, and told when it ends, not an interval later")
    func holdsBack() throws {
        var scene = try Self.scene(Self.backup)
        scene.fire("A1")
        scene.fire("B")
        scene.run(to: 7200)
        #expect(scene.sent.map(\.firing) == [["B"], ["A1"]])
        // 22:30:00 UTC is 1000 seconds after the beginning.
        #expect(scene.sent.map(\.at) == [10, 1000])
        let id = try #require(scene.engine.configuration.maintenance.first?.id)
        #expect(scene.held.map(\.suppression) == [.silenced(by: [id])])
        #expect(scene.engine.silences(of: ["alertname": "A1"], at: Scene.begin) == [id])
        #expect(scene.engine.silences(of: ["alertname": "A1"], at: Scene.begin + 1_000_000) == [])
        #expect(scene.engine.silences(of: ["alertname": "B"], at: Scene.begin) == [])
    }

    @Test("clients see it as a silence: in force, or as the next one, and cannot change it")
    func isShown() throws {
        var scene = try Self.scene(Self.backup)
        let api = AlertmanagerAPI(about: .init(version: "1", startedAt: 0, configuration: ""))
        func call(_ method: String, _ path: String, _ body: String = "") throws -> (status: Int, json: JSONValue) {
            let response = api.respond(
                to: APIRequest(method, path, body: Array(body.utf8)), engine: &scene.engine, at: scene.now)
            return (response.status, response.body.isEmpty ? .null : try JSONValue(parsing: response.body.span.bytes))
        }
        let id = try #require(scene.engine.configuration.maintenance.first?.id)
        #expect(id.split(separator: "-").map(\.count) == [8, 4, 4, 4, 12])
        let shown = try #require(try call("GET", "/silences").json.elements.first)
        #expect(shown["id"]?.string == id)
        #expect(shown["status"]?["state"]?.string == "active")
        #expect(shown["startsAt"]?.string == "2023-11-14T22:00:00.000Z")
        #expect(shown["endsAt"]?.string == "2023-11-14T22:30:00.000Z")
        #expect(shown["comment"]?.string == "maintenance backup: nightly")
        #expect(try call("GET", "/silence/\(id)").json["id"]?.string == id)
        #expect(try call("DELETE", "/silence/\(id)").status == 400)
        let body = """
            {"id": "\(id)", "matchers": [{"name": "a", "value": "b", "isRegex": false}], "createdBy": "", "comment": "",
             "startsAt": "2023-11-14T22:00:00Z", "endsAt": "2033-11-14T22:30:00Z"}
            """
        #expect(try call("POST", "/silences", body).status == 400)
        scene.now += 2_000_000
        let next = try #require(try call("GET", "/silences").json.elements.first)
        #expect(next["status"]?["state"]?.string == "pending")
        #expect(next["startsAt"]?.string == "2023-11-15T22:00:00.000Z")
    }

    @Test("it may name time intervals; what is wrong with it is told")
    func isChecked() throws {
        let named = try Self.read("{name: n, matchers: [a=b], time_intervals: [office, {weekdays: [sunday]}]}")
        #expect(named.first?.intervals.count == 2)
        for (text, expected) in [
            ("{matchers: [a=b], time_intervals: [office]}", "name"),
            ("{name: n, time_intervals: [office]}", "matchers: expected one"),
            ("{name: n, matchers: ['a!=b'], time_intervals: [office]}", "matchers: expected one"),
            ("{name: n, matchers: ['a=~\"(\"'], time_intervals: [office]}", "("),
            ("{name: n, matchers: [a=b]}", "expected time intervals"),
            ("{name: n, matchers: [a=b], time_intervals: [offise]}", "did you mean office"),
            ("{name: n, matchers: [a=b], time_intervals: [{times: [{start_time: '25:00', end_time: '26:00'}]}]}", "25"),
            ("{name: n, matchers: [a=b], time_intervals: [office], coment: x}", "coment"),
            (
                "{name: n, matchers: [a=b], time_intervals: [office]}, {name: n, matchers: [a=b], time_intervals: [office]}",
                "not unique"
            ),
        ] {
            do {
                _ = try Self.read(text)
                Issue.record("taken: \(text)")
            } catch let error as ConfigurationError {
                let said = error.problems.map(\.description).joined(separator: "\n")
                #expect(said.contains(expected) && said.contains("a.yml:1:"), "\(text): \(said)")
            }
        }
    }

    @Test("when intervals begin and end is found to the minute, over changes of clocks too")
    func findsChanges() throws {
        func change(_ spec: String, _ time: String, last: Bool = false) throws -> String? {
            let intervals = try Self.read("{name: n, matchers: [a=b], time_intervals: [\(spec)]}")[0].intervals
            let seconds = try #require(APITime.milliseconds(time)) / 1000
            return (last ? intervals.lastChange(before: seconds) : intervals.nextChange(after: seconds))
                .map { APITime.text($0 * 1000).replacing(".000Z", with: "Z") }
        }
        let nightly = "{times: [{start_time: '02:17', end_time: '03:05'}], location: Europe/Oslo}"
        #expect(try change(nightly, "2026-01-10T12:00:00Z") == "2026-01-11T01:17:00Z")
        #expect(try change(nightly, "2026-01-11T01:17:00Z") == "2026-01-11T02:05:00Z")
        #expect(try change(nightly, "2026-01-11T01:20:00Z", last: true) == "2026-01-11T01:17:00Z")
        // On 29 March 2026 it is 03:00 in Oslo after 01:59, at 01:00 UTC.
        #expect(try change(nightly, "2026-03-28T12:00:00Z") == "2026-03-29T01:00:00Z")
        #expect(try change(nightly, "2026-03-29T01:00:00Z") == "2026-03-29T01:05:00Z")
        #expect(
            try change("{weekdays: [sunday], location: Asia/Kolkata}", "2026-01-10T12:00:00Z") == "2026-01-10T18:30:00Z"
        )
        #expect(try change("{months: ['2'], days_of_month: ['-1']}", "2026-03-01T00:00:00Z") == "2027-02-28T00:00:00Z")
        #expect(try change("{years: ['2001']}", "2026-03-01T00:00:00Z") == nil)
        #expect(try change("{}", "2026-03-01T00:00:00Z") == nil)
    }
}
