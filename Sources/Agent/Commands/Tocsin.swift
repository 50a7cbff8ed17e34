import ArgumentParser
import CLinux
import Glibc

/// The command `tocsin`.
@main
struct Tocsin: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tocsin",
        abstract: "One daemon for a host's logs, metrics, alerts and bans.",
        version: Version.current,
        subcommands: [RunCommand.self, CheckCommand.self, LogsCommand.self, VersionCommand.self])

    /// Exit codes: 0, 1 (found something wrong), 2 (used wrong).
    @MainActor static func main() async {
        // On the main actor still: the pool that this replaces starts with the first task elsewhere.
        clinux_run_tasks(2)
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
            Terminal.complain(fullMessage(for: error))
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
