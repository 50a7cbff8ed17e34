import Telemetry

/// A PromQL expression as it was written, with the place of every part in the text.
///
/// What the parser hands out has passed the type checks of Prometheus's parser (`promql/parser/parse.go`, `checkAST`).
package indirect enum Expression: Sendable {
    case number(NumberLiteral)
    case string(StringLiteral)
    case vectorSelector(VectorSelector)
    case matrixSelector(MatrixSelector)
    case subquery(Subquery)
    case call(Call)
    case aggregation(Aggregation)
    case unary(UnaryOperation)
    case binary(BinaryOperation)
    case parenthesized(Expression, TextRange)
}

/// Bytes of the query's text, from 0.
package struct TextRange: Sendable, Hashable {
    package var start: Int
    package var end: Int

    package init(start: Int, end: Int) {
        self.start = start
        self.end = end
    }
}

/// What an expression evaluates to.
package enum ValueType: String, Sendable {
    case scalar
    case string
    case vector = "instant vector"
    case matrix = "range vector"
}

package struct NumberLiteral: Sendable {
    package var value: Double
    /// Whether it was written as a duration (`5m`), for printing.
    package var isDuration: Bool
    package var range: TextRange

    package init(value: Double, isDuration: Bool = false, range: TextRange) {
        self.value = value
        self.isDuration = isDuration
        self.range = range
    }
}

package struct StringLiteral: Sendable {
    package var value: String
    package var range: TextRange

    package init(value: String, range: TextRange) {
        self.value = value
        self.range = range
    }
}

/// The time that `@` fixes.
package enum AtModifier: Sendable, Equatable {
    /// Milliseconds since 1970.
    case time(Int64)
    case start
    case end
}

/// How a range is extended beyond its samples (`anchored`, `smoothed`).
package enum RangeExtension: String, Sendable {
    case anchored
    case smoothed
}

/// `name{label="value"} offset 5m @ 12`
package struct VectorSelector: Sendable {
    /// The metric name as written before the braces; nil where it stands inside them, as a matcher or quoted, or nowhere.
    package var name: String?
    /// In the order in which they were written; the one on `__name__` that `name` stands for is the last.
    package var matchers: [LabelMatcher]
    package var offset: DurationExpression?
    package var at: AtModifier?
    package var rangeExtension: RangeExtension?
    /// Whether nothing but count and sum of native histograms is looked at.
    var readsStatistics = false
    package var range: TextRange

    package init(name: String?, matchers: [LabelMatcher], range: TextRange) {
        self.name = name
        self.matchers = matchers
        self.range = range
    }
}

/// `selector[5m]`; the modifiers stand in the selector.
package struct MatrixSelector: Sendable {
    package var selector: VectorSelector
    package var window: DurationExpression
    package var range: TextRange

    package init(selector: VectorSelector, window: DurationExpression, range: TextRange) {
        self.selector = selector
        self.window = window
        self.range = range
    }
}

/// `expression[1h:5m] offset 5m @ 12`
package struct Subquery: Sendable {
    package var expression: Expression
    package var window: DurationExpression
    /// nil for the default, the global evaluation interval.
    package var step: DurationExpression?
    package var offset: DurationExpression?
    package var at: AtModifier?
    package var range: TextRange

    package init(expression: Expression, window: DurationExpression, step: DurationExpression?, range: TextRange) {
        self.expression = expression
        self.window = window
        self.step = step
        self.range = range
    }
}

/// A duration inside brackets or after `offset`: `5m`, `300`, `step() * 2`, `max_of(1m, range())`.
package indirect enum DurationExpression: Sendable {
    /// Milliseconds, and whether it was written with units.
    case literal(milliseconds: Int64, hasUnit: Bool)
    /// Seconds that are no whole number of milliseconds, or a factor such as 0.3333; always without a unit.
    case number(Double)
    case step
    case range
    case negated(DurationExpression)
    case binary(ArithmeticOperator, DurationExpression, DurationExpression)
    case minOf(DurationExpression, DurationExpression)
    case maxOf(DurationExpression, DurationExpression)
    case parenthesized(DurationExpression)
}

