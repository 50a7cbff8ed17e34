import Telemetry
import Testing

@testable import Alerting

/// Debian's amtool talks to this API as it does to Alertmanager.
@Suite(.enabled(if: Amtool.path != nil)) struct AmtoolTests {
    @Test("amtool adds, shows, changes and ends silences, adds and shows alerts, and reads the configuration")
    func talks() throws {
        let directory = TestDirectory()
        let text = """
            route:
              receiver: r
              group_by: [alertname]
              routes: [{receiver: dbs, matchers: ['team="db"']}]
            receivers: [{name: r}, {name: dbs}]

            """
        let served = try ServedAPI(text, directory: directory.path, externalURL: "http://x")
        defer { served.end() }
        func amtool(_ words: String...) -> (output: String, code: Int32) {
            Amtool.run(["--alertmanager.url", served.url] + words, standardError: true)
        }
        #expect(amtool("alert", "add", "Disk", "team=db", "--annotation=summary=it is full").code == 0)
        #expect(amtool("alert", "add", "alertname=CPU", "host=a b").code == 0)
        let alerts = amtool("alert", "-o", "extended").output
        #expect(alerts.contains("it is full") && alerts.contains("CPU") && alerts.contains("active"), "\(alerts)")
        #expect(!amtool("alert", "query", "team=db").output.contains("CPU"))
        #expect(amtool("alert", "query", "alertname=~C.*").output.contains("CPU"))

        let added = amtool("silence", "add", "alertname=Disk", "team=~d.*", "-a", "me", "-c", "known", "-d", "1h")
        #expect(added.code == 0, "\(added.output)")
        let id = added.output.trimmingNewlines
        #expect(id.utf8.count == 36)
        #expect(amtool("silence", "query").output.contains("known"))
        #expect(amtool("silence", "query", "-q").output.trimmingNewlines == id)
        #expect(amtool("silence", "query", "alertname=Other").output.contains("known") == false)
        #expect(!amtool("alert", "query").output.contains("Disk"))
        #expect(amtool("alert", "query", "--silenced").output.contains("Disk"))
        let updated = amtool("silence", "update", "-d", "2h", "-c", "known well", id)
        #expect(updated.code == 0, "\(updated.output)")
        #expect(amtool("silence", "query").output.contains("known well"))
        #expect(amtool("silence", "expire", id).code == 0)
        #expect(amtool("silence", "query", "-q").output.isEmpty)
        #expect(amtool("silence", "query", "-q", "--expired").output.trimmingNewlines == id)
        #expect(amtool("silence", "expire", RandomID.uuid()).code != 0)
        let wrong = amtool("silence", "add", "a=", "-a", "me", "-c", "x")
        #expect(wrong.code != 0)

        #expect(amtool("config", "show").output.contains("team=\"db\""))
        #expect(amtool("config", "routes", "test", "team=db").output.trimmingNewlines == "dbs")
        #expect(amtool("cluster", "show").output.contains("disabled"))
    }
}

extension String {
    fileprivate var trimmingNewlines: String {
        String(drop { $0.isNewline }.reversed().drop { $0.isNewline }.reversed())
    }
}
