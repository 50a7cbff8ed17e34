import Bytes
import Telemetry

// The tree of an expression, as `/api/v1/parse_query` answers and Prometheus's query explorer shows it.
extension Expression {
    package func write(to json: inout JSONWriter) {
        json.beginObject()
        json.key("type")
        switch self {
        case .number(let literal):
            json.string("numberLiteral")
            json.member("val", GoNumber.plain(literal.value))
        case .string(let literal):
            json.string("stringLiteral")
            json.member("val", literal.value)
        case .parenthesized(let inner, _):
            json.string("parenExpr")
            json.member("expr", inner)
        case .unary(let operation):
            json.string("unaryExpr")
            json.member("op", operation.isNegation ? "-" : "+")
            json.member("expr", operation.expression)
        case .vectorSelector(let selector):
            json.string("vectorSelector")
            selector.writeMembers(to: &json)
        case .matrixSelector(let matrix):
            json.string("matrixSelector")
            json.member("range", matrix.window)
            matrix.selector.writeMembers(to: &json)
        case .subquery(let subquery):
            json.string("subquery")
            json.member("expr", subquery.expression)
            json.member("range", subquery.window)
            json.member("offset", subquery.offset)
            json.member("step", subquery.step)
            json.member(subquery.at)
        case .call(let call):
            json.string("call")
            call.writeMembers(to: &json)
        case .aggregation(let aggregation):
            json.string("aggregation")
            json.member("op", aggregation.operation.rawValue)
            json.member("expr", aggregation.expression)
            json.member("param", aggregation.parameter)
            json.member("grouping", aggregation.labels)
            json.key("without")
            json.bool(aggregation.isWithout)
        case .binary(let operation):
            json.string("binaryExpr")
            operation.writeMembers(to: &json)
        }
        json.endObject()
    }
}

extension VectorSelector {
    fileprivate func writeMembers(to json: inout JSONWriter) {
        json.member("name", name ?? "")
        json.member("offset", offset)
        json.key("matchers")
        json.beginArray()
        for matcher in matchers {
            json.beginObject()
            json.member("name", matcher.name)
            json.member("value", matcher.value)
            json.member("type", matcher.operation.rawValue)
            json.endObject()
        }
        json.endArray()
        json.member(at)
        json.key("anchored")
        json.bool(rangeExtension == .anchored)
        json.key("smoothed")
        json.bool(rangeExtension == .smoothed)
    }
}

extension Call {
    fileprivate func writeMembers(to json: inout JSONWriter) {
        json.key("func")
        json.beginObject()
        json.member("name", function)
        if let signature = FunctionSignature.named(function) {
            json.member("argTypes", signature.arguments.map(\.shortName))
            json.key("variadic")
            json.integer(signature.variadic)
            json.member("returnType", signature.result.shortName)
        }
        json.endObject()
        json.key("args")
        json.beginArray()
        for argument in arguments { argument.write(to: &json) }
        json.endArray()
    }
}

extension BinaryOperation {
    fileprivate func writeMembers(to json: inout JSONWriter) {
        json.member("op", operation.symbol)
        json.member("lhs", left)
        json.member("rhs", right)
        json.key("matching")
        if let matching { matching.write(to: &json) } else { json.null() }
        json.key("bool")
        if case .comparison(_, isBool: true) = operation { json.bool(true) } else { json.bool(false) }
    }
}

extension VectorMatching {
    fileprivate func write(to json: inout JSONWriter) {
        json.beginObject()
        let card =
            switch cardinality {
            case .oneToOne: "one-to-one"
            case .manyToOne: "many-to-one"
            case .oneToMany: "one-to-many"
            case .manyToMany: "many-to-many"
            }
        json.member("card", card)
        json.member("labels", labels)
        json.key("on")
        json.bool(isOn)
        json.member("include", include)
        json.key("fillValues")
        json.beginObject()
        for (side, value) in [("lhs", fillLeft), ("rhs", fillRight)] {
            json.key(side)
            if let value { json.number(value) } else { json.null() }
        }
        json.endObject()
        json.endObject()
    }
}

extension DurationExpression {
    fileprivate func write(to json: inout JSONWriter) {
        switch self {
        case .literal(let milliseconds, let hasUnit):
            DurationExpression.write(number: Double(milliseconds) / 1000, hasUnit, to: &json)
        case .number(let seconds): DurationExpression.write(number: seconds, false, to: &json)
        default: write(isWrapped: false, to: &json)
        }
    }

    private static func write(number: Double, _ hasUnit: Bool, to json: inout JSONWriter) {
        json.beginObject()
        json.member("type", "numberLiteral")
        json.member("val", GoNumber.plain(number))
        json.key("duration")
        json.bool(hasUnit)
        json.endObject()
    }

    private func write(isWrapped: Bool, to json: inout JSONWriter) {
        let (operation, left, right): (String, DurationExpression?, DurationExpression?)
        switch self {
        case .parenthesized(let inner):
            // A number in parentheses has a sign that is not written, so that they have something to stand at.
            switch inner {
            case .literal, .number: (operation, left, right) = ("+", nil, inner)
            default: return inner.write(isWrapped: true, to: &json)
            }
        case .step: (operation, left, right) = ("step", nil, nil)
        case .range: (operation, left, right) = ("range", nil, nil)
        case .negated(let inner): (operation, left, right) = ("-", nil, inner)
        case .binary(let sign, let first, let second): (operation, left, right) = (sign.rawValue, first, second)
        case .minOf(let first, let second): (operation, left, right) = ("min_of", first, second)
        case .maxOf(let first, let second): (operation, left, right) = ("max_of", first, second)
        case .literal, .number: return write(to: &json)
        }
        let isParenthesis = if case .parenthesized = self { true } else { false }
        json.beginObject()
        json.member("type", "durationExpr")
        json.member("op", operation)
        for (side, value) in [("lhs", left), ("rhs", right)] {
            json.key(side)
            if let value { value.write(to: &json) } else { json.null() }
        }
        json.key("wrapped")
        json.bool(isWrapped || isParenthesis)
        json.endObject()
    }
}

extension JSONWriter {
    fileprivate mutating func member(_ name: String, _ text: String) {
        key(name)
        string(text)
    }

    fileprivate mutating func member(_ name: String, _ texts: [String]) {
        key(name)
        beginArray()
        for text in texts { string(text) }
        endArray()
    }

    fileprivate mutating func member(_ name: String, _ expression: Expression?) {
        key(name)
        if let expression { expression.write(to: &self) } else { null() }
    }

    /// Milliseconds where it is a number alone, and `…Expr` where it was composed.
    fileprivate mutating func member(_ name: String, _ duration: DurationExpression?) {
        key(name)
        if case .literal(let milliseconds, _) = duration { integer(milliseconds) } else { integer(0) }
        key(name + "Expr")
        switch duration {
        case nil, .literal: null()
        case let composed?: composed.write(to: &self)
        }
    }

    fileprivate mutating func member(_ at: AtModifier?) {
        key("timestamp")
        if case .time(let milliseconds) = at { integer(milliseconds) } else { null() }
        key("startOrEnd")
        switch at {
        case .start: string("start")
        case .end: string("end")
        case nil, .time: null()
        }
    }
}
