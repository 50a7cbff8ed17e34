import ArgumentParser
import Glibc

/// The command `tocsin`.
@main
struct Tocsin: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tocsin",
        abstract: "One daemon for a host's logs, metrics, alerts and bans.",
        version: Version.current,
        subcommands: [
            RunCommand.self, CheckCommand.self, LogsCommand.self, QueryCommand.self, MetricsCommand.self,
            AlertsCommand.self, SilenceCommand.self, RulesCommand.self, BansCommand.self, JailsCommand.self,
            HashPasswordCommand.self, MigrateCommand.self, TestCommand.self, VersionCommand.self,
        ])

    /// Exit codes: 0, 1 (found something wrong), 2 (used wrong).
    static func main() async {
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            let code = exitCode(for: error)
            guard code == .validationFailure else { exit(withError: error) }
            Terminal.complain("tocsin: \(message(for: error)); `tocsin --help` tells what there is")
            Glibc.exit(2)
        }
    }
}

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Print the version.")

    @Flag(help: "As JSON.") var json = false

    func run() {
        print(json ? "{\"version\":\"\(Version.current)\"}" : "tocsin \(Version.current)")
    }
}
