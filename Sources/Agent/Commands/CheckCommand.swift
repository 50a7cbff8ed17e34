import Alerting
import ArgumentParser
import Bytes
import Configuration
import Glibc
import Rules
import Web

/// `tocsin check`: is the configuration right, and can this user read and write what it names?
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check the configuration file without running it.")

    @OptionGroup var source: ConfigurationOptions

    @Flag(help: "As JSON.") var json = false

    @Argument(help: "The file, instead of --config.") var file: String?

    func run() throws {
        var problems: [String] = []
        var warnings: [String] = []
        let path = file ?? source.path
        do {
            let configuration: AgentConfiguration
            if let path {
                let read = try ConfigurationFile<AgentConfiguration>(path: path)
                warnings = read.warnings.map(\.description)
                configuration = read.contents
            } else {
                configuration = AgentConfiguration()
            }
            _ = try SourcePlan(configuration.logs.scrapes)
            for path in RuleFile.paths(matching: configuration.rules.files) {
                let file = RuleFile(
                    path: path, language: .promQL(),
                    timeIntervals: configuration.alerting.configuration?.timeIntervals ?? [:])
                problems += file.problems.map(\.description)
                warnings += (file.warnings + RuleFileLint.remarks(file)).map(\.description)
            }
            let jails = JailPlanner(configuration.jails, stateDirectory: configuration.stateDirectory).check()
            problems += jails.problems
            warnings += jails.warnings
            if let web = configuration.server.webConfig {
                warnings += try WebConfiguration.read(web).warnings.map(\.description)
            }
        } catch let error as ConfigurationError {
            problems = error.problems.map(\.description)
        } catch {
            problems = ["\(path ?? "configuration"): \(error)"]
        }
        report(path ?? "built-in defaults", problems, warnings)
        if !problems.isEmpty { throw ExitCode(1) }
    }

    private func report(_ name: String, _ problems: [String], _ warnings: [String]) {
        if json {
            var writer = JSONWriter()
            writer.beginObject()
            writer.key("ok")
            writer.bool(problems.isEmpty)
            for (name, texts) in [("errors", problems), ("warnings", warnings)] {
                writer.key(name)
                writer.beginArray()
                for text in texts { writer.string(text) }
                writer.endArray()
            }
            writer.endObject()
            print(String(lossy: writer.buffer.bytes))
            return
        }
        for warning in warnings { Terminal.complain("warning: \(warning)") }
        for problem in problems { Terminal.complain(problem) }
        if problems.isEmpty { print("\(name): ok") }
    }
}
