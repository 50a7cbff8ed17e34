import Rules
import Testing

/// Scripts of ours in the language of Prometheus's tests, where Prometheus's own do not reach.
@Suite("PromQL scripts of ours")
struct OwnScriptsTests {
    private static let folder =
        "/" + #filePath.split(separator: "/").dropLast().joined(separator: "/") + "/Scripts/"

    @Test("every evaluation gives what is written down", arguments: ["info.test", "names.test"])
    func script(_ name: String) throws {
        let report = PromQLScriptRunner.run(try #require(ScriptFile.read(Self.folder + name)))
        for failure in report.failures {
            Issue.record("\(name):\(failure.line): \(failure.query): \(failure.reason)")
        }
        #expect(report.passed > 5)
    }
}
