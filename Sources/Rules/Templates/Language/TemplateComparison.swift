/// `eq`, `ne`, `lt`, `le`, `gt` and `ge`, which compare values of the same kind only.
enum TemplateComparison<Environment> {
    typealias Function = TemplateFunction<Environment>

    static var all: [Function] {
        [
            Function("eq", [.any], variadic: .any) { arguments, _ throws(TemplateFunctionError) in
                guard arguments.count > 1 else { throw TemplateFunctionError("missing argument for comparison") }
                for candidate in arguments.dropFirst() where try equal(arguments[0], candidate) { return .bool(true) }
                return .bool(false)
            },
            Function("ne", [.any, .any]) { arguments, _ throws(TemplateFunctionError) in
                .bool(try !equal(arguments[0], arguments[1]))
            },
            Function("lt", [.any, .any]) { arguments, _ throws(TemplateFunctionError) in
                .bool(try less(arguments[0], arguments[1]))
            },
            Function("le", [.any, .any]) { arguments, _ throws(TemplateFunctionError) in
                .bool(try atMost(arguments[0], arguments[1]))
            },
            Function("gt", [.any, .any]) { arguments, _ throws(TemplateFunctionError) in
                .bool(try !atMost(arguments[0], arguments[1]))
            },
            Function("ge", [.any, .any]) { arguments, _ throws(TemplateFunctionError) in
                .bool(try !less(arguments[0], arguments[1]))
            },
        ]
    }

    private static func equal(_ a: TemplateValue, _ b: TemplateValue) throws(TemplateFunctionError) -> Bool {
        switch (a, b) {
        case (.bool(let a), .bool(let b)): return a == b
        case (.integer(let a, _), .integer(let b, _)): return a == b
        case (.float(let a), .float(let b)): return a == b
        case (.complex(let a, let i), .complex(let b, let j)): return a == b && i == j
        case (.time(let a), .time(let b)): return a == b
        default: break
        }
        if let a = string(a), let b = string(b) { return a == b }
        if a.isMissing || b.isMissing { return a.isMissing && b.isMissing }
        if let type = compositeType(a), let other = compositeType(b) {
            // Pointers have an identity, which values here lack: the same contents are taken for the same.
            if type.hasPrefix("*") || other.hasPrefix("*") {
                return type == other && GoPrinter.print([a]) == GoPrinter.print([b])
            }
            throw TemplateFunctionError("non-comparable type \(GoPrinter.print([b])): \(other)")
        }
        throw TemplateFunctionError("incompatible types for comparison")
    }

    private static func less(_ a: TemplateValue, _ b: TemplateValue) throws(TemplateFunctionError) -> Bool {
        for value in [a, b] {
            switch value {
            case .bool, .integer, .float, .complex, .string, .namedString: break
            default: throw TemplateFunctionError("invalid type for comparison")
            }
        }
        switch (a, b) {
        case (.integer(let a, _), .integer(let b, _)): return a < b
        case (.float(let a), .float(let b)): return a < b
        case (.bool, .bool), (.complex, .complex): throw TemplateFunctionError("invalid type for comparison")
        default: break
        }
        guard let a = string(a), let b = string(b) else {
            throw TemplateFunctionError("incompatible types for comparison")
        }
        return a.utf8.lexicographicallyPrecedes(b.utf8)
    }

    private static func compositeType(_ value: TemplateValue) -> String? {
        switch value {
        case .list, .map, .structure: value.typeName
        default: nil
        }
    }

    private static func atMost(_ a: TemplateValue, _ b: TemplateValue) throws(TemplateFunctionError) -> Bool {
        if try less(a, b) { return true }
        return try equal(a, b)
    }

    private static func string(_ value: TemplateValue) -> String? {
        switch value {
        case .string(let text), .namedString(let text, _): text
        default: nil
        }
    }
}
