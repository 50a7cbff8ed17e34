import ArgumentParser
import Bytes
import Configuration
import Glibc
import Telemetry

/// `tocsin alerts`: what alerts there are, and what became of them.
struct AlertsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alerts", abstract: "Show the alerts that are pending or firing, and what became of them.",
        subcommands: [ActiveAlertsCommand.self, AlertHistoryCommand.self, AcknowledgeCommand.self],
        defaultSubcommand: ActiveAlertsCommand.self)
}

/// `tocsin alerts`, or `tocsin alerts active`: what is pending and firing, from the running agent.
struct ActiveAlertsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "active", abstract: "Show the alerts that are pending or firing.",
        discussion: "Exit code 1 where the agent cannot be asked; alerts that fire do not change it.")

    @Flag(help: "Prometheus's JSON.") var json = false

    @OptionGroup var source: ConfigurationOptions

    func run() throws {
        do {
            let client = try source.client()
            let answer = try client.get("/api/v1/alerts")
            if json { return EntryPrinter.write(answer) }
            let document = try JSONValue(parsing: answer.span.bytes)
            EntryPrinter.write(Array(Self.table(document["data"]?["alerts"]?.elements ?? []).utf8))
            let heartbeat = try client.get("/api/v1/alerts/heartbeat")
            if let reason = try JSONValue(parsing: heartbeat.span.bytes)["reason"]?.string {
                EntryPrinter.write(Array("heartbeat \(reason)\n".utf8))
            }
        } catch {
            Terminal.complain("tocsin alerts: \(error)")
            throw ExitCode(1)
        }
    }

    /// Firing ones first, then the oldest.
    static func table(_ alerts: [JSONValue]) -> String {
        if alerts.isEmpty { return "no alert is pending or firing\n" }
        var rows: [[String]] = []
        for alert in alerts {
            let labels = (alert["labels"]?.members ?? []).map { Label($0.name, $0.value.string ?? "") }
            let name = labels.first { $0.name == "alertname" }?.value ?? ""
            let others = labels.filter { $0.name != "alertname" }.map { "\($0.name)=\(GoQuoted.quote($0.value))" }
            let annotations = alert["annotations"]
            let summary = (annotations?["summary"] ?? annotations?["description"])?.string ?? ""
            let value = (alert["value"]?.string).flatMap(Double.init).map { GoNumber.significant($0, digits: 6) }
            rows.append([
                alert["state"]?.string ?? "", alert["activeAt"]?.string ?? "", name, value ?? "",
                others.joined(separator: " "), summary,
            ])
        }
        rows.sort { ($0[0], $0[1], $0[2]) < ($1[0], $1[1], $1[2]) }
        return TextTable.text(["STATE", "SINCE", "ALERT", "VALUE", "LABELS", "SUMMARY"], rows)
    }
}

/// Columns for a terminal.
enum TextTable {
    static func text(_ head: [String], _ rows: [[String]]) -> String {
        let all = [head] + rows.map { $0.map(printable) }
        let widths = head.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        var text = ""
        for row in all {
            var line = ""
            for (column, cell) in row.enumerated() {
                line += cell
                if column < row.count - 1 { line += String(repeating: " ", count: widths[column] - cell.count + 2) }
            }
            while line.hasSuffix(" ") { line.removeLast() }
            text += line + "\n"
        }
        return text
    }

    /// One line that moves no cursor.
    private static func printable(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7f ? " " : $0 }))
    }
}

extension ConfigurationOptions {
    /// Asks the agent that the configuration is of.
    func client() throws(ConfigurationError) -> AgentClient {
        let configuration = try Agent.load(
            Agent.Origin(path: path, stateDirectory: absoluteStateDirectory), logger: nil)
        return AgentClient(
            stateDirectory: configuration.stateDirectory, addresses: configuration.server.plainAddresses)
    }
}
