/// What a template may call: a function, or a method of a type, whose first argument is then the receiver.
package struct TemplateFunction<Environment>: Sendable {
    /// The type of a parameter.
    package enum Parameter: Sendable, Equatable {
        /// Anything; `nil` included.
        case any
        case string
        case float
        case int
        case bool
        /// A value of this type, as `%T` prints it.
        case type(String)

        var typeName: String {
            switch self {
            case .any: "interface {}"
            case .string: "string"
            case .float: "float64"
            case .int: "int"
            case .bool: "bool"
            case .type(let name): name
            }
        }
    }

    package var name: String
    package var parameters: [Parameter]
    /// The type of any number of further arguments.
    package var variadic: Parameter?
    package var body: @Sendable ([TemplateValue], Environment) throws(TemplateFunctionError) -> TemplateValue

    package init(
        _ name: String, _ parameters: [Parameter], variadic: Parameter? = nil,
        _ body: @escaping @Sendable ([TemplateValue], Environment) throws(TemplateFunctionError) -> TemplateValue
    ) {
        self.name = name
        self.parameters = parameters
        self.variadic = variadic
        self.body = body
    }
}

/// Why a function has no result; the message is shown as it is.
package struct TemplateFunctionError: Error, Sendable {
    package var message: String

    package init(_ message: String) { self.message = message }
}

/// The functions and methods a kind of template has besides those of the language.
package struct TemplateFunctions<Environment>: Sendable {
    package private(set) var byName: [String: TemplateFunction<Environment>] = [:]
    /// By type (without `*`), then by name.
    package private(set) var methods: [String: [String: TemplateFunction<Environment>]] = [:]

    /// With the functions of the language.
    package init(_ functions: [TemplateFunction<Environment>]) {
        for function in TemplateBuiltins<Environment>.all + functions { byName[function.name] = function }
        methods["time.Time"] = TemplateFunctions.index(TemplateTimeMethods<Environment>.ofTime)
        methods["time.Duration"] = TemplateFunctions.index(TemplateTimeMethods<Environment>.ofDuration)
        methods["time.Month"] = TemplateFunctions.index(TemplateTimeMethods<Environment>.ofNames)
        methods["time.Weekday"] = methods["time.Month"]
    }

    /// Adds the methods of a type.
    package mutating func add(_ functions: [TemplateFunction<Environment>], toType type: String) {
        methods[type, default: [:]].merge(TemplateFunctions.index(functions)) { $1 }
    }

    package var names: Set<String> { Set(byName.keys) }

    private static func index(
        _ functions: [TemplateFunction<Environment>]
    ) -> [String: TemplateFunction<Environment>] {
        Dictionary(functions.map { ($0.name, $0) }) { $1 }
    }
}
