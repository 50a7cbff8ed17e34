import ArgumentParser
import Bytes
import Glibc
import Rules
import Telemetry
import Web

/// `tocsin query`: asks the running agent what an expression is worth.
struct QueryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "query", abstract: "Evaluate a PromQL expression on the samples of the running agent.",
        discussion: """
            tocsin query 'sum by (job) (up)'
            tocsin query 'rate(node_cpu_seconds_total{mode="idle"}[5m])' --range 1h --step 1m
            """)

    @Argument(help: "A PromQL expression.")
    var expression: String

    @Option(help: "Evaluate over so long a time up to now, or up to --time: 15m, 1h, 1d.")
    var range: String?

    @Option(help: "The time between two points of a range. Default: a sixtieth of the range.")
    var step: String?

    @Option(help: "When, in seconds since 1970 or as 2026-01-31T12:00:00Z. Default: now.")
    var time: String?

    @Flag(help: "The agent's answer as JSON.")
    var json = false

    @OptionGroup var source: ConfigurationOptions

    /// Seconds for the agent's answer; its own limit for queries is usually lower.
    private static let patience = 120

    func validate() throws {
        do throws(QueryError) {
            _ = try Expression.parse(expression)
        } catch {
            throw ValidationError(error.description)
        }
        _ = try target()
    }

    func run() throws {
        do {
            let origin = Agent.Origin(path: source.path, stateDirectory: source.absoluteStateDirectory)
            let configuration = try Agent.load(origin, logger: nil)
            let client = AgentClient(
                stateDirectory: configuration.stateDirectory, addresses: configuration.server.plainAddresses,
                patience: Self.patience)
            try show(try client.get(try target()))
        } catch {
            Terminal.complain("tocsin query: \(error)")
            throw ExitCode(1)
        }
    }

    /// Path and parameters.
    private func target() throws -> String {
        let end = try time.map { text in
            guard let time = APIParameters.time(text) else {
                throw ValidationError("--time: expected seconds since 1970 or a time such as 2026-01-31T12:00:00Z")
            }
            return time
        }
        var parameters = [("query", expression)]
        guard let range else {
            if step != nil { throw ValidationError("--step goes with --range") }
            if let end { parameters.append(("time", Self.seconds(end))) }
            return Self.target("/api/v1/query", parameters)
        }
        let length = try Self.duration(range, "--range")
        let step = try step.map { try Self.duration($0, "--step") } ?? max(1000, length / 60_000 * 1000)
        let last = end ?? Timestamp.now.nanoseconds / 1_000_000
        parameters += [
            ("start", Self.seconds(last - length)), ("end", Self.seconds(last)), ("step", Self.seconds(step)),
        ]
        return Self.target("/api/v1/query_range", parameters)
    }

    private static func target(_ path: String, _ parameters: [(String, String)]) -> String {
        path + "?" + parameters.map { "\($0.0)=\(PercentCoding.encoded($0.1))" }.joined(separator: "&")
    }

    private static func seconds(_ milliseconds: Int64) -> String { GoNumber.plain(Double(milliseconds) / 1000) }

    private static func duration(_ text: String, _ option: String) throws -> Int64 {
        guard let milliseconds = try? PrometheusDuration.milliseconds(text), milliseconds > 0 else {
            throw ValidationError("\(option): expected a duration such as 5m or 1h30m")
        }
        return milliseconds
    }

    private func show(_ body: [UInt8]) throws {
        let answer = try JSONValue(parsing: body.span.bytes, limit: .max)
        guard let value = answer["data"].flatMap(QueryValue.init(apiData:)) else {
            throw AgentClient.Failure(description: "the agent's answer is none to a query")
        }
        for kind in ["warnings", "infos"] {
            for message in answer[kind]?.elements ?? [] { Terminal.complain(message.string ?? "") }
        }
        if json {
            print(String(decoding: body, as: UTF8.self))
            return
        }
        let isTerminal = isatty(STDOUT_FILENO) == 1
        for line in QueryValueText.lines(value, columns: Terminal.columns, bars: isTerminal) { print(line) }
    }
}
