import Telemetry

/// What running a file of tests brought.
package struct RuleTestReport: Sendable {
    package struct Failure: Sendable {
        /// The test's name; empty where it has none, or where the file itself is wrong.
        package var test: String
        /// As promtool prints it, of several lines.
        package var text: String

        package init(test: String, text: String) {
            self.test = test
            self.text = text
        }
    }

    package var path: String
    package var failures: [Failure] = []
    package var warnings: [String] = []
    /// Tests that were run.
    package var tests = 0

    package init(path: String) { self.path = path }

    package var hasPassed: Bool { failures.isEmpty }
}

/// Alerts as promtool lists them.
enum RuleTestText {
    static func list(_ alerts: [ExpectedAlert]) -> String {
        guard !alerts.isEmpty else { return "[]" }
        var lines = ["["]
        for (index, alert) in alerts.enumerated() {
            lines.append("\(index):")
            lines.append("  Labels:\(alert.labels)")
            lines.append("  Annotations:\(alert.annotations)" + (index + 1 < alerts.count ? "," : ""))
        }
        lines.append("]")
        return lines.joined(separator: "\n            ")
    }

    static func list(_ samples: [VectorSample]) -> String {
        guard !samples.isEmpty else { return "nil" }
        return samples.map {
            "\($0.labels) \($0.histogram?.value.scriptText ?? GoFloat.text($0.value, "E", precision: nil))"
        }.joined(separator: ", ")
    }
}
