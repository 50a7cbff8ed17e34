import Configuration
import Telemetry

/// A rule as its file has it. Times in milliseconds.
package struct RuleDefinition: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        case recording
        case alerting
    }

    package var kind: Kind
    /// Of the metric that is recorded, or of the alert.
    package var name: String
    package var expression: RuleExpression
    /// The group's included; sorted by name. An empty value takes the label away.
    package var labels: [Label] = []
    package var annotations: [Label] = []
    package var hold: Int64 = 0
    package var keepFiring: Int64 = 0
    /// nil: as `RuleOptions` say.
    package var noData: NoData?
    /// The alert is about label sets that were there and have been gone for so long; nil: about those that are there.
    package var absentFor: Int64?
    /// When it is evaluated; nil for always.
    package var active: [TimeInterval]?
    /// Where it stands in its file.
    package var position = SourcePosition(line: 1, column: 1)

    package init(_ kind: Kind, name: String, expression: RuleExpression) {
        self.kind = kind
        self.name = name
        self.expression = expression
    }

    /// What a reload recognises a rule by: name and labels.
    var identity: String {
        var text = (kind == .recording ? "r\u{0}" : "a\u{0}") + name
        for label in labels { text += "\u{0}\(label.name)\u{0}\(label.value)" }
        return text
    }
}

/// An expression and the text it was read from.
package struct RuleExpression: Sendable, Equatable {
    package var text: String
    package var parsed: Expression

    package init(text: String, parsed: Expression) {
        self.text = text
        self.parsed = parsed
    }

    package static func == (a: RuleExpression, b: RuleExpression) -> Bool { a.text == b.text }
}

extension RuleExpression: CustomStringConvertible {
    /// On one line, in the way in which Prometheus writes expressions.
    package var description: String { parsed.description }
}

/// A group as its file has it. Times in milliseconds.
package struct RuleGroupDefinition: Sendable, Equatable {
    package var file: String
    package var name: String
    /// nil: as `RuleOptions` say.
    package var interval: Int64?
    package var queryOffset: Int64?
    /// Series or alerts that a rule may bring; 0 for any number.
    package var limit = 0
    package var rules: [RuleDefinition] = []

    package init(file: String, name: String) {
        self.file = file
        self.name = name
    }

    /// What it is known by, as in Prometheus's metrics.
    package var key: String { Self.key(file: file, name: name) }

    package static func key(file: String, name: String) -> String { "\(file);\(name)" }
}
