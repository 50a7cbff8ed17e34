import Alerting
import ArgumentParser
import Bytes
import Glibc
import Telemetry
import Web

/// `tocsin alerts history`: what became of alerts, from the running agent, or from its files when there is none.
struct AlertHistoryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "Show what became of alerts: when they fired, what held them back, who was told.",
        discussion: """
            tocsin alerts history --since 2h --alert DiskFull 'device=~"sd.*"'
            """)

    @Argument(help: "Matchers that an alert has to meet: severity=page, 'team=~db|web'.") var matchers: [String] = []

    @Option(help: "How far back: 15m, 24h, 7d, or a time as 2026-01-31T12:00:00Z.") var since = "24h"

    @Option(help: "Up to when, as --since. Default: now.") var until: String?

    @Option(help: "The alert's name.") var alert: String?

    @Option(help: "Only events of this kind, such as firing, suppressed, notified, failed; may be given several times.")
    var event: [String] = []

    @Option(help: "At most this many events, the newest.") var limit = 1000

    @Flag(help: "One JSON object per line.") var json = false

    @OptionGroup var source: ConfigurationOptions

    func validate() throws {
        do throws(MatcherError) {
            _ = try HistoryQuery(try parameters())
        } catch {
            throw ValidationError("\(error)")
        }
    }

    func run() throws {
        do {
            let answer = try ask()
            EntryPrinter.write(json ? answer : Array(try Self.table(answer).utf8))
        } catch {
            Terminal.complain("tocsin alerts history: \(error)")
            throw ExitCode(1)
        }
    }

    private func parameters() throws(MatcherError) -> [(name: String, value: String)] {
        var parameters: [(name: String, value: String)] = [("limit", "\(limit)")]
        do {
            parameters.append(("start", "\(try TimeOption.time(since, "--since").milliseconds)"))
            if let until { parameters.append(("end", "\(try TimeOption.time(until, "--until").milliseconds)")) }
        } catch {
            throw MatcherError("\(error)")
        }
        if let alert { parameters.append(("alert", alert)) }
        return parameters + matchers.map { ("match[]", $0) } + event.map { ("event", $0) }
    }

    private func ask() throws -> [UInt8] {
        let parameters = try parameters()
        let client = try source.client()
        do throws(AgentClient.Failure) {
            let text = parameters.map { "\(PercentCoding.encoded($0.name))=\(PercentCoding.encoded($0.value))" }
            return try client.get("/api/v1/alerts/history?" + text.joined(separator: "&"))
        } catch {
            guard error.isAbsence else { throw error }
            // An empty answer would say that nothing happened.
            let directory = HistoryFiles.directory(client.stateDirectory)
            guard access(directory, R_OK | X_OK) == 0 else {
                let reason = String(cString: strerror(errno))
                throw AgentClient.Failure(
                    description: "\(error.description), and no history can be read in \(directory): \(reason)")
            }
            return try HistoryFiles(stateDirectory: client.stateDirectory).lines(HistoryQuery(parameters))
        }
    }

    /// For people.
    static func table(_ lines: [UInt8]) throws -> String {
        var rows: [[String]] = []
        for line in lines.split(separator: 0x0a) {
            let bytes = Array(line)
            let event = try JSONValue(parsing: bytes.span.bytes)
            let alerts = (event["alerts"]?.elements ?? []).map { alert in
                LabelSet(alert.members.map { Label($0.name, $0.value.string ?? "") })
            }
            let known = HistoryEvent(time: 0, .firing, alerts)
            var names = known.names.prefix(3).joined(separator: ", ")
            if known.names.count > 3 { names += " and \(known.names.count - 3) more" }
            var labels = alerts.count == 1 ? alerts[0] : [:]
            labels["alertname"] = nil
            var what: [String] = []
            if let receiver = event["receiver"]?.string {
                what.append([receiver, event["integration"]?.string].compactMap { $0 }.joined(separator: "/"))
            }
            for name in ["reason", "by", "changes", "error"] {
                if let text = event[name]?.string { what.append(text) }
            }
            if let attempt = event["attempt"]?.string {
                what.append("attempt \(attempt), \(event["duration"]?.string ?? "")")
            }
            if let value = event["value"]?.string { what.append("value \(value)") }
            rows.append([
                event["time"]?.string ?? "", event["event"]?.string ?? "", names, what.joined(separator: "; "),
                labels.isEmpty ? "" : "\(labels)",
            ])
        }
        if rows.isEmpty { return "nothing of that happened\n" }
        return TextTable.text(["TIME", "EVENT", "ALERT", "WHAT", "LABELS"], rows)
    }
}

extension HistoryFiles {
    /// Where the agent keeps them.
    init(stateDirectory: String) { self.init(directory: Self.directory(stateDirectory)) }

    static func directory(_ stateDirectory: String) -> String { "\(stateDirectory)/alerts/history" }

    /// What is found, one JSON object per line, oldest first.
    func lines(_ query: HistoryQuery) throws -> [UInt8] {
        var json = JSONWriter(capacity: 64 << 10)
        for event in try newest(query) {
            event.write(into: &json)
            json.endLine()
        }
        return json.written()
    }
}
