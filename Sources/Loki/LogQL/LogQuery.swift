import Bytes
import Telemetry

/// A log query: which streams, and which of their lines. LogQL's stream selector and line filters
/// (Loki documentation, "Log queries").
package struct LogQuery: Sendable {
    package var matchers: [LabelMatcher]
    package var filters: [LineFilter]

    package init(matchers: [LabelMatcher], filters: [LineFilter]) {
        self.matchers = matchers
        self.filters = filters
    }

    package func selects(_ labels: LabelSet) -> Bool { matchers.allSatisfy { $0.matches(labels) } }

    package func accepts(_ line: RawSpan) -> Bool {
        for filter in filters where !filter.accepts(line) { return false }
        return true
    }
}

/// One line filter: `|= "a" or "b"`, `!= "a"`, `|~ "re"`, `!~ "re"`.
package struct LineFilter: Sendable {
    package enum Operation: String, Sendable, CaseIterable {
        case contains = "|="
        case containsNot = "!="
        case matches = "|~"
        case matchesNot = "!~"
    }

    private enum Needle: Sendable {
        case literal([UInt8])
        case regex(Regex)
    }

    package let operation: Operation
    private let needles: [Needle]

    /// A line passes a positive filter that any of the `patterns` finds, and a negative one that none finds.
    package init(_ operation: Operation, _ patterns: [String]) throws(RegexError) {
        self.operation = operation
        var needles: [Needle] = []
        for pattern in patterns {
            switch operation {
            case .contains, .containsNot: needles.append(.literal([UInt8](pattern.utf8)))
            case .matches, .matchesNot: needles.append(.regex(try Regex(pattern, anchored: false)))
            }
        }
        self.needles = needles
    }

    package func accepts(_ line: RawSpan) -> Bool {
        switch operation {
        case .contains, .matches: finds(line)
        case .containsNot, .matchesNot: !finds(line)
        }
    }

    private func finds(_ line: RawSpan) -> Bool {
        for needle in needles {
            switch needle {
            case .literal(let bytes): if line.firstRange(of: bytes.span.bytes) != nil { return true }
            case .regex(let regex): if regex.isMatch(line) { return true }
            }
        }
        return false
    }
}
