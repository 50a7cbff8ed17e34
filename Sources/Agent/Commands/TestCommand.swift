import ArgumentParser
import Bytes
import Glibc
import Rules

/// `tocsin test`: runs what people have written down about rules and queries, and filters over logs.
struct TestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Test rules and queries against written expectations, filters against logs, routes and receivers.",
        subcommands: [
            PromQLTestCommand.self, RulesTestCommand.self, JailTestCommand.self, RouteTestCommand.self,
            NotifyTestCommand.self,
        ])
}

/// `tocsin test promql FILE…`
struct PromQLTestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "promql", abstract: "Run scripts of Prometheus's promqltest language.")

    @Flag(help: "As JSON.") var json = false

    @Argument(help: "The scripts.") var files: [String]

    private typealias Outcome = (file: String, report: PromQLScriptReport)

    func run() throws {
        var outcomes: [Outcome] = []
        defer { if !json, outcomes.count > 1 { printSum(outcomes) } }
        try TestFiles.run(
            files, command: "tocsin test promql", json: json,
            report: { path, bytes in
                let outcome = (path, PromQLScriptRunner.run(String(decoding: bytes, as: UTF8.self)))
                outcomes.append(outcome)
                return outcome
            }, show: printText, write: { $0.report.write(file: $0.file, into: &$1) },
            hasPassed: { $0.report.failures.isEmpty })
    }

    private func printText(_ outcome: Outcome) {
        for failure in outcome.report.failures {
            let query = failure.query.isEmpty ? "" : "\(failure.query): "
            print("\(outcome.file):\(failure.line): \(query)\(failure.reason)")
        }
        print("\(outcome.file): \(outcome.report.passed) passed, \(outcome.report.failures.count) failed")
    }

    private func printSum(_ outcomes: [Outcome]) {
        let passed = outcomes.reduce(0) { $0 + $1.report.passed }
        let failed = outcomes.reduce(0) { $0 + $1.report.failures.count }
        print("\(passed) passed, \(failed) failed")
    }
}

/// What commands that run files of tests have in common: each file is read, run and told about, as text one by one or as JSON
/// in one list.
enum TestFiles {
    /// Exit code 2 where a file cannot be read, 1 where one did not pass.
    ///
    /// - Parameter command: its name, for what it complains of.
    static func run<Report>(
        _ paths: [String], command: String, json: Bool, report: (String, [UInt8]) -> Report,
        show: (Report) -> Void, write: (Report, inout JSONWriter) -> Void, hasPassed: (Report) -> Bool
    ) throws {
        var writer = JSONWriter()
        writer.beginArray()
        var isGood = true
        for path in paths {
            let report = report(path, try read(path, command))
            isGood = isGood && hasPassed(report)
            if json { write(report, &writer) } else { show(report) }
        }
        writer.endArray()
        if json { print(String(lossy: writer.buffer.bytes)) }
        if !isGood { throw ExitCode(1) }
    }

    private static func read(_ path: String, _ command: String) throws -> [UInt8] {
        guard let file = fopen(path, "r") else { throw unreadable(path, command) }
        defer { fclose(file) }
        var contents: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            if count == 0 {
                // A directory can be opened and not read.
                if ferror(file) != 0 { throw unreadable(path, command) }
                return contents
            }
            contents += chunk[..<count]
        }
    }

    private static func unreadable(_ path: String, _ command: String) -> ExitCode {
        Terminal.complain("\(command): \(path): \(String(cString: strerror(errno)))")
        return ExitCode(2)
    }
}
