import Configuration
import Rules

/// A piece of YAML whose texts are templates, and that is sent as JSON: a webhook's `payload`, PagerDuty's `details`.
///
/// As Alertmanager does it, a text that reads as another kind of YAML once it is expanded becomes that: `"{{ len .Alerts }}"`
/// a number, `"{{ .CommonLabels | toJson }}"` an object. Unlike there, a text is only taken for an object or a list where it
/// begins with a bracket: `Disk: full` stays a text.
package indirect enum PayloadTemplate: Sendable {
    case literal(GoJSON)
    case text(MessageTemplate)
    case list([PayloadTemplate])
    case mapping([(key: MessageTemplate, value: PayloadTemplate)])

    /// Reports texts that are no templates.
    init(_ value: ValueReader) { self.init(value.node, value) }

    private init(_ node: YAMLNode, _ value: ValueReader) {
        func template(_ text: String, _ position: SourcePosition) -> MessageTemplate {
            do {
                return try MessageTemplate(text, name: value.name)
            } catch {
                value.context.report("\(value.name): \(error)", at: position)
                return MessageTemplate(plain: text)
            }
        }
        switch node.content {
        case .scalar(let text, let isPlain):
            if isPlain, let literal = Self.plainValue(text) {
                self = .literal(literal)
            } else {
                self = .text(template(text, node.position))
            }
        case .sequence(let items): self = .list(items.map { PayloadTemplate($0, value) })
        case .mapping(let entries):
            self = .mapping(
                entries.map { (template($0.key, $0.keyPosition), PayloadTemplate($0.value, value)) })
        }
    }

    /// Nil, and told of, where one of its templates fails.
    func document(_ renderer: MessageRenderer, name: String = "payload") -> GoJSON? {
        switch self {
        case .literal(let json): return json
        case .text(let template):
            guard let text = renderer.expand(template, name: name) else { return nil }
            return Self.structured(text) ?? .string(text)
        case .list(let items):
            var elements: [GoJSON] = []
            for item in items {
                guard let element = item.document(renderer, name: name) else { return nil }
                elements.append(element)
            }
            return .array(elements)
        case .mapping(let entries):
            var members: [(String, GoJSON)] = []
            for entry in entries {
                guard let key = renderer.expand(entry.key, name: name),
                    let value = entry.value.document(renderer, name: name)
                else { return nil }
                members.append((key, value))
            }
            return .map(members)
        }
    }

    /// What an expanded text says besides text.
    private static func structured(_ text: String) -> GoJSON? {
        if let value = plainValue(text) { return value }
        let first = NotificationFunctions.trimmed(text).utf8.first
        guard first == UInt8(ascii: "{") || first == UInt8(ascii: "[") else { return nil }
        guard let document = try? YAMLDocument(Array(text.utf8), file: "payload") else { return nil }
        return json(document.root)
    }

    private static func json(_ node: YAMLNode) -> GoJSON {
        switch node.content {
        case .scalar(let text, let isPlain): isPlain ? plainValue(text) ?? .string(text) : .string(text)
        case .sequence(let items): .array(items.map(json))
        case .mapping(let entries): .map(entries.map { ($0.key, json($0.value)) })
        }
    }

    /// What a text without quotes is besides text.
    private static func plainValue(_ text: String) -> GoJSON? {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON": return .bool(true)
        case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF": return .bool(false)
        default: break
        }
        guard let first = text.utf8.first, (0x30...0x39).contains(first) || "+-.".utf8.contains(first) else {
            return nil
        }
        if let number = Int64(text) { return .integer(number) }
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) || "+-.eE".utf8.contains($0) }) else { return nil }
        return Double(text).flatMap { $0.isFinite ? .number($0) : nil }
    }
}
