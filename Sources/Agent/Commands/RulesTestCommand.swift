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
        var reports: [RuleTestReport] = []
        for path in files {
            let report = try report(path, only)
            reports.append(report)
            if !json { printText(report) }
        }
        if json { printJSON(reports) }
        if !reports.allSatisfy(\.hasPassed) { throw ExitCode(1) }
    }

    private func regex(_ text: String) throws -> Regex {
        do {
            return try Regex(text)
        } catch {
            Terminal.complain("tocsin test rules: --run: \(error)")
            throw ExitCode(2)
        }
    }

    private func report(_ path: String, _ only: Regex?) throws -> RuleTestReport {
        let bytes: [UInt8]
        switch ConfigurationSurroundings.process.read(path) {
        case .success(let read): bytes = read
        case .failure(let failure):
            Terminal.complain("tocsin test rules: \(path): \(failure.reason)")
            throw ExitCode(2)
        }
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

    private func printJSON(_ reports: [RuleTestReport]) {
        var writer = JSONWriter()
        writer.beginArray()
        for report in reports {
            writer.beginObject()
            writer.key("file")
            writer.string(report.path)
            writer.key("passed")
            writer.bool(report.hasPassed)
            writer.key("tests")
            writer.integer(report.tests)
            writer.key("warnings")
            writer.beginArray()
            for warning in report.warnings { writer.string(warning) }
            writer.endArray()
            writer.key("failures")
            writer.beginArray()
            for failure in report.failures {
                writer.beginObject()
                writer.key("test")
                writer.string(failure.test)
                writer.key("text")
                writer.string(failure.text)
                writer.endObject()
            }
            writer.endArray()
            writer.endObject()
        }
        writer.endArray()
        print(String(lossy: writer.buffer.bytes))
    }
}
