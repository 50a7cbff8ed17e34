import Bytes
import Glibc
import Telemetry

/// Runs the tests of a file: fills in the series step by step, evaluates the rules, and compares
/// (Prometheus `cmd/promtool/unittest.go`).
package struct RuleTestRun {
    private let file: RuleTestFile
    private var report: RuleTestReport

    /// - Parameter only: names of the tests to run; nil for all.
    package static func run(_ file: RuleTestFile, only: Regex? = nil) -> RuleTestReport {
        var run = RuleTestRun(file)
        let paths = run.rulePaths()
        for test in file.tests where only?.isMatch(test.name) ?? true {
            run.report.tests += 1
            run.run(test, paths)
        }
        return run.report
    }

    private init(_ file: RuleTestFile) {
        self.file = file
        report = RuleTestReport(path: file.path)
    }

    private mutating func rulePaths() -> [String] {
        let folder =
            file.path.contains("/") ? String(file.path[...(file.path.lastIndex(of: "/") ?? file.path.startIndex)]) : ""
        var paths: [String] = []
        for pattern in file.ruleFiles {
            let whole = pattern.hasPrefix("/") ? pattern : folder + pattern
            let found = RuleFile.paths(matching: [whole]).filter { access($0, F_OK) == 0 }
            if found.isEmpty { report.warnings.append("no file match pattern \(whole)") }
            paths += found
        }
        return paths
    }

    private mutating func run(_ test: RuleTest, _ paths: [String]) {
        do {
            let stage = try RuleTestStage(test, file, paths)
            for failure in stage.run() { report.failures.append(.init(test: test.name, text: failure)) }
        } catch {
            for text in error.texts { report.failures.append(.init(test: test.name, text: text)) }
        }
    }
}

/// Why a test cannot be run.
struct RuleTestError: Error {
    var texts: [String]
}
