import Telemetry

/// The functions of the language itself (`text/template/funcs.go`).
enum TemplateBuiltins<Environment> {
    typealias Function = TemplateFunction<Environment>

    static var all: [Function] { values + texts + TemplateComparison<Environment>.all }

    private static var values: [Function] {
        [
            // Evaluated where they are called, because they do not evaluate all of their arguments.
            Function("and", [.any], variadic: .any) { arguments, _ in arguments.last ?? .missing },
            Function("or", [.any], variadic: .any) { arguments, _ in arguments.last ?? .missing },
            Function("not", [.any]) { arguments, _ in .bool(!arguments[0].isTrue) },
            Function("len", [.any]) { arguments, _ throws(TemplateFunctionError) in .int(try length(arguments[0])) },
            Function("index", [.any], variadic: .any) { arguments, _ throws(TemplateFunctionError) in
                try arguments.dropFirst().reduce(first: arguments[0], element(of:at:))
            },
            Function("slice", [.any], variadic: .any) { arguments, _ throws(TemplateFunctionError) in
                try slice(arguments[0], Array(arguments.dropFirst()))
            },
            // Nothing that a template can get hold of is a function.
            Function("call", [.any], variadic: .any) { arguments, _ throws(TemplateFunctionError) in
                guard let type = arguments[0].typeName else { throw TemplateFunctionError("call of nil") }
                throw TemplateFunctionError("non-function of type \(type)")
            },
        ]
    }

    private static var texts: [Function] {
        [
            Function("print", [], variadic: .any) { arguments, _ in .string(GoPrinter.print(arguments)) },
            Function("println", [], variadic: .any) { arguments, _ in .string(GoPrinter.printLine(arguments)) },
            Function("printf", [.string], variadic: .any) { arguments, _ in
                guard case .string(let format) = arguments[0] else { return .string("") }
                return .string(GoPrinter.format(format, Array(arguments.dropFirst())))
            },
            Function("html", [], variadic: .any) { arguments, _ in .string(TextEscape.html(text(arguments))) },
            Function("js", [], variadic: .any) { arguments, _ in .string(TextEscape.javaScript(text(arguments))) },
            Function("urlquery", [], variadic: .any) { arguments, _ in .string(TextEscape.query(text(arguments))) },
        ]
    }

    private static func text(_ arguments: [TemplateValue]) -> String {
        GoPrinter.show(arguments)
    }

    private static func length(_ value: TemplateValue) throws(TemplateFunctionError) -> Int {
        switch value {
        case .missing, .null: throw TemplateFunctionError("reflect: call of reflect.Value.Type on zero Value")
        case .string(let text), .namedString(let text, _): return text.utf8.count
        case .list(let list): return list.elements.count
        case .map(let map): return map.entries.count
        default: throw TemplateFunctionError("len of type \(value.typeName ?? "nil")")
        }
    }

    private static func element(
        of value: TemplateValue, at index: TemplateValue
    ) throws(TemplateFunctionError) -> TemplateValue {
        switch value {
        case .missing, .null: throw TemplateFunctionError("index of untyped nil")
        case .string(let text), .namedString(let text, _):
            let bytes = Array(text.utf8)
            let offset = try position(index, upTo: bytes.count)
            guard offset < bytes.count else { throw TemplateFunctionError("reflect: string index out of range") }
            return .integer(Int64(bytes[offset]), .uint8)
        case .list(let list):
            let offset = try position(index, upTo: list.elements.count)
            guard offset < list.elements.count else { throw TemplateFunctionError("reflect: slice index out of range") }
            return list.elements[offset]
        case .map(let map):
            guard let type = index.typeName else {
                throw TemplateFunctionError("value is nil; should be of type string")
            }
            guard case .string(let key) = index else {
                throw TemplateFunctionError("value has type \(type); should be string")
            }
            return map[key] ?? map.absent
        default: throw TemplateFunctionError("can't index item of type \(value.typeName ?? "nil")")
        }
    }

    private static func position(_ index: TemplateValue, upTo end: Int) throws(TemplateFunctionError) -> Int {
        guard case .integer(let value, _) = index else {
            guard let type = index.typeName else { throw TemplateFunctionError("cannot index slice/array with nil") }
            throw TemplateFunctionError("cannot index slice/array with type \(type)")
        }
        guard value >= 0, value <= Int64(end) else { throw TemplateFunctionError("index out of range: \(value)") }
        return Int(value)
    }

    private static func slice(
        _ value: TemplateValue, _ indices: [TemplateValue]
    ) throws(TemplateFunctionError) -> TemplateValue {
        if value.isMissing { throw TemplateFunctionError("slice of untyped nil") }
        if indices.count > 3 { throw TemplateFunctionError("too many slice indexes: \(indices.count)") }
        let end: Int
        switch value {
        case .string(let text), .namedString(let text, _):
            if indices.count == 3 { throw TemplateFunctionError("cannot 3-index slice a string") }
            end = text.utf8.count
        case .list(let list): end = list.elements.count
        default: throw TemplateFunctionError("can't slice item of type \(value.typeName ?? "nil")")
        }
        var bounds = [0, end, end]
        for (place, index) in indices.enumerated() { bounds[place] = try position(index, upTo: end) }
        if bounds[0] > bounds[1] { throw TemplateFunctionError("invalid slice index: \(bounds[0]) > \(bounds[1])") }
        if indices.count == 3, bounds[1] > bounds[2] {
            throw TemplateFunctionError("invalid slice index: \(bounds[1]) > \(bounds[2])")
        }
        let range = bounds[0]..<bounds[1]
        switch value {
        case .string(let text): return .string(String(decoding: Array(text.utf8)[range], as: UTF8.self))
        case .namedString(let text, let type):
            return .namedString(String(decoding: Array(text.utf8)[range], as: UTF8.self), type: type)
        case .list(let list): return .list(TemplateList(typeName: list.typeName, Array(list.elements[range])))
        default: return value
        }
    }
}

extension Sequence {
    /// `reduce` for a combination that throws its own kind of error.
    fileprivate func reduce<Result, Failure: Error>(
        first: Result, _ combine: (Result, Element) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var result = first
        for element in self { result = try combine(result, element) }
        return result
    }
}
