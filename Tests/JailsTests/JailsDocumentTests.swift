import Configuration
import Glibc
import Testing

@testable import Jails

/// The tables of docs/jails.md are those of the code. `TOCSIN_UPDATE_DOCS=1` writes them.
@Suite("Documentation of jails")
struct JailsDocumentTests {
    /// Filters whose lines come from a server that really ran.
    private static let proved: Set<String> = [
        "apache", "caddy", "dovecot", "http-errors", "http-probes", "http-unauthorized", "json-unauthorized",
        "nginx-auth",
        "nginx-bad-request", "nginx-limit", "postfix-auth", "postfix-reject", "postgresql", "rabbitmq", "sshd",
        "sshd-aggressive",
    ]

    private func path() throws -> String {
        let folder = #filePath.split(separator: "/").dropLast().joined(separator: "/")
        // The sources may be seen through a link.
        let real = try #require(realpath("/" + folder, nil))
        defer { free(real) }
        return String(cString: real) + "/../../docs/jails.md"
    }

    /// Between `<!-- filters -->` and `<!-- end -->`.
    private func withFilters(_ text: String) throws -> String {
        var lines: [String] = []
        var isInTable = false
        for line in text.lines {
            if line == "<!-- end -->" { isInTable = false }
            if !isInTable { lines.append(line) }
            guard line == "<!-- filters -->" else { continue }
            isInTable = true
            lines += ["| filter | finds | |", "|---|---|---|"]
            for name in NativeFilters.names {
                let filter = try #require(try NativeFilters.filter(name))
                lines.append("| `\(name)` | \(filter.summary) | \(Self.proved.contains(name) ? "✓" : "") |")
            }
        }
        return lines.joined(separator: "\n")
    }

    @Test("the document has every key and every filter")
    func tables() throws {
        let path = try path()
        let text = String(try ConfigurationSurroundings.process.read(path).get())
        let sections = [
            ("native", NativeJail.configurationKeys), ("ban_time_increment", BanTimeIncrement.configurationKeys),
            ("scope", BanScope.configurationKeys), ("json", JSONRule.configurationKeys),
        ]
        let (filled, strangers) = ConfigurationDocument.filled(text, with: sections)
        let expected = try withFilters(filled)
        if getenv("TOCSIN_UPDATE_DOCS") != nil, let output = fopen(path, "w") {
            fputs(expected, output)
            fclose(output)
            return
        }
        #expect(strangers == [])
        #expect(text == expected, "TOCSIN_UPDATE_DOCS=1 swift test --filter JailsDocument writes the tables")
    }

    @Test("every example is read without a problem or a warning, and every default is the one that holds")
    func examples() throws {
        var yaml: [String] = []
        var isInside = false
        var count = 0
        for line in String(try ConfigurationSurroundings.process.read(try path()).get()).lines {
            if line == "```yaml" {
                (isInside, yaml) = (true, [])
            } else if line == "```", isInside {
                isInside = false
                count += 1
                let file = try ConfigurationFile<Root>([UInt8](yaml.joined(separator: "\n")), file: "t.yaml")
                #expect(file.warnings.map(\.description) == [])
                for jail in file.contents.jails.jails { _ = try jail.makeFilter(now: 0) }
            } else if isInside {
                yaml.append(line)
            }
        }
        #expect(count > 0)
        for key in NativeJail.configurationKeys where !key.defaultValue.isEmpty {
            #expect(try jail("\(key.name): \(key.defaultValue)") == jail(""), "\(key.name)")
        }
        for key in BanTimeIncrement.configurationKeys {
            #expect(
                try jail("ban_time_increment: {\(key.name): \(key.defaultValue)}") == jail(""), "\(key.name)")
        }
        for key in BanScope.configurationKeys {
            #expect(try jail("scope: {\(key.name): \(key.defaultValue)}") == jail(""), "\(key.name)")
        }
    }

    private func jail(_ more: String) throws -> NativeJail {
        let text =
            "jails: {native: [{name: a, files: /a, filter: sshd, ports: [22]\(more.isEmpty ? "" : ", " + more)}]}"
        return try #require(
            try ConfigurationFile<Root>([UInt8](text), file: "t.yaml").contents.jails.jails.first)
    }

    private struct Root: ConfigurationSection {
        var jails: Section
        static let configurationKeys = [ConfigurationKey("jails", "mapping", "Jails.")]

        init(_ reader: MappingReader) {
            jails = reader.section("jails") ?? Section(jails: [])
            reader.finish()
        }
    }

    private struct Section: ConfigurationSection {
        var jails: [NativeJail]
        var actions: [ActionConfiguration] = []
        static let configurationKeys = [
            ConfigurationKey("native", "list", "Jails."), ConfigurationKey("actions", "list", "Actions."),
            // The agent's to read.
            ConfigurationKey("mode", "string", "Mode."), ConfigurationKey("fail2ban", "mapping", "fail2ban."),
            ConfigurationKey("alert", "bool or mapping", "Alerts."),
        ]

        init(jails: [NativeJail]) { self.jails = jails }

        init(_ reader: MappingReader) {
            jails = reader.value("native").map { NativeJail.read($0) } ?? []
            actions = reader.sections("actions") ?? []
            _ = BanAlerting(reader, "alert")
            reader.finish()
        }
    }
}
