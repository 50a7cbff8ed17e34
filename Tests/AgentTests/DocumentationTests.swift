import Alerting
import Configuration
import Exporter
import Glibc
import Jails
import Testing
import Transport

@testable import Agent

/// The agent's own sections in docs/configuration.md, by the name of their table there.
private let documented: [(name: String, keys: [ConfigurationKey])] = [
    ("file", AgentConfiguration.configurationKeys),
    ("server", ServerSection.configurationKeys),
    ("logs", LogsSection.configurationKeys),
    ("metrics", MetricsSection.configurationKeys),
    ("paths", PathsSection.configurationKeys),
    ("global", GlobalSection.configurationKeys),
    ("remote_write", RemoteWriteConfiguration.ownKeys),
    ("queue_config", RemoteWriteConfiguration.QueueConfiguration.configurationKeys),
    ("metadata_config", RemoteWriteConfiguration.MetadataConfiguration.configurationKeys),
    ("remote_write_queue", RemoteWriteConfiguration.DiskQueueConfiguration.configurationKeys),
    ("probes", own(ProbeConfiguration.configurationKeys)),
    ("limits_config", LimitsSection.configurationKeys),
    ("rules", RulesSection.configurationKeys),
    ("series", SeriesSection.configurationKeys),
    ("queries", QueriesSection.configurationKeys),
    ("alerting", AlertingSection.configurationKeys),
    ("history", HistorySection.configurationKeys),
    ("flapping", FlappingConfiguration.configurationKeys),
    ("heartbeat", HeartbeatConfiguration.configurationKeys),
    ("maintenance", AlertingSection.maintenanceKeys),
    ("alertmanagers", AlertmanagerGroup.ownKeys),
    ("jails", JailsSection.configurationKeys),
    ("fail2ban", Fail2banSection.configurationKeys),
    ("firewall", FirewallSection.configurationKeys),
    ("lists", own(BlockListSettings.configurationKeys)),
    ("sharing", SharingSettings.configurationKeys),
    ("peers", own(PeerSettings.configurationKeys)),
    ("redis", RedisSettings.configurationKeys),
]

/// Without the HTTP client's keys, which have a table of their own.
private func own(_ keys: [ConfigurationKey]) -> [ConfigurationKey] {
    keys.filter { key in !HTTPClientConfiguration.configurationKeys.contains { $0.name == key.name } }
}

/// Where in a file the keys of a table stand, by the table's name; `%` is the key with its value.
private let places: [String: String] = [
    "file": "%", "limits_config": "logs: {limits_config: {%}}", "paths": "metrics: {paths: {%}}",
    "series": "rules: {series: {%}}", "queries": "rules: {queries: {%}}", "global": "metrics: {global: {%}}",
    "probes": "metrics: {probes: [{http: \"http://a/\", %}]}",
    "remote_write": "metrics: {remote_write: [{url: \"http://a/\", %}]}",
    "queue_config": "metrics: {remote_write: [{url: \"http://a/\", queue_config: {%}}]}",
    "metadata_config": "metrics: {remote_write: [{url: \"http://a/\", metadata_config: {%}}]}",
    "lists": "jails: {lists: [{name: a, url: \"http://a/\", %}]}",
    "sharing": "jails: {sharing: {secret: \"0123456789abcdef\", %}}",
    "peers": "jails: {sharing: {secret: \"0123456789abcdef\", peers: [{name: a, url: \"http://a/\", %}]}}",
    "redis": "jails: {sharing: {secret: \"0123456789abcdef\", redis: {%}}}",
    "fail2ban": "jails: {fail2ban: {%}}", "firewall": "jails: {firewall: {%}}",
    "history": "alerting: {history: {%}}", "flapping": "alerting: {flapping: {%}}",
    "heartbeat": "alerting: {heartbeat: {url: \"http://a/\", %}}",
    "alerting": "alerting: {alertmanagers: [{static_configs: [{targets: [a]}]}], %}",
    "alertmanagers": "alerting: {alertmanagers: [{static_configs: [{targets: [a]}], %}]}",
    "remote_write_queue": "metrics: {remote_write: [{url: \"http://a/\", queue: {%}}]}",
]

