import Bytes
import Telemetry

/// Makes the nodes of function calls.
enum FunctionCompiler {
    static func compile(_ call: Call) throws(QueryError) -> PlanNode {
        if let node = try range(call) { return node }
        if let node = try math(call) { return node }
        if let node = try time(call) { return node }
        if let node = try histogram(call) { return node }
        if let node = try labels(call) { return node }
        switch call.function {
        case "absent": return AbsentNode(try node(call, 0), labels: AbsentNode.labels(of: try argument(call, 0)))
        case "scalar": return ScalarNode(try node(call, 0))
        case "vector": return VectorNode(try node(call, 0))
        case "pi": return NumberNode(Double.pi)
        case "max_of": return ExtremeOfNode(isMaximum: true, try node(call, 0), try node(call, 1))
        case "min_of": return ExtremeOfNode(isMaximum: false, try node(call, 0), try node(call, 1))
        case "sort", "sort_desc":
            return SortNode(isDescending: call.function == "sort_desc", try node(call, 0), range: call.range)
        case "round": return ClampNode(.round, try node(call, 0), try nodes(call, from: 1))
        case "clamp": return ClampNode(.clamp, try node(call, 0), try nodes(call, from: 1))
        case "clamp_min": return ClampNode(.minimum, try node(call, 0), try nodes(call, from: 1))
        case "clamp_max": return ClampNode(.maximum, try node(call, 0), try nodes(call, from: 1))
        default: throw .execution("the function \(call.function) is not supported")
        }
    }

    // MARK: - Arguments

    static func argument(_ call: Call, _ index: Int) throws(QueryError) -> Expression {
        guard call.arguments.indices.contains(index) else {
            throw .execution("\(call.function) lacks argument \(index + 1)")
        }
        return call.arguments[index]
    }

    private static func node(_ call: Call, _ index: Int) throws(QueryError) -> PlanNode {
        try Compiler.compile(try argument(call, index))
    }

    private static func nodes(_ call: Call, from first: Int) throws(QueryError) -> [PlanNode] {
        var nodes: [PlanNode] = []
        for argument in call.arguments.dropFirst(first) { nodes.append(try Compiler.compile(argument)) }
        return nodes
    }

    static func text(_ expression: Expression) throws(QueryError) -> String {
        guard case .string(let literal) = expression.unwrapped else { throw .execution("a string was expected") }
        return literal.value
    }

    // MARK: - Ranges

    private static func range(_ call: Call) throws(QueryError) -> PlanNode? {
        guard let place = call.arguments.firstIndex(where: { $0.unwrapped.isRange }) else { return nil }
        let expression = call.arguments[place].unwrapped
        let source = try source(expression)
        var arguments: [PlanNode] = []
        for (index, argument) in call.arguments.enumerated() where index != place {
            arguments.append(try Compiler.compile(argument))
        }
        var traits = RangeFunctionTraits(range: expression.range)
        if case .matrixSelector(let matrix) = expression { traits.rangeExtension = matrix.selector.rangeExtension }
        try checkExtension(traits.rangeExtension, call.function)
        traits.suspectsGauges = call.function == "rate" || call.function == "increase"
        traits.keepsName = call.function == "last_over_time" || call.function == "first_over_time"
        traits.usesStepTime = call.function == "predict_linear"
        traits.histograms = HistogramRangeFunction(call.function, traits.rangeExtension)
        if call.function == "absent_over_time" {
            return AbsentOverTimeNode(source, labels: AbsentNode.labels(of: expression), traits)
        }
        if call.function == "quantile_over_time" {
            let quantileRange = try argument(call, 0).range
            traits.ignoredRange = quantileRange
            traits.remark = { columns, evaluation in
                for value in columns.first ?? [] {
                    guard let complaint = Quantile.complaint(value) else { continue }
                    evaluation.annotations.warn(complaint, at: quantileRange)
                }
            }
        }
        return try WindowFunctions.node(call.function, source, arguments, traits)
    }

    static func source(_ expression: Expression) throws(QueryError) -> RangeSource {
        switch expression.unwrapped {
        case .matrixSelector(let matrix): return MatrixSource(matrix)
        case .subquery(let subquery): return SubquerySource(subquery, try Compiler.compile(subquery.expression))
        default: throw .execution("a range vector was expected")
        }
    }

    private static func checkExtension(_ rangeExtension: RangeExtension?, _ function: String) throws(QueryError) {
        let allowed: [String]
        switch rangeExtension {
        case nil: return
        case .anchored: allowed = ["changes", "delta", "increase", "rate", "resets"]
        case .smoothed: allowed = ["delta", "increase", "rate"]
        }
        guard !allowed.contains(function), let rangeExtension else { return }
        throw .execution(
            "\(rangeExtension.rawValue) modifier can only be used with: \(allowed.joined(separator: ", ")) - not with "
                + function)
    }

