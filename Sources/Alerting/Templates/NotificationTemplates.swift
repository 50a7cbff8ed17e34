import Configuration
import Rules
import Telemetry

/// All templates that a configuration knows: the defaults, and what the files under `templates` define.
///
/// A template sees its notification and nothing else: no file, no process, no network. It takes bounded time and room
/// (`TemplateLimits`).
package struct NotificationTemplates: Sendable {
    /// What a template is written into.
    package enum Form: Sendable { case text, html }

    private var library: TemplateLibrary
    /// Read once: they are the same in every configuration.
    private static let defaults = Result { () throws(TemplateError) -> TemplateLibrary in
        var library = TemplateLibrary()
        try add(DefaultTemplates.files, to: &library)
        return library
    }

    /// The defaults, and `files` in their order; a later definition takes the place of an earlier one.
    package init(files: [(name: String, text: String)] = []) throws(TemplateError) {
        library = try Self.defaults.get()
        try Self.add(files, to: &library)
    }

    private static func add(
        _ files: [(name: String, text: String)], to library: inout TemplateLibrary
    ) throws(TemplateError) {
        for file in files {
            library.add(try TemplateSource(file.text, name: file.name, functions: NotificationFunctions.names))
        }
    }

    /// The names of all that is defined.
    package var names: Set<String> { library.names }

    /// What a template calls that nobody has defined, in order.
    package func missing(in template: MessageTemplate) -> [String] {
        template.source?.calledTemplates.subtracting(library.names).sorted() ?? []
    }

    package func expand(
        _ template: MessageTemplate, _ data: NotificationData, as form: Form = .text
    ) throws(TemplateError) -> String {
        guard let source = template.source else { return template.text }
        let environment = NotificationEnvironment(now: data.now) { name in data.routeLabels[name] ?? "" }
        return try expand(source, data, environment, form)
    }

    /// The labels of a route with their templates expanded: they see the notification and, by `routeLabels`, each other.
    /// One that fails or that needs itself is an error.
    package func routeLabels(_ labels: LabelSet, for data: NotificationData) throws(TemplateError) -> LabelSet {
        var result = LabelSet()
        for label in labels.labels {
            result[label.name] = try routeLabel(label.name, of: labels, data, within: [])
        }
        return result
    }

    private func routeLabel(
        _ name: String, of labels: LabelSet, _ data: NotificationData, within outer: [String]
    ) throws(TemplateError) -> String {
        guard let text = labels[name] else { return "" }
        guard !outer.contains(name) else {
            let circle = (outer + [name]).joined(separator: " -> ")
            throw TemplateError(.executing, template: name, message: "the route's labels need each other: \(circle)")
        }
        guard let source = try MessageTemplate(text, name: name).source else { return text }
        let environment = NotificationEnvironment(now: data.now) { other throws(TemplateFunctionError) in
            do throws(TemplateError) {
                return try routeLabel(other, of: labels, data, within: outer + [name])
            } catch {
                throw TemplateFunctionError(error.message)
            }
        }
        return try expand(source, data, environment, .text)
    }

    private func expand(
        _ source: TemplateSource, _ data: NotificationData, _ environment: NotificationEnvironment, _ form: Form
    ) throws(TemplateError) -> String {
        try source.expand(
            data.value, library: library, functions: NotificationFunctions.all, environment: environment,
            escaper: form == .html ? HTMLEscaper() : nil)
    }
}

/// A text of the configuration that may hold template actions, parsed once.
package struct MessageTemplate: Sendable {
    package let text: String
    /// Nil where the text has no actions: it is the result.
    let source: TemplateSource?

    package init(_ text: String, name: String = "") throws(TemplateError) {
        self.text = text
        source =
            text.contains("{{") ? try TemplateSource(text, name: name, functions: NotificationFunctions.names) : nil
    }

    /// Text without actions.
    package init(plain text: String) {
        self.text = text
        source = nil
    }

    package var isEmpty: Bool { text.isEmpty }
}
