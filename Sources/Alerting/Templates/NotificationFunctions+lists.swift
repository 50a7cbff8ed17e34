import Rules

extension NotificationFunctions {
    static var lists: [Function] {
        [
            Function("stringSlice", [], variadic: .string) { arguments, _ in
                .list(TemplateList(typeName: NotificationType.plainStrings, arguments))
            },
            Function("list", [], variadic: .any) { arguments, _ in
                .list(TemplateList(typeName: NotificationType.anything, arguments))
            },
            Function("append", [.any], variadic: .any) { arguments, _ throws(TemplateFunctionError) in
                guard case .list(var list) = arguments[0] else {
                    throw TemplateFunctionError("expected a list, found \(arguments[0].typeName ?? "nil")")
                }
                list.typeName = NotificationType.anything
                list.printed = nil
                list.elements += arguments.dropFirst()
                return .list(list)
            },
            Function("dict", [], variadic: .any) { arguments, _ throws(TemplateFunctionError) in
                guard arguments.count % 2 == 0 else {
                    throw TemplateFunctionError("dict requires an even number of arguments")
                }
                var entries: [String: TemplateValue] = [:]
                for index in stride(from: 0, to: arguments.count, by: 2) {
                    guard case .string(let key) = arguments[index] else {
                        throw TemplateFunctionError("dict keys must be strings")
                    }
                    entries[key] = arguments[index + 1]
                }
                return .map(
                    TemplateMap(
                        typeName: "map[string]interface {}", absent: .null, entries.map { ($0.key, $0.value) }))
            },
        ]
    }
}

/// A template's value as JSON, as Go's `json.Marshal` would write it.
enum TemplateJSON {
    private static let deepest = 64

    static func document(_ value: TemplateValue, depth: Int = 0) throws(TemplateFunctionError) -> GoJSON {
        guard depth < deepest else { throw TemplateFunctionError("json: nested deeper than \(deepest) levels") }
        if let time = TemplateTime(value) { return .string(time.rfc3339) }
        switch value {
        case .missing, .null: return .null
        case .bool(let value): return .bool(value)
        case .integer(let value, _): return .integer(value)
        case .float(let value):
            guard value.isFinite else { throw TemplateFunctionError("json: unsupported value: \(value)") }
            return .number(value)
        case .complex: throw TemplateFunctionError("json: unsupported type: complex128")
        case .string(let text), .namedString(let text, _): return .string(text)
        case .time(let nanoseconds):
            let time = TemplateTime(seconds: 0).adding(nanoseconds: nanoseconds)
            return .string(time.rfc3339)
        case .list(let list):
            var elements: [GoJSON] = []
            for element in list.elements { elements.append(try document(element, depth: depth + 1)) }
            return .array(elements)
        case .map(let map):
            var members: [GoJSON.Member] = []
            for entry in map.entries {
                members.append(GoJSON.Member(name: entry.key, value: try document(entry.value, depth: depth + 1)))
            }
            return .object(members)
        case .structure(let structure):
            let isTagged =
                structure.typeName == NotificationType.alert || structure.typeName == NotificationType.data
            var members: [GoJSON.Member] = []
            for field in structure.fields where structure.typeName != NotificationType.data || isTold(field.name) {
                let name = isTagged ? memberName(field.name) : field.name
                members.append(GoJSON.Member(name: name, value: try document(field.value, depth: depth + 1)))
            }
            return .object(members)
        }
    }

    private static func isTold(_ field: String) -> Bool { field != "GroupKey" && field != "TruncatedAlerts" }

    private static func memberName(_ field: String) -> String {
        switch field {
        case "NotificationReason": "notification_reason"
        case "ExternalURL": "externalURL"
        default: field.prefix(1).lowercased() + field.dropFirst()
        }
    }
}
