import Rules
import Telemetry

/// The types that templates see, as `%T` prints them.
enum NotificationType {
    static let data = "*template.Data"
    static let alert = "template.Alert"
    static let alerts = "template.Alerts"
    static let someAlerts = "[]template.Alert"
    static let map = "template.KV"
    static let pair = "template.Pair"
    static let pairs = "template.Pairs"
    static let strings = "template.Strings"
    static let plainStrings = "[]string"
    static let anything = "[]interface {}"
}

extension NotificationData {
    /// The dot of a template.
    package var value: TemplateValue {
        .structure(
            TemplateStructure(
                typeName: NotificationType.data,
                [
                    ("Receiver", .string(receiver)), ("Status", .string(status)),
                    ("Alerts", .list(TemplateList(typeName: NotificationType.alerts, alerts.map(\.value)))),
                    ("NotificationReason", .string(reason)), ("GroupLabels", Self.value(groupLabels)),
                    ("CommonLabels", Self.value(commonLabels)), ("CommonAnnotations", Self.value(commonAnnotations)),
                    ("RouteLabels", Self.value(routeLabels)), ("ExternalURL", .string(externalURL)),
                    // Alertmanager has these in the webhook's payload only.
                    ("GroupKey", .string(groupKey)), ("TruncatedAlerts", .int(truncatedAlerts)),
                ]))
    }

    static func value(_ labels: LabelSet) -> TemplateValue {
        NotificationPairs.map(labels.labels.map { ($0.name, $0.value) })
    }
}

extension NotificationData.Alert {
    var value: TemplateValue {
        .structure(
            TemplateStructure(
                typeName: NotificationType.alert,
                [
                    ("Status", .string(status)), ("Labels", NotificationData.value(labels)),
                    ("Annotations", NotificationData.value(annotations)), ("StartsAt", startsAt.value),
                    ("EndsAt", endsAt.value), ("GeneratorURL", .string(generatorURL)),
                    ("Fingerprint", .string(fingerprint)),
                ]))
    }
}

/// Names and values: `template.KV`, which is a map, and the lists that are made of one.
enum NotificationPairs {
    typealias Function = TemplateFunction<NotificationEnvironment>

    static func map(_ pairs: [(String, String)]) -> TemplateValue {
        var map = TemplateMap(
            typeName: NotificationType.map, absent: .string(""), pairs.map { ($0.0, .string($0.1)) })
        map.printed = text(sorted(.map(map)))
        return .map(map)
    }

    /// `alertname` first, then by name.
    static func sorted(_ value: TemplateValue) -> [(name: String, value: String)] {
        guard case .map(let map) = value else { return [] }
        let pairs = map.entries.map { (name: $0.key, value: NotificationFunctions.string($0.value)) }
        return pairs.filter { $0.name == "alertname" } + pairs.filter { $0.name != "alertname" }
    }

    private static func text(_ pairs: [(name: String, value: String)]) -> String {
        pairs.map { "\($0.name)=\($0.value)" }.joined(separator: ", ")
    }

    static func strings(_ texts: [String]) -> TemplateValue {
        .list(TemplateList(typeName: NotificationType.strings, texts.map { .string($0) }))
    }

    static var methodsOfMap: [Function] {
        [
            Function("SortedPairs", []) { arguments, _ in
                let pairs = sorted(arguments[0])
                var list = TemplateList(
                    typeName: NotificationType.pairs,
                    pairs.map {
                        .structure(
                            TemplateStructure(
                                typeName: NotificationType.pair,
                                [("Name", .string($0.name)), ("Value", .string($0.value))]))
                    })
                list.printed = text(pairs)
                return .list(list)
            },
            Function("Remove", [.any]) { arguments, _ throws(TemplateFunctionError) in
                let removed = Set(try NotificationFunctions.strings(arguments[1]))
                return map(sorted(arguments[0]).filter { !removed.contains($0.name) }.map { ($0.name, $0.value) })
            },
            Function("Names", []) { arguments, _ in strings(sorted(arguments[0]).map(\.name)) },
            Function("Values", []) { arguments, _ in strings(sorted(arguments[0]).map(\.value)) },
        ]
    }

    static var methodsOfPairs: [Function] {
        [
            Function("Names", []) { arguments, _ in strings(fields("Name", of: arguments[0])) },
            Function("Values", []) { arguments, _ in strings(fields("Value", of: arguments[0])) },
        ]
    }

    private static func fields(_ name: String, of value: TemplateValue) -> [String] {
        guard case .list(let list) = value else { return [] }
        return list.elements.map { element in
            guard case .structure(let pair) = element else { return "" }
            return NotificationFunctions.string(pair[name] ?? .missing)
        }
    }
}
