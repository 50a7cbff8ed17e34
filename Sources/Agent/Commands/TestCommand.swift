import ArgumentParser
import Bytes
import Glibc
import Rules

/// `tocsin test`: runs what people have written down about rules and queries.
struct TestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Test rules and queries against written expectations.",
        subcommands: [PromQLTestCommand.self, RulesTestCommand.self])
}

/// `tocsin test promql FILE…`
struct PromQLTestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "promql", abstract: "Run scripts of Prometheus's promqltest language.")

    @Flag(help: "As JSON.") var json = false

    @Argument(help: "The scripts.") var files: [String]

    func run() throws {
        var reports: [(file: String, report: PromQLScriptReport)] = []
        for file in files { reports.append((file, PromQLScriptRunner.run(try read(file)))) }
        if json { printJSON(reports) } else { printText(reports) }
        if reports.contains(where: { !$0.report.failures.isEmpty }) { throw ExitCode(1) }
    }

    private func read(_ path: String) throws -> String {
        guard let file = fopen(path, "r") else {
            Terminal.complain("tocsin test promql: \(path): \(String(cString: strerror(errno)))")
            throw ExitCode(2)
        }
        defer { fclose(file) }
        var contents: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            if count == 0 { return String(decoding: contents, as: UTF8.self) }
            contents += chunk[..<count]
        }
    }

    private func printText(_ reports: [(file: String, report: PromQLScriptReport)]) {
        for (file, report) in reports {
            for failure in report.failures {
                let query = failure.query.isEmpty ? "" : "\(failure.query): "
                print("\(file):\(failure.line): \(query)\(failure.reason)")
            }
            print("\(file): \(report.passed) passed, \(report.failures.count) failed")
        }
        guard reports.count > 1 else { return }
        let passed = reports.reduce(0) { $0 + $1.report.passed }
        let failed = reports.reduce(0) { $0 + $1.report.failures.count }
        print("\(passed) passed, \(failed) failed")
    }

    private func printJSON(_ reports: [(file: String, report: PromQLScriptReport)]) {
        var writer = JSONWriter()
        writer.beginArray()
        for (file, report) in reports {
            writer.beginObject()
            writer.key("file")
            writer.string(file)
            writer.key("passed")
            writer.integer(report.passed)
            writer.key("failed")
            writer.integer(report.failures.count)
            writer.key("failures")
            writer.beginArray()
            for failure in report.failures {
                writer.beginObject()
                writer.key("line")
                writer.integer(failure.line)
                writer.key("query")
                writer.string(failure.query)
                writer.key("reason")
                writer.string(failure.reason)
                writer.endObject()
            }
            writer.endArray()
            writer.endObject()
        }
        writer.endArray()
        print(String(lossy: writer.buffer.bytes))
    }
}