package enum ArithmeticOperator: String, Sendable, CaseIterable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case modulo = "%"
    case power = "^"
    case atan2 = "atan2"
}

package enum ComparisonOperator: String, Sendable, CaseIterable {
    case equal = "=="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
}

package enum SetOperator: String, Sendable, CaseIterable {
    case and
    case or
    case unless
}

/// What stands between two expressions.
package enum BinaryOperator: Sendable, Equatable {
    case arithmetic(ArithmeticOperator)
    /// With `bool` it gives 0 or 1 in place of filtering.
    case comparison(ComparisonOperator, isBool: Bool)
    case set(SetOperator)
    /// `</` and `>/`: cuts buckets off native histograms.
    case trimUpper
    case trimLower
}

/// Which samples of both sides belong together.
package struct VectorMatching: Sendable {
    package enum Cardinality: Sendable, Equatable {
        case oneToOne
        /// `group_left`: many on the left.
        case manyToOne
        /// `group_right`: many on the right.
        case oneToMany
        /// Of the set operators.
        case manyToMany
    }

    package var cardinality: Cardinality = .oneToOne
    /// The labels of `on` or `ignoring`.
    package var labels: [String] = []
    /// Whether `labels` are those of `on`; else of `ignoring`, which without any ignores only the name.
    package var isOn = false
    /// The labels that `group_left` or `group_right` copies from the one side.
    package var include: [String] = []
    /// `fill`, `fill_left`, `fill_right`: the value of a side that lacks a sample.
    package var fillLeft: Double?
    package var fillRight: Double?

    package init() {}
}

package struct BinaryOperation: Sendable {
    package var operation: BinaryOperator
    package var left: Expression
    package var right: Expression
    /// nil where a side is a scalar.
    package var matching: VectorMatching?
    package var range: TextRange

    package init(
        operation: BinaryOperator, left: Expression, right: Expression, matching: VectorMatching?, range: TextRange
    ) {
        self.operation = operation
        self.left = left
        self.right = right
        self.matching = matching
        self.range = range
    }
}

package struct UnaryOperation: Sendable {
    /// `-`; else `+`, which does nothing.
    package var isNegation: Bool
    package var expression: Expression
    package var range: TextRange

    package init(isNegation: Bool, expression: Expression, range: TextRange) {
        self.isNegation = isNegation
        self.expression = expression
        self.range = range
    }
}

package enum AggregationOperator: String, Sendable, CaseIterable {
    case sum, avg, count, min, max, group, stddev, stdvar, topk, bottomk, quantile
    case countValues = "count_values"
    case limitk
    case limitRatio = "limit_ratio"
}

/// `sum by (job) (…)`, `topk(3, …)`
package struct Aggregation: Sendable {
    package var operation: AggregationOperator
    package var expression: Expression
    /// Of `topk`, `bottomk`, `quantile`, `count_values`, `limitk`, `limit_ratio`.
    package var parameter: Expression?
    package var labels: [String]
    /// `without` in place of `by`.
    package var isWithout: Bool
    package var range: TextRange

    package init(
        operation: AggregationOperator, expression: Expression, parameter: Expression?, labels: [String],
        isWithout: Bool, range: TextRange
    ) {
        self.operation = operation
        self.expression = expression
        self.parameter = parameter
        self.labels = labels
        self.isWithout = isWithout
        self.range = range
    }
}

/// A call of a function that `FunctionSignature.all` lists.
package struct Call: Sendable {
    package var function: String
    package var arguments: [Expression]
    package var range: TextRange

    package init(function: String, arguments: [Expression], range: TextRange) {
        self.function = function
        self.arguments = arguments
        self.range = range
    }
}
