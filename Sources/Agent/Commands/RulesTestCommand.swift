import ArgumentParser
import Bytes
import Configuration
import Rules

/// `tocsin test rules FILE…`
struct RulesTestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rules", abstract: "Run unit tests of rules, files as promtool takes them.")

    @Flag(help: "As JSON.") var json = false

    @Option(name: .customLong("run"), help: "Only tests whose name matches this pattern.") var pattern: String?

    @Argument(help: "The files.") var files: [String]

    func run() throws {
        let only = try pattern.map(regex)
        try TestFiles.run(
            files, command: "tocsin test rules", json: json, report: { report($0, $1, only) }, show: printText,
            write: { $0.write(into: &$1) }, hasPassed: \.hasPassed)
    }

    private func regex(_ text: String) throws -> Regex {
        do {
            return try Regex(text)
        } catch {
            Terminal.complain("tocsin test rules: --run: \(error)")
            throw ExitCode(2)
        }
    }

    private func report(_ path: String, _ bytes: [UInt8], _ only: Regex?) -> RuleTestReport {
        do {
            return RuleTestRun.run(try RuleTestFile(bytes, path: path), only: only)
        } catch {
            var report = RuleTestReport(path: path)
            report.failures = error.problems.map { RuleTestReport.Failure(test: "", text: $0.description) }
            return report
        }
    }

    /// As promtool: what went wrong goes to standard error.
    private func printText(_ report: RuleTestReport) {
        print("Unit Testing:  \(report.path)")
        for warning in report.warnings { Terminal.complain("  WARNING: \(warning)") }
        if report.hasPassed {
            print("  SUCCESS")
        } else {
            Terminal.complain("  FAILED:")
            for failure in report.failures {
                Terminal.complain(failure.text)
                print()
            }
        }
        print()
    }
}
