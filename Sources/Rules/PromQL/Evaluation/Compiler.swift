import Bytes
import Telemetry

/// Makes the tree of nodes that evaluates an expression.
enum Compiler {
    static func compile(_ expression: Expression) throws(QueryError) -> PlanNode {
        let node = try bareNode(expression)
        // The nodes above see to what they make of several steps themselves.
        if node.isInvariant, !(node is NumberNode), !(node is InvariantNode), !(node is SelectorNode) {
            return InvariantNode(node)
        }
        return node
    }

    private static func bareNode(_ expression: Expression) throws(QueryError) -> PlanNode {
        switch expression {
        case .number(let literal): return NumberNode(literal.value)
        case .string: throw .execution("a string stands where samples are expected")
        case .vectorSelector(let selector):
            return selector.rangeExtension == .smoothed ? SmoothedSelectorNode(selector) : SelectorNode(selector)
        case .matrixSelector, .subquery: throw .execution("a range vector stands where an instant vector is expected")
        case .parenthesized(let inner, _): return try compile(inner)
        case .unary(let operation):
            let node = try compile(operation.expression)
            return operation.isNegation ? NegationNode(node) : node
        case .binary(let operation): return try binary(operation)
        case .aggregation(let aggregation): return try self.aggregation(aggregation)
        case .call(let call): return try FunctionCompiler.compile(call)
        }
    }

    private static func binary(_ operation: BinaryOperation) throws(QueryError) -> PlanNode {
        let left = try compile(operation.left)
        let right = try compile(operation.right)
        let matching = operation.matching ?? VectorMatching()
        guard let sampleOperator = SampleOperator(operation.operation) else {
            guard case .set(let setOperator) = operation.operation else {
                throw .execution("unknown operator")
            }
            return SetOperatorNode(setOperator, left, right, matching)
        }
        switch (left.isScalar, right.isScalar) {
        case (true, true): return ScalarBinaryNode(sampleOperator.betweenScalars, left, right)
        case (false, true):
            return VectorScalarNode(
                sampleOperator, vector: left, scalar: right, isScalarLeft: false, range: operation.range)
        case (true, false):
            return VectorScalarNode(
                sampleOperator, vector: right, scalar: left, isScalarLeft: true, range: operation.range)
        case (false, false): return VectorMatchNode(sampleOperator, left, right, matching, range: operation.range)
        }
    }

    private static func aggregation(_ aggregation: Aggregation) throws(QueryError) -> PlanNode {
        let node = try compile(aggregation.expression)
        let grouping = Grouping(aggregation.labels, isWithout: aggregation.isWithout)
        func simple(_ kind: AggregationNode.Kind) -> PlanNode {
            AggregationNode(kind, node, by: grouping, range: aggregation.expression.range)
        }
        func choice(_ kind: SampleChoiceNode.Kind) throws(QueryError) -> PlanNode {
            let parameter = try parameter(of: aggregation)
            return SampleChoiceNode(
                kind, try compile(parameter), node, by: grouping, range: aggregation.range,
                parameterRange: parameter.range)
        }
        switch aggregation.operation {
        case .sum: return simple(.sum)
        case .avg: return simple(.average)
        case .count: return simple(.count)
        case .min: return simple(.minimum)
        case .max: return simple(.maximum)
        case .group: return simple(.group)
        case .stddev: return simple(.deviation)
        case .stdvar: return simple(.variance)
        case .topk: return try choice(.top)
        case .bottomk: return try choice(.bottom)
        case .limitk: return try choice(.limit)
        case .limitRatio: return try choice(.ratio)
        case .quantile:
            let parameter = try parameter(of: aggregation)
            return QuantileNode(
                try compile(parameter), node, by: grouping, range: aggregation.expression.range,
                parameterRange: parameter.range)
        case .countValues:
            return CountValuesNode(
                label: try FunctionCompiler.text(try parameter(of: aggregation)), node, labels: aggregation.labels,
                isWithout: aggregation.isWithout)
        }
    }

    private static func parameter(of aggregation: Aggregation) throws(QueryError) -> Expression {
        guard let parameter = aggregation.parameter else {
            throw .execution("\(aggregation.operation.rawValue) lacks its parameter")
        }
        return parameter
    }
}

extension SampleOperator {
    /// Between scalars a comparison always gives 1 or 0.
    var betweenScalars: SampleOperator {
        if case .filter(let comparison) = self { return .truth(comparison) }
        return self
    }
}

extension Expression {
    /// Without the parentheses around it.
    var unwrapped: Expression {
        if case .parenthesized(let inner, _) = self { return inner.unwrapped }
        return self
    }
}
