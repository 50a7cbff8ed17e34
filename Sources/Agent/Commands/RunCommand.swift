import ArgumentParser
import CLinux
import Configuration
import Glibc
import Logging
import Web

/// `tocsin run`.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "run", abstract: "Run the agent.")

    @OptionGroup var source: ConfigurationOptions

    @Option(help: "Listen here instead of server.listen: host:port or unix:/path. May be repeated.")
    var listen: [String] = []

    @Option(help: "The agent's own log: debug, info, warn or error.")
    var logLevel: LogLevel = .info

    @Option(help: "The agent's own log: logfmt or json.")
    var logFormat: LogFormat = .logfmt

    func validate() throws { _ = try addresses() }

    private func addresses() throws -> [ListenAddress]? {
        do {
            return listen.isEmpty ? nil : try listen.map { text throws(WebServerError) in try ListenAddress(text) }
        } catch {
            throw ValidationError("--listen: \(error)")
        }
    }

    func run() async throws {
        // Many small threads allocate; two arenas keep what they leave behind small.
        clinux_limit_arenas(2)
        signal(SIGPIPE, SIG_IGN)
        let (level, format) = (logLevel.level, logFormat)
        LoggingSystem.bootstrap { _ in StructuredLogHandler(level: level, format: format) }
        let logger = Logger(label: "tocsin")
        do {
            let origin = Agent.Origin(
                path: source.path, stateDirectory: source.absoluteStateDirectory,
                addresses: try addresses())
            let configuration = try Agent.load(origin, logger: logger)
            try await Agent(origin: origin, configuration: configuration, logger: logger).run()
        } catch let error as ConfigurationError {
            for problem in error.problems {
                logger.error("the agent cannot run with this configuration", metadata: ["error": "\(problem)"])
            }
            throw ExitCode(1)
        } catch {
            logger.error("the agent cannot run", metadata: ["error": "\(error)"])
            throw ExitCode(1)
        }
    }
}

extension LogFormat: ExpressibleByArgument {}

/// `--log-level`.
enum LogLevel: String, CaseIterable, ExpressibleByArgument {
    case debug, info, warn, error

    var level: Logger.Level {
        switch self {
        case .debug: .debug
        case .info: .info
        case .warn: .warning
        case .error: .error
        }
    }
}
