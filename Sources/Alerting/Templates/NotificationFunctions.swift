import Rules
import Telemetry

/// What a notification template may ask for while it is expanded.
package struct NotificationEnvironment {
    package var now: TemplateTime
    /// The value of a route's label, expanded where it is a template itself; empty where there is none.
    package var routeLabel: (String) throws(TemplateFunctionError) -> String
}

/// The functions of Alertmanager's templates (`template/template.go`), and the methods of its types. None of them reaches
/// a file, a process or the network.
enum NotificationFunctions {
    typealias Function = TemplateFunction<NotificationEnvironment>

    static let all: TemplateFunctions<NotificationEnvironment> = {
        var functions = TemplateFunctions(texts + lists + times)
        functions.add(NotificationPairs.methodsOfMap, toType: NotificationType.map)
        functions.add(NotificationPairs.methodsOfPairs, toType: NotificationType.pairs)
        functions.add(methodsOfAlerts, toType: NotificationType.alerts)
        functions.add(
            [
                Function("Join", [.string]) { arguments, _ throws(TemplateFunctionError) in
                    .string(try strings(arguments[0]).joined(separator: string(arguments[1])))
                }
            ], toType: NotificationType.strings)
        functions.add(methodsOfTime, toType: "time.Time")
        return functions
    }()

    static let names = all.names

    private static var methodsOfAlerts: [Function] {
        ["Firing", "Resolved"].map { name in
            Function(name, []) { arguments, _ in
                guard case .list(let list) = arguments[0] else { return .missing }
                let status = name == "Firing" ? "firing" : "resolved"
                let chosen = list.elements.filter { element in
                    guard case .structure(let alert) = element else { return false }
                    return string(alert["Status"] ?? .missing) == status
                }
                return .list(TemplateList(typeName: NotificationType.someAlerts, chosen))
            }
        }
    }

    static func string(_ value: TemplateValue) -> String {
        switch value {
        case .string(let text), .namedString(let text, _): text
        default: ""
        }
    }

    /// The texts of a list.
    static func strings(_ value: TemplateValue) throws(TemplateFunctionError) -> [String] {
        if value.isMissing { return [] }
        guard case .list(let list) = value else {
            throw TemplateFunctionError("expected a list of strings, found \(value.typeName ?? "nil")")
        }
        var result: [String] = []
        for element in list.elements {
            switch element {
            case .string(let text), .namedString(let text, _): result.append(text)
            default: throw TemplateFunctionError("expected a list of strings, found \(element.typeName ?? "nil") in it")
            }
        }
        return result
    }
}
