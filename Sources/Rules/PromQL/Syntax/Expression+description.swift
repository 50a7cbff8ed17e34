import Bytes
import Telemetry

extension Expression: CustomStringConvertible {
    /// On one line, as Prometheus prints expressions (`promql/parser/printer.go`). Comments, needless white space and the ways in
    /// which numbers were written are gone; what is parsed from it prints the same.
    package var description: String {
        var printer = ExpressionPrinter()
        printer.write(self)
        return printer.text
    }
}

extension DurationExpression: CustomStringConvertible {
    /// As it stands inside of another duration.
    package var description: String {
        var printer = ExpressionPrinter()
        printer.write(self)
        return printer.text
    }
}

/// Collects the text of an expression, or its beginning where only that is asked for.
struct ExpressionPrinter {
    private(set) var text = ""
    /// Bytes after which nothing more needs to be written.
    private var limit = Int.max

    init() {}

    /// Whether an expression takes more than so many bytes; reads no more of it than that needs.
    static func isLonger(_ expression: Expression, than limit: Int) -> Bool {
        var printer = ExpressionPrinter()
        printer.limit = limit
        printer.write(expression)
        return printer.text.utf8.count > limit
    }

    mutating func write(_ expression: Expression) {
        guard text.utf8.count <= limit else { return }
        switch expression {
        case .number(let literal): text += ExpressionPrinter.text(of: literal)
        case .string(let literal): text += ExpressionPrinter.quoted(literal.value)
        case .vectorSelector(let selector):
            write(nameAndMatchersOf: selector)
            write(selector.at)
            if let name = selector.rangeExtension { text += " " + name.rawValue }
            write(offset: selector.offset)
        case .matrixSelector(let matrix):
            write(nameAndMatchersOf: matrix.selector)
            text += "[" + ExpressionPrinter.wholeText(matrix.window) + "]"
            if let name = matrix.selector.rangeExtension { text += " " + name.rawValue }
            write(matrix.selector.at)
            write(offset: matrix.selector.offset)
        case .subquery(let subquery):
            write(subquery.expression)
            writeSuffix(of: subquery)
        case .call(let call):
            text += call.function + "("
            write(list: call.arguments)
            text += ")"
        case .aggregation(let aggregation):
            writeHead(of: aggregation)
            text += "("
            write(list: (aggregation.parameter.map { [$0] } ?? []) + [aggregation.expression])
            text += ")"
        case .unary(let operation):
            text += operation.isNegation ? "-" : "+"
            write(operation.expression)
        case .binary(let operation):
            let place = text.endIndex
            write(operation.left)
            // `+Inf ^ x` would be read as `+(Inf ^ x)`.
            if operation.operation == .arithmetic(.power), case .number(let base) = operation.left,
                base.value == .infinity
            {
                text.remove(at: place)
            }
            text += " "
            writeOperator(of: operation)
            text += " "
            write(operation.right)
        case .parenthesized(let inner, _):
            text += "("
            write(inner)
            text += ")"
        }
    }

    private mutating func write(list: [Expression]) {
        for (index, expression) in list.enumerated() {
            if index > 0 { text += ", " }
            write(expression)
        }
    }

    // MARK: - Literals

    /// The replacement character is refused where it stands as it is.
    private static func quoted(_ text: String) -> String {
        let quoted = GoText.quoted(text)
        guard quoted.unicodeScalars.contains("\u{fffd}") else { return quoted }
        return quoted.unicodeScalars.reduce(into: "") { $0 += $1 == "\u{fffd}" ? "\\ufffd" : String($1) }
    }

    private static func text(of literal: NumberLiteral) -> String {
        guard literal.isDuration else { return GoNumber.plain(literal.value) }
        let milliseconds = Int64(exactly: (literal.value.magnitude * 1000).rounded(.towardZero)) ?? .max
        return (literal.value < 0 ? "-" : "") + PrometheusDuration.text(milliseconds)
    }

    /// As a range or an offset alone, where plain numbers are printed with their units.
    static func wholeText(_ duration: DurationExpression) -> String {
        guard case .literal(let milliseconds, _) = duration else { return duration.description }
        return (milliseconds < 0 ? "-" : "") + PrometheusDuration.text(Int64(clamping: milliseconds.magnitude))
    }