    // MARK: - Numbers and times

    private static func math(_ call: Call) throws(QueryError) -> PlanNode? {
        guard let function = MathFunction(rawValue: call.function) else { return nil }
        return MathNode(function, try node(call, 0))
    }

    private static func time(_ call: Call) throws(QueryError) -> PlanNode? {
        if let function = DateFunction(rawValue: call.function) {
            return DateNode(function, call.arguments.isEmpty ? VectorNode(TimeNode()) : try node(call, 0))
        }
        if let quantity = QueryTimeNode.Quantity(rawValue: call.function) { return QueryTimeNode(quantity) }
        switch call.function {
        case "time": return TimeNode()
        case "start_timestamp":
            guard case .vectorSelector(let selector) = try argument(call, 0).unwrapped else {
                return NothingNode(try node(call, 0))
            }
            return SelectorNode(selector, output: .start)
        case "timestamp":
            if case .vectorSelector(let selector) = try argument(call, 0).unwrapped, selector.rangeExtension == nil {
                return SelectorNode(selector, output: .timestamp)
            }
            return StepTimestampNode(try node(call, 0))
        default: return nil
        }
    }

    // MARK: - Histograms

    private static func histogram(_ call: Call) throws(QueryError) -> PlanNode? {
        switch call.function {
        case "histogram_avg", "histogram_count", "histogram_sum", "histogram_stddev", "histogram_stdvar":
            guard let quantity = HistogramQuantityNode.Quantity(rawValue: call.function) else { return nil }
            return HistogramQuantityNode(quantity, try node(call, 0))
        case "histogram_quantile":
            return HistogramQuantileNode(
                try node(call, 1), range: try argument(call, 1).range,
                quantiles: [(try node(call, 0), try argument(call, 0).range)], label: nil)
        case "histogram_quantiles":
            var quantiles: [(node: PlanNode, range: TextRange)] = []
            for argument in call.arguments.dropFirst(2) {
                quantiles.append((try Compiler.compile(argument), argument.range))
            }
            return HistogramQuantileNode(
                try node(call, 0), range: try argument(call, 0).range, quantiles: quantiles,
                label: try text(try argument(call, 1)))
        case "histogram_fraction":
            return HistogramFractionNode(
                try node(call, 0), try node(call, 1), try node(call, 2), range: try argument(call, 2).range)
        default: return nil
        }
    }

    // MARK: - Labels

    private static func labels(_ call: Call) throws(QueryError) -> PlanNode? {
        switch call.function {
        case "label_replace":
            let pattern = try text(try argument(call, 4))
            guard let regex = try? Regex(pattern, anchored: true, dotMatchesNewline: true) else {
                throw .execution("invalid regular expression in label_replace(): \(pattern)")
            }
            let destination = try text(try argument(call, 1))
            try checkLabel(destination, "destination", call)
            return RelabelNode(
                .replace(
                    destination: destination, template: try text(try argument(call, 2)),
                    source: try text(try argument(call, 3)), regex: regex), try node(call, 0))
        case "label_join":
            var sources: [String] = []
            for argument in call.arguments.dropFirst(3) { sources.append(try text(argument)) }
            for source in sources { try checkLabel(source, "source", call) }
            let destination = try text(try argument(call, 1))
            try checkLabel(destination, "destination", call)
            return RelabelNode(
                .join(destination: destination, separator: try text(try argument(call, 2)), sources: sources),
                try node(call, 0))
        case "sort_by_label", "sort_by_label_desc":
            var labels: [String] = []
            for argument in call.arguments.dropFirst() { labels.append(try text(argument)) }
            return SortByLabelNode(
                isDescending: call.function == "sort_by_label_desc", labels: labels, try node(call, 0),
                range: call.range)
        case "info":
            let selector: VectorSelector?
            if call.arguments.count > 1, case .vectorSelector(let given) = call.arguments[1].unwrapped {
                selector = given
            } else {
                selector = nil
            }
            return InfoNode(try node(call, 0), of: try argument(call, 0), selector)
        default: return nil
        }
    }

    /// Any text but none is a label's name.
    private static func checkLabel(_ name: String, _ role: String, _ call: Call) throws(QueryError) {
        if name.isEmpty { throw .execution("invalid \(role) label name in \(call.function)(): \(name)") }
    }
}

extension Expression {
    /// Whether it is a range vector; asked of expressions without parentheses around them.
    var isRange: Bool {
        switch self {
        case .matrixSelector, .subquery: true
        default: false
        }
    }
}