@Suite("Documentation of the agent's configuration")
struct DocumentationTests {
    private let path =
        "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/") + "/docs/configuration.md"

    private func document() throws -> String {
        String(decoding: try ConfigurationSurroundings.process.read(path).get(), as: UTF8.self)
    }

    /// With TOCSIN_UPDATE_DOCS=1 in the environment the tables are written instead of compared.
    @Test("docs/configuration.md has exactly the agent's keys")
    func tables() throws {
        let text = try document()
        let (expected, strangers) = ConfigurationDocument.filled(text, with: documented)
        #expect(documented.allSatisfy { !strangers.contains($0.name) })
        if getenv("TOCSIN_UPDATE_DOCS") != nil {
            let file = try #require(fopen(path, "w"))
            fputs(expected, file)
            fclose(file)
        } else {
            #expect(text == expected, "run the test with TOCSIN_UPDATE_DOCS=1 to write the tables")
        }
    }

    @Test("the defaults in the tables are those that hold")
    func defaults() throws {
        for (section, keys) in documented {
            let place = places[section] ?? "\(section): {%}"
            for key in keys where !key.defaultValue.isEmpty && key.support == .full {
                let isText = key.type.contains("address") || key.type == "string"
                let value = isText ? "\"\(key.defaultValue)\"" : key.defaultValue
                let plain = try read(place.replacing(", %", with: "").replacing("%", with: ""))
                let written = try read(place.replacing("%", with: "\(key.name): \(value)"))
                #expect(written.stateDirectory == plain.stateDirectory, "\(section): \(key.name)")
                #expect(written.server == plain.server, "\(section): \(key.name)")
                #expect(written.logs == plain.logs, "\(section): \(key.name)")
                #expect(written.metrics == plain.metrics, "\(section): \(key.name)")
                #expect(written.rules == plain.rules, "\(section): \(key.name)")
                #expect(written.jails == plain.jails, "\(section): \(key.name)")
                #expect(written.alerting.forwarding == plain.alerting.forwarding, "\(section): \(key.name)")
            }
        }
    }

    @Test("every example is read without a problem or a warning")
    func examples() throws {
        var count = 0
        var lines: [Substring] = []
        var isInside = false
        for line in try document().split(separator: "\n", omittingEmptySubsequences: false) {
            if line == "```yaml" {
                isInside = true
                lines = []
            } else if line == "```", isInside {
                isInside = false
                count += 1
                #expect(throws: Never.self, "\(lines.joined(separator: "\n"))") { _ = try read(whole(lines)) }
            } else if isInside {
                lines.append(line)
            }
        }
        #expect(count > 10)
    }

    /// The file in which an example of a list's entries stands.
    private func whole(_ lines: [Substring]) -> String {
        let list: String? =
            switch lines.first?.prefix(6) {
            case "- job_": "scrape_configs"
            case "- url:": "clients"
            default: nil
            }
        guard let list else { return lines.joined(separator: "\n") }
        return "logs:\n  \(list):\n" + lines.map { "    \($0)" }.joined(separator: "\n")
    }

    private func read(_ yaml: String) throws -> AgentConfiguration {
        let surroundings = ConfigurationSurroundings(
            variable: { ["HOSTNAME": "h1", "CREDENTIALS_DIRECTORY": "/run/credentials"][$0] },
            read: { _ in .success(Array("a secret that is long enough\n".utf8)) })
        let file = try ConfigurationFile<AgentConfiguration>(
            Array(yaml.utf8), file: "/etc/tocsin/tocsin.yaml", surroundings: surroundings)
        #expect(file.warnings.map(\.description) == [])
        return file.contents
    }
}
