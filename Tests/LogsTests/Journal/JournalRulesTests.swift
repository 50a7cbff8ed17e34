import Telemetry
import Testing

@testable import Logs

@Suite("The journal's default rules")
struct JournalRulesTests {
    private static let id = String(repeating: "0a", count: 32)

    @Test(
        "each kind of entry gets its unit, and what is numbered for each login or connection counts as one",
        arguments: [
            (["__journal__systemd_unit": "ssh.service"], "ssh.service"),
            (["__journal__transport": "kernel"], "kernel"),
            (
                ["__journal__systemd_unit": "user@1000.service", "__journal__systemd_user_unit": "app.service"],
                "user@1000.service"
            ),
            (["__journal__systemd_unit": "session-c12.scope"], "session.scope"),
            (["__journal__systemd_unit": "run-r0a1b2c3d4e5f.service"], "run.service"),
            (["__journal__systemd_unit": "docker-\(id).scope"], "docker.scope"),
            (["__journal__systemd_unit": "sshd@12-10.0.0.1:22-10.0.0.2:50022.service"], "sshd@.service"),
            (["__journal__systemd_unit": "getty@tty1.service"], "getty@tty1.service"),
            ([:], ""),
        ] as [([String: String], String)])
    func unit(fields: [String: String], unit: String) throws {
        let relabeler = try Relabeler(JournalSource.defaultRules)
        var labels: LabelSet = [:]
        for (name, value) in fields { labels[name] = value }
        let result = try #require(relabeler.apply(labels))
        #expect(result["unit"] ?? "" == unit)
    }

    @Test("identifier, level, transport and host come of their fields")
    func others() throws {
        let relabeler = try Relabeler(JournalSource.defaultRules)
        let result = try #require(
            relabeler.apply([
                "__journal_syslog_identifier": "sshd", "__journal_priority_keyword": "error",
                "__journal__transport": "syslog", "__journal__hostname": "web1",
            ]))
        #expect(result["identifier"] == "sshd")
        #expect(result["level"] == "error")
        #expect(result["transport"] == "syslog")
        #expect(result["host"] == "web1")
    }
}
