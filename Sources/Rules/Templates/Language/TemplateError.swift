/// Why a template cannot be used or gave no text, in the words of Go's `text/template` as far as they are known.
package struct TemplateError: Error, Equatable, Sendable {
    package enum Stage: Sendable {
        /// The text is no template.
        case parsing
        /// The template is one, but went wrong with these data.
        case executing
    }

    package var stage: Stage
    /// The name given to the template.
    package var template: String
    /// `template: NAME:LINE: …` or `template: NAME:LINE:COLUMN: executing "NAME" at <…>: …`
    package var message: String

    package init(_ stage: Stage, template: String, message: String) {
        self.stage = stage
        self.template = template
        self.message = message
    }
}

extension TemplateError: CustomStringConvertible {
    /// As Prometheus says it where it checks a rule file, or where it expands an annotation.
    package var description: String {
        switch stage {
        case .parsing: message
        case .executing: "error executing template \(template): \(message)"
        }
    }
}