    mutating func write(_ duration: DurationExpression) {
        switch duration {
        case .literal(let milliseconds, let hasUnit):
            text += hasUnit ? ExpressionPrinter.wholeText(duration) : GoNumber.plain(Double(milliseconds) / 1000)
        case .number(let seconds): text += GoNumber.plain(seconds)
        case .step: text += "step()"
        case .range: text += "range()"
        case .negated(let inner):
            text += "-"
            write(inner)
        case .binary(let operation, let left, let right):
            write(left)
            text += " \(operation.rawValue) "
            write(right)
        case .minOf(let first, let second): write("min_of", first, second)
        case .maxOf(let first, let second): write("max_of", first, second)
        case .parenthesized(let inner):
            text += "("
            write(inner)
            text += ")"
        }
    }

    private mutating func write(_ name: String, _ first: DurationExpression, _ second: DurationExpression) {
        text += name + "("
        write(first)
        text += ", "
        write(second)
        text += ")"
    }

    // MARK: - Selectors

    private mutating func write(nameAndMatchersOf selector: VectorSelector) {
        text += selector.name ?? ""
        let matchers = selector.matchers
            .filter { matcher in
                guard let name = selector.name else { return true }
                return matcher.name != "__name__" || matcher.operation != .equal || matcher.value != name
            }
            .map {
                ExpressionPrinter.text(ofLabel: $0.name) + $0.operation.rawValue + ExpressionPrinter.quoted($0.value)
            }
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        // Without a name braces alone: the second argument of `info` may be just them.
        if !matchers.isEmpty || selector.name == nil { text += "{" + matchers.joined(separator: ",") + "}" }
    }

    private mutating func write(_ at: AtModifier?) {
        switch at {
        case nil: break
        case .start: text += " @ start()"
        case .end: text += " @ end()"
        case .time(let milliseconds): text += " @ " + GoNumber.fixed(Double(milliseconds) / 1000, places: 3)
        }
    }

    private mutating func write(offset: DurationExpression?) {
        if let offset { text += " offset " + ExpressionPrinter.wholeText(offset) }
    }

    /// `[1h:5m] @ 12.000 offset 5m`
    mutating func writeSuffix(of subquery: Subquery) {
        let step = subquery.step.map(ExpressionPrinter.wholeText) ?? ""
        text += "[" + ExpressionPrinter.wholeText(subquery.window) + ":" + step + "]"
        write(subquery.at)
        write(offset: subquery.offset)
    }

    // MARK: - Operators

    /// `sum by (job) `
    mutating func writeHead(of aggregation: Aggregation) {
        text += aggregation.operation.rawValue
        guard aggregation.isWithout || !aggregation.labels.isEmpty else { return }
        text += aggregation.isWithout ? " without " : " by "
        write(labels: aggregation.labels)
        text += " "
    }

    /// `== bool on (job) group_left ()`
    mutating func writeOperator(of operation: BinaryOperation) {
        text += operation.operation.symbol
        if case .comparison(_, isBool: true) = operation.operation { text += " bool" }
        guard let matching = operation.matching else { return }
        let isGrouped = matching.cardinality == .manyToOne || matching.cardinality == .oneToMany
        if !matching.labels.isEmpty || matching.isOn || isGrouped {
            text += matching.isOn ? " on " : " ignoring "
            write(labels: matching.labels)
        }
        if isGrouped {
            text += matching.cardinality == .manyToOne ? " group_left " : " group_right "
            write(labels: matching.include)
        }
        if let left = matching.fillLeft, left == matching.fillRight {
            text += " fill (\(GoNumber.general(left)))"
            return
        }
        if let left = matching.fillLeft { text += " fill_left (\(GoNumber.general(left)))" }
        if let right = matching.fillRight { text += " fill_right (\(GoNumber.general(right)))" }
    }

    private mutating func write(labels: [String]) {
        text += "(" + labels.map(ExpressionPrinter.text(ofLabel:)).joined(separator: ", ") + ")"
    }

    private static func text(ofLabel name: String) -> String {
        let bytes = name.utf8
        guard let first = bytes.first, !Lexer.isDigit(first), bytes.allSatisfy(Lexer.isAlphaNumeric) else {
            return GoText.quoted(name)
        }
        return name
    }
}
