import Telemetry

/// The functions of Prometheus's templates (`template/template.go`).
package enum AlertFunctions {
    typealias Function = TemplateFunction<TemplateEnvironment>

    static let vectorType = "template.queryResult"
    static let sampleType = "*template.sample"

    static let all = TemplateFunctions(samples + AlertFunctions.texts + AlertFunctions.numbers + AlertFunctions.places)

    private static var samples: [Function] {
        [
            Function("query", [.string]) { arguments, environment throws(TemplateFunctionError) in
                let vector: [VectorSample]
                do {
                    vector = try environment.query(string(arguments[0]))
                } catch {
                    throw TemplateFunctionError("\(error)")
                }
                return .list(TemplateList(typeName: vectorType, vector.map(sample)))
            },
            Function("first", [.type(vectorType)]) { arguments, _ throws(TemplateFunctionError) in
                guard case .list(let list) = arguments[0], let first = list.elements.first else {
                    throw TemplateFunctionError("first() called on vector with no elements")
                }
                return first
            },
            Function("label", [.string, .type(sampleType)]) { arguments, _ throws(TemplateFunctionError) in
                .string(try label(string(arguments[0]), of: arguments[1]))
            },
            Function("value", [.type(sampleType)]) { arguments, _ throws(TemplateFunctionError) in
                guard case .structure(let sample) = arguments[0], let value = sample["Value"] else {
                    throw nilPointer
                }
                return value
            },
            Function("strvalue", [.type(sampleType)]) { arguments, _ throws(TemplateFunctionError) in
                .string(try label("__value__", of: arguments[0]))
            },
            Function("sortByLabel", [.string, .type(vectorType)]) { arguments, _ throws(TemplateFunctionError) in
                guard case .list(let list) = arguments[1] else { return .list(TemplateList(typeName: vectorType, [])) }
                let name = string(arguments[0])
                var keyed: [(offset: Int, key: String, element: TemplateValue)] = []
                for (offset, element) in list.elements.enumerated() {
                    keyed.append((offset, try label(name, of: element), element))
                }
                keyed.sort {
                    $0.key == $1.key ? $0.offset < $1.offset : $0.key.utf8.lexicographicallyPrecedes($1.key.utf8)
                }
                return .list(TemplateList(typeName: vectorType, keyed.map(\.element)))
            },
            Function("args", [], variadic: .any) { arguments, _ in
                .map(
                    TemplateMap(
                        typeName: "map[string]interface {}", absent: .null,
                        arguments.enumerated().map { ("arg\($0.offset)", $0.element) }))
            },
        ]
    }

    private static func sample(_ sample: VectorSample) -> TemplateValue {
        .structure(
            TemplateStructure(
                typeName: sampleType, [("Labels", labels(sample.labels)), ("Value", .float(sample.value))]))
    }

    static func labels(_ labels: LabelSet) -> TemplateValue {
        .map(
            TemplateMap(
                typeName: "map[string]string", absent: .string(""),
                labels.labels.map { ($0.name, .string($0.value)) }))
    }

    private static func label(
        _ name: String, of sample: TemplateValue
    ) throws(TemplateFunctionError) -> String {
        guard case .structure(let sample) = sample, case .map(let labels)? = sample["Labels"] else {
            throw nilPointer
        }
        return string(labels[name] ?? labels.absent)
    }

    private static var nilPointer: TemplateFunctionError {
        TemplateFunctionError("runtime error: invalid memory address or nil pointer dereference")
    }

    static func string(_ value: TemplateValue) -> String {
        guard case .string(let text) = value else { return "" }
        return text
    }
}
