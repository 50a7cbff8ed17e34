/// A part of a template's body.
indirect enum TemplateNode: Sendable {
    case text(String)
    /// `{{pipeline}}`
    case action(TemplatePipeline)
    case branch(TemplateBranch)
    /// `{{template "name" pipeline}}`; a `block` is a definition and one of these.
    case template(name: String, TemplatePipeline?, offset: Int)
    case breakLoop
    case continueLoop
}

/// `if`, `with` or `range`, with what is done otherwise.
struct TemplateBranch: Sendable {
    enum Kind: String, Sendable {
        case `if`
        case with
        case range
    }

    var kind: Kind
    var pipeline: TemplatePipeline
    var body: [TemplateNode]
    var otherwise: [TemplateNode]?
}

/// `$x := command | command`
struct TemplatePipeline: Sendable {
    var offset: Int
    /// `=` in place of `:=`.
    var isAssignment = false
    /// Names of the variables with `$`.
    var variables: [String] = []
    var commands: [TemplateCommand] = []
}

/// A value or function and its arguments.
struct TemplateCommand: Sendable {
    var offset: Int
    var operands: [TemplateOperand] = []
}

struct TemplateOperand: Sendable {
    indirect enum Kind: Sendable {
        case bool(Bool)
        case dot
        case null
        case number(TemplateNumber)
        /// What it says and how it was written.
        case string(String, quoted: String)
        /// `.a.b`
        case field([String])
        /// `$x.a.b`; the name comes first, with `$`.
        case variable([String])
        /// `(pipeline).a.b`
        case chain(TemplateOperand, [String])
        case function(String)
        case pipeline(TemplatePipeline)
    }

    var kind: Kind
    /// Byte of the text that messages name.
    var offset: Int
}

// Messages show the part of the template that went wrong, written as Go's parser would print it.

extension TemplatePipeline: CustomStringConvertible {
    var description: String {
        let declarations =
            variables.isEmpty ? "" : variables.joined(separator: ", ") + (isAssignment ? " = " : " := ")
        return declarations + commands.map(\.description).joined(separator: " | ")
    }
}

extension TemplateCommand: CustomStringConvertible {
    var description: String { operands.map(\.parenthesized).joined(separator: " ") }
}

extension TemplateOperand: CustomStringConvertible {
    var description: String {
        switch kind {
        case .bool(let value): value ? "true" : "false"
        case .dot: "."
        case .null: "nil"
        case .number(let number): number.text
        case .string(_, let quoted): quoted
        case .field(let names): names.map { ".\($0)" }.joined()
        case .variable(let names): names.joined(separator: ".")
        case .chain(let operand, let names): operand.parenthesized + names.map { ".\($0)" }.joined()
        case .function(let name): name
        case .pipeline(let pipeline): pipeline.description
        }
    }

    /// As it stands among others.
    var parenthesized: String {
        if case .pipeline = kind { return "(\(description))" }
        return description
    }
}
