import ArgumentParser
import Bytes
import Configuration
import Glibc
import Rules
import Telemetry
import Web

/// `tocsin rules`: why alerts are what they are, what rules would have done, and whether a file is right.
struct RulesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rules", abstract: "Check rule files, explain alerts, try rules out on what was.",
        subcommands: [CheckRulesCommand.self, ExplainRuleCommand.self, BacktestRulesCommand.self])
}

/// `tocsin rules check FILE…`
struct CheckRulesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check rule files without an agent.",
        discussion: "Names of time intervals in `active` are not checked, as they stand elsewhere.")

    @Argument(help: "Rule files.") var files: [String]

    @Flag(help: "Let remarks on what is legal but probably not meant fail, too.") var strict = false

    func run() throws {
        var isWrong = false
        for pattern in files where RuleFile.paths(matching: [pattern]).isEmpty {
            Terminal.complain("tocsin rules check: no file is named \(pattern)")
            isWrong = true
        }
        for path in RuleFile.paths(matching: files) {
            let file = RuleFile(path: path, language: .promQL())
            let remarks = file.warnings + RuleFileLint.remarks(file)
            for problem in file.problems { Terminal.complain("\(problem)") }
            for remark in remarks { Terminal.complain("warning: \(remark)") }
            if !file.problems.isEmpty || (strict && !remarks.isEmpty) {
                isWrong = true
            } else {
                print("\(path): \(file.groups.reduce(0) { $0 + $1.rules.count }) rules, ok")
            }
        }
        if isWrong { throw ExitCode(1) }
    }
}

/// `tocsin rules explain ALERT`
struct ExplainRuleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Why an alert is pending, firing or neither, from the running agent.")

    @Argument(help: "The alert's name.") var alert: String

    @Flag(help: "As JSON.") var json = false

    @OptionGroup var source: ConfigurationOptions

    func run() throws {
        do {
            let parameters = "alert=\(PercentCoding.encoded(alert))\(json ? "" : "&format=text")"
            EntryPrinter.write(try source.client().get("/api/v1/rules/explain?\(parameters)"))
        } catch {
            Terminal.complain("tocsin rules explain: \(error)")
            throw ExitCode(1)
        }
    }
}

/// `tocsin rules backtest FILE --since 6h`
struct BacktestRulesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backtest", abstract: "What a rule file's alerts would have done, on the running agent's samples.")

    @Argument(help: "A rule file; the agent need not have it.") var file: String

    @Option(help: "From when: 6h, 1d, or a time as 2026-01-31T12:00:00Z.") var since = "6h"

    @Option(help: "Up to when, as --since. Default: now.") var until: String?

    @Flag(help: "One JSON object per line.") var json = false

    @OptionGroup var source: ConfigurationOptions

    func validate() throws {
        guard try TimeOption.time(since, "--since") < (try until.map { try TimeOption.time($0, "--until") } ?? .now)
        else {
            throw ValidationError("--since: expected a time before --until")
        }
    }

    func run() throws {
        do {
            let bytes: [UInt8]
            switch ConfigurationSurroundings.process.read(file) {
            case .success(let contents): bytes = contents
            case .failure(let failure): throw AgentClient.Failure(description: "\(file): \(failure.reason)")
            }
            let start = try TimeOption.time(since, "--since")
            let end = try until.map { try TimeOption.time($0, "--until") } ?? .now
            let answer = try ask(bytes, start, end)
            EntryPrinter.write(json ? answer : Array(try Self.text(answer).utf8))
        } catch {
            Terminal.complain("tocsin rules backtest: \(error)")
            throw ExitCode(1)
        }
    }

    /// From the running agent, or, where there is none, from the store's files.
    private func ask(_ bytes: [UInt8], _ start: Timestamp, _ end: Timestamp) throws -> [UInt8] {
        var client = try source.client()
        client.patience = 600
        let path = "/api/v1/rules/backtest?path=\(PercentCoding.encoded(file))"
        let times = "&start=\(start.milliseconds)&end=\(end.milliseconds)"
        do throws(AgentClient.Failure) {
            return try client.post(path + times, bytes)
        } catch {
            guard error.isAbsence else { throw error }
            let directory = client.stateDirectory + "/series"
            guard access(directory, R_OK) == 0 else { throw error }
            let configuration = try Agent.load(
                Agent.Origin(path: source.path, stateDirectory: source.absoluteStateDirectory), logger: nil)
            return try run(bytes, configuration, start, end, directory)
        }
    }

    /// With what the agent would have that has this configuration.
    private func run(
        _ bytes: [UInt8], _ configuration: AgentConfiguration, _ start: Timestamp, _ end: Timestamp, _ directory: String
    ) throws -> [UInt8] {
        let options = RulesRoad.options(configuration)
        let language = RuleLanguage.promQL(configuration.rules.queryOptions)
        let file = RuleFile(bytes, path: file, language: language, timeIntervals: options.timeIntervals)
        guard file.problems.isEmpty else {
            throw AgentClient.Failure(description: file.problems.map(\.description).joined(separator: "\n"))
        }
        var files = SeriesStoreConfiguration(directory: directory)
        files.isReadOnly = true
        let store = try SeriesStore(configuration: files, metrics: MetricRegistry())
        let backtest = RuleBacktest(file.groups, options, language: language, source: store)
        let count = backtest.evaluations(from: start.milliseconds, through: end.milliseconds)
        guard count <= RuleBacktest.mostEvaluations else {
            throw AgentClient.Failure(
                description:
                    "that would be \(count) evaluations of rules, expected at most \(RuleBacktest.mostEvaluations)")
        }
        return backtest.report(from: start.milliseconds, through: end.milliseconds)
    }

    private static func text(_ answer: [UInt8]) throws -> String {
        var rows: [[String]] = []
        var end = ""
        for line in answer.split(separator: 0x0a) {
            let bytes = Array(line)
            let event = try JSONValue(parsing: bytes.span.bytes)
            guard let time = event["time"]?.string else {
                let count = event["evaluations"]?.number ?? 0
                end = "\(Int(count)) evaluations, \(rows.count) changes\n"
                for error in event["errors"]?.elements ?? [] {
                    end += "\(error["rule"]?.string ?? ""): \(error["error"]?.string ?? "")\n"
                }
                if event["incomplete"]?.bool == true {
                    end += "the rules recorded more than is kept; the end lacks some of it\n"
                }
                continue
            }
            let labels = LabelSet((event["labels"]?.members ?? []).map { Label($0.name, $0.value.string ?? "") })
            rows.append([
                time, event["alert"]?.string ?? "", "\(event["from"]?.string ?? "") -> \(event["to"]?.string ?? "")",
                event["value"]?.string ?? "", "\(labels)", event["reason"]?.string ?? "",
            ])
        }
        return (rows.isEmpty ? "" : TextTable.text(["TIME", "ALERT", "CHANGE", "VALUE", "LABELS", "WHY"], rows)) + end
    }
}
