import Configuration
import Exporter
import Glibc
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
    ("probes", probeKeys),
    ("limits_config", LimitsSection.configurationKeys),
]

/// The client's keys have a table of their own.
private let probeKeys = ProbeConfiguration.configurationKeys.filter { key in
    !HTTPClientConfiguration.configurationKeys.contains { $0.name == key.name }
}

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
            for key in keys where !key.defaultValue.isEmpty {
                let plain = try read(section == "probes" ? "metrics: {probes: [{http: \"http://a/\"}]}" : "")
                let entry =
                    "\(key.name): \(key.type.contains("address") ? "\"\(key.defaultValue)\"" : key.defaultValue)"
                let yaml =
                    switch section {
                    case "file": entry
                    case "limits_config": "logs: {limits_config: {\(entry)}}"
                    case "paths": "metrics: {paths: {\(entry)}}"
                    case "probes": "metrics: {probes: [{http: \"http://a/\", \(entry)}]}"
                    default: "\(section): {\(entry)}"
                    }
                let written = try read(yaml)
                #expect(written.stateDirectory == plain.stateDirectory)
                #expect(written.server == plain.server)
                #expect(written.logs == plain.logs)
                #expect(written.metrics == plain.metrics)
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
            read: { _ in .success(Array("secret\n".utf8)) })
        let file = try ConfigurationFile<AgentConfiguration>(
            Array(yaml.utf8), file: "/etc/tocsin/tocsin.yaml", surroundings: surroundings)
        #expect(file.warnings.map(\.description) == [])
        return file.contents
    }
}
