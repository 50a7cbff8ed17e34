import ArgumentParser
import Bytes
import Configuration
import Glibc
import Logs
import Loki
import Telemetry
import Web

/// `tocsin logs`: reads the store through the running agent, or from its files when there is none.
struct LogsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Search and follow the lines in the store.",
        discussion: """
            tocsin logs '{unit="ssh.service"} |= "Failed" != "invalid" |~ "from .*"' --since 1h --follow
            """)

    @Argument(help: "A LogQL stream selector with line filters. Default: everything.")
    var query = "{}"

    @Option(help: "How far back: 15m, 1h, 7d, or a time as 2026-01-31T12:00:00Z.")
    var since = "1h"

    @Option(help: "Up to when, as --since. Default: now.")
    var until: String?

    @Option(help: "At most this many lines, the newest.")
    var limit = 1000

    @Flag(name: [.short, .long], help: "Go on with lines as they come.")
    var follow = false

    @Flag(help: "One JSON object per line.")
    var json = false

    @OptionGroup var source: ConfigurationOptions

    func validate() throws {
        guard (1...100_000).contains(limit) else { throw ValidationError("--limit: expected 1 to 100000") }
        _ = try request()
    }

    func run() throws {
        signal(SIGPIPE, SIG_DFL)
        let origin = Agent.Origin(path: source.path, stateDirectory: source.absoluteStateDirectory)
        do {
            let configuration = try Agent.load(origin, logger: nil)
            let request = try request()
            let printer = EntryPrinter(json: json)
            let agent = AgentLogs(stateDirectory: configuration.stateDirectory)
            for address in configuration.server.plainAddresses {
                if try agent.stream(request, from: address, to: printer) { return }
            }
            try StoredLogs(directory: configuration.stateDirectory + "/store").stream(request, to: printer)
        } catch {
            Terminal.complain("tocsin logs: \(error)")
            throw ExitCode(1)
        }
    }

    private func request() throws -> LogRequest {
        var request: LogRequest
        do {
            request = try LogRequest(query: query, start: try TimeOption.time(since, "--since"))
        } catch let error as LogQueryError {
            throw ValidationError(error.description)
        }
        if let until { request.end = try TimeOption.time(until, "--until") }
        request.limit = limit
        request.isFollowing = follow
        return request
    }
}
