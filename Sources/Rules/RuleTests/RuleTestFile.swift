import Configuration
import Telemetry

/// A file of tests of rules, as `promtool test rules` reads them
/// (https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/). Times in milliseconds.
package struct RuleTestFile: Sendable {
    package var path: String
    /// As they are written: relative to the file, with wildcards.
    package var ruleFiles: [String] = []
    package var evaluationInterval: Int64 = 60_000
    /// Names of groups, the first to be evaluated first.
    package var groupOrder: [String] = []
    /// Whether values may differ by the last bit.
    package var isFuzzy = false
    package var tests: [RuleTest] = []

    init(path: String) { self.path = path }
}

/// Series, and what rules and expressions make of them.
package struct RuleTest: Sendable {
    package struct Input: Sendable {
        package var series: String
        package var values: String
    }

    package var name = ""
    /// Between two values of a series.
    package var interval: Int64
    /// The time of the first values; evaluation times count from it.
    package var start: Int64 = 0
    package var input: [Input] = []
    package var externalLabels = LabelSet()
    package var externalURL = ""
    package var alertTests: [AlertRuleTest] = []
    package var expressionTests: [ExpressionTest] = []

    /// The last time that is asked for.
    var lastTime: Int64 {
        max(alertTests.map(\.time).max() ?? 0, expressionTests.map(\.time).max() ?? 0)
    }
}

/// Which alerts of a name there are at a time.
package struct AlertRuleTest: Sendable {
    package var time: Int64
    package var alert: String
    package var firing: [ExpectedAlert]
    /// nil where it does not matter which are pending.
    package var pending: [ExpectedAlert]?
}

package struct ExpectedAlert: Sendable, Hashable {
    /// `alertname` included.
    package var labels: LabelSet
    package var annotations: LabelSet
}

/// What an expression gives at a time.
package struct ExpressionTest: Sendable {
    package struct Sample: Sendable {
        package var labels: String
        package var value: Double
        /// A native histogram as `{{count:1}}`, instead of the value.
        package var histogram: String?
    }

    package var time: Int64
    package var expression: String
    package var samples: [Sample]
}
