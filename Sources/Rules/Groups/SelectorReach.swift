import Telemetry

/// How far back an expression looks at the series of one selector: what the store has to keep for it.
package struct SelectorReach: Sendable {
    package var matchers: [LabelMatcher]
    /// Milliseconds before the time of evaluation.
    package var milliseconds: Int64

    /// Of all selectors of an expression that is evaluated every `step` milliseconds; those that `@` fixes in time look at
    /// no moving window and are left out.
    package static func of(_ expression: Expression, step: Int64, lookback: Int64) -> [SelectorReach] {
        var found: [SelectorReach] = []
        collect(expression, behind: 0, step, lookback, &found)
        return found
    }

    private static func collect(
        _ expression: Expression, behind: Int64, _ step: Int64, _ lookback: Int64, _ found: inout [SelectorReach]
    ) {
        func length(_ duration: DurationExpression?) -> Int64 {
            // What has no value fails at its evaluation, which tells of it.
            duration.flatMap { try? $0.milliseconds(step: step, range: 0, isOffset: true) } ?? 0
        }
        func add(_ selector: VectorSelector, window: Int64) {
            guard selector.at == nil else { return }
            let reach = behind + window + length(selector.offset)
            found.append(SelectorReach(matchers: selector.matchers, milliseconds: max(0, reach)))
        }
        switch expression {
        case .vectorSelector(let selector): add(selector, window: lookback)
        case .matrixSelector(let matrix):
            let hasExtension = matrix.selector.rangeExtension != nil
            add(matrix.selector, window: length(matrix.window) + (hasExtension ? lookback : 0))
        case .subquery(let subquery):
            guard subquery.at == nil else { return }
            let window = length(subquery.window) + length(subquery.offset)
            collect(subquery.expression, behind: behind + window, step, lookback, &found)
        default:
            for child in ExpressionParts.children(expression) {
                collect(child, behind: behind, step, lookback, &found)
            }
        }
    }
}

extension RuleFile {
    /// What the store has to keep for the file's rules; `interval` is of groups that name none.
    package func reaches(interval: Int64, queryOffset: Int64, lookback: Int64) -> [SelectorReach] {
        groups.flatMap { group in
            group.rules.flatMap { rule in
                SelectorReach.of(rule.expression.parsed, step: group.interval ?? interval, lookback: lookback).map {
                    var reach = $0
                    reach.milliseconds += (group.queryOffset ?? queryOffset) + (rule.absentFor ?? 0)
                    return reach
                }
            }
        }
    }
}
