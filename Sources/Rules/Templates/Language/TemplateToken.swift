import Telemetry

/// A piece of a template's text.
struct TemplateToken: Equatable {
    enum Kind: Equatable {
        case error, bool, character, characterConstant, complex, assign, declare, end, field, identifier
        case leftDelimiter, leftParenthesis, number, pipe, rawString, rightDelimiter, rightParenthesis
        case space, string, text, variable, dot
        case keyword(TemplateKeyword)
    }

    var kind: Kind
    /// Byte of the text at which it begins.
    var offset: Int
    /// Line of the text at which it begins, from 1.
    var line: Int
    /// What was written; of an error, what is wrong.
    var text: String
}

enum TemplateKeyword: String, Sendable {
    case block, define, `else`, end, `if`, `nil`, range, template, with
    case breakLoop = "break"
    case continueLoop = "continue"
}

extension TemplateToken: CustomStringConvertible {
    /// As Go's messages name it.
    var description: String {
        switch kind {
        case .end: return "EOF"
        case .error: return text
        case .keyword, .dot: return "<\(text)>"
        default:
            guard text.utf8.count > 10 else { return GoQuoted.quote(text) }
            return GoQuoted.quote(String(String.UnicodeScalarView(text.unicodeScalars.prefix(10)))) + "..."
        }
    }
}
