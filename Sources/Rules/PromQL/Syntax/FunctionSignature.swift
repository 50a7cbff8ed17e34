/// The name, arguments and result of a PromQL function (Prometheus `promql/parser/functions.go`).
package struct FunctionSignature: Sendable {
    package var name: String
    package var arguments: [ValueType]
    /// How the last argument repeats: 0 never, n > 0 up to n further times or not at all, -1 any number of times, the first of them
    /// included in `arguments` and optional, as in Prometheus's table.
    package var variadic: Int
    package var result: ValueType
    package var isExperimental: Bool

    package init(
        _ name: String, _ arguments: [ValueType], variadic: Int = 0, _ result: ValueType = .vector,
        isExperimental: Bool = false
    ) {
        self.name = name
        self.arguments = arguments
        self.variadic = variadic
        self.result = result
        self.isExperimental = isExperimental
    }
}
