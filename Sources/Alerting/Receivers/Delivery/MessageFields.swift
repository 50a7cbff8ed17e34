import Configuration
import Rules

/// A key of a receiver whose value is a template.
package struct TemplateKey: Sendable {
    package var name: String
    /// Taken where the key is absent, and where its template fails.
    package var defaultText: String
    package var doc: String

    init(_ name: String, _ defaultText: String = "", _ doc: String) {
        self.name = name
        self.defaultText = defaultText
        self.doc = doc
    }

    var key: ConfigurationKey {
        // A pipe would end the cell of a Markdown table.
        let shown = defaultText.contains("|") ? "" : defaultText
        return ConfigurationKey(name, "template", default: shown, doc)
    }
}

/// One template of a receiver's configuration.
package struct MessageField: Sendable {
    package var name: String
    package var template: MessageTemplate
    /// What stands in for it where it fails.
    package var fallback: MessageTemplate
    /// Where it was written; nil for a default.
    package var position: SourcePosition?

    /// Reports a text that is no template.
    init(_ value: ValueReader?, _ key: TemplateKey) {
        name = key.name
        fallback = (try? MessageTemplate(key.defaultText, name: key.name)) ?? MessageTemplate(plain: "")
        template = fallback
        // `$` has its own meaning in templates.
        guard let value, let text = value.literal() else { return }
        position = value.position
        do {
            template = try MessageTemplate(text, name: key.name)
        } catch {
            value.report("\(error)")
        }
    }
}

/// Writes a receiver's templates for one notification. One that fails is replaced and told of: no notification is lost
/// for it.
struct MessageRenderer {
    let kind: String
    let data: NotificationData
    let environment: ReceiverEnvironment
    /// The defaults, untouched by any file.
    private static let builtIn = try? NotificationTemplates()

    init(_ kind: String, _ data: NotificationData, _ environment: ReceiverEnvironment) {
        self.kind = kind
        self.data = data
        self.environment = environment
    }

    /// Its text, or what the default gives; empty where that fails too.
    func text(_ field: MessageField, as form: NotificationTemplates.Form = .text) -> String {
        expand(field.template, name: field.name, as: form) ?? fallback(field, as: form)
    }

    /// What the field's default gives.
    func fallback(_ field: MessageField, as form: NotificationTemplates.Form = .text) -> String {
        guard let builtIn = Self.builtIn else { return "" }
        return (try? builtIn.expand(field.fallback, data, as: form)) ?? ""
    }

    /// For what nothing can stand in for: an address.
    func required(_ template: MessageTemplate, name: String) throws(DeliveryFailure) -> String {
        guard let text = expand(template, name: name) else { throw .refused("the template of \(name) failed") }
        guard !text.isEmpty else { throw .refused("\(name) is empty once its template is expanded") }
        return text
    }

    /// Nil, and told of, where it fails.
    func expand(
        _ template: MessageTemplate, name: String, as form: NotificationTemplates.Form = .text
    ) -> String? {
        do throws(TemplateError) {
            return try environment.templates.expand(template, data, as: form)
        } catch {
            environment.templateFailed(kind, name, error)
            return nil
        }
    }
}
