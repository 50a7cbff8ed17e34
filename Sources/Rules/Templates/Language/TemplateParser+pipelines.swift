import Telemetry

extension TemplateParser {
    /// Declarations and commands up to `end`, which is taken.
    mutating func parsePipeline(
        _ context: String, until end: TemplateToken.Kind
    ) throws(TemplateError) -> TemplatePipeline {
        try enter()
        defer { nesting -= 1 }
        var pipeline = TemplatePipeline(offset: peekNonSpace().offset)
        try parseDeclarations(of: &pipeline, context)
        while true {
            let token = nextNonSpace()
            switch token.kind {
            case end:
                try check(pipeline, context)
                return pipeline
            case .bool, .characterConstant, .complex, .dot, .field, .identifier, .number, .keyword(.nil), .rawString,
                .string, .variable, .leftParenthesis:
                backUp()
                pipeline.commands.append(try parseCommand())
            default: throw unexpected(token, in: context)
            }
        }
    }

    /// `$x :=`, `$x =` and, of a range, `$i, $x :=`
    private mutating func parseDeclarations(
        of pipeline: inout TemplatePipeline, _ context: String
    ) throws(TemplateError) {
        while true {
            let variable = peekNonSpace()
            guard variable.kind == .variable else { return }
            let start = index
            _ = nextNonSpace()
            let following = peekNonSpace()
            switch following.kind {
            case .assign, .declare:
                pipeline.isAssignment = following.kind == .assign
                _ = nextNonSpace()
                pipeline.variables.append(variable.text)
                variables.append(variable.text)
                return
            case .character where following.text == ",":
                _ = nextNonSpace()
                pipeline.variables.append(variable.text)
                variables.append(variable.text)
                guard context == "range", pipeline.variables.count < 2 else {
                    throw problem("too many declarations in \(context)")
                }
                switch peekNonSpace().kind {
                case .variable, .rightDelimiter, .rightParenthesis: continue
                default: throw problem("range can only initialize variables")
                }
            default:
                index = start
                return
            }
        }
    }

    private func check(_ pipeline: TemplatePipeline, _ context: String) throws(TemplateError) {
        guard !pipeline.commands.isEmpty else { throw problem("missing value for \(context)") }
        for (stage, command) in pipeline.commands.enumerated().dropFirst() {
            switch command.operands[0].kind {
            case .bool, .dot, .null, .number, .string:
                throw problem("non executable command in pipeline stage \(stage + 1)")
            default: break
            }
        }
    }

    private mutating func parseCommand() throws(TemplateError) -> TemplateCommand {
        var command = TemplateCommand(offset: peekNonSpace().offset)
        reading: while true {
            _ = peekNonSpace()
            if let operand = try parseOperand() { command.operands.append(operand) }
            let token = next()
            switch token.kind {
            case .space: continue
            case .rightDelimiter, .rightParenthesis:
                backUp()
                break reading
            case .pipe: break reading
            default: throw unexpected(token, in: "operand")
            }
        }
        guard !command.operands.isEmpty else { throw problem("empty command") }
        return command
    }

    /// A term and the fields behind it.
    private mutating func parseOperand() throws(TemplateError) -> TemplateOperand? {
        guard let term = try parseTerm() else { return nil }
        guard peek().kind == .field else { return term }
        let offset = peek().offset
        var names: [String] = []
        while peek().kind == .field { names.append(String(next().text.dropFirst())) }
        switch term.kind {
        case .field(let first): return TemplateOperand(kind: .field(first + names), offset: offset)
        case .variable(let first): return TemplateOperand(kind: .variable(first + names), offset: offset)
        case .bool, .string, .number, .null, .dot:
            throw problem("unexpected . after term \(GoQuoted.quote(term.description))")
        default: return TemplateOperand(kind: .chain(term, names), offset: offset)
        }
    }

    private mutating func parseTerm() throws(TemplateError) -> TemplateOperand? {
        let token = nextNonSpace()
        let kind: TemplateOperand.Kind
        switch token.kind {
        case .identifier:
            guard functions.contains(token.text) else {
                throw problem("function \(GoQuoted.quote(token.text)) not defined")
            }
            kind = .function(token.text)
        case .dot: kind = .dot
        case .keyword(.nil): kind = .null
        case .variable:
            guard variables.contains(token.text) else {
                throw problem("undefined variable \(GoQuoted.quote(token.text))")
            }
            kind = .variable([token.text])
        case .field: kind = .field([String(token.text.dropFirst())])
        case .bool: kind = .bool(token.text == "true")
        case .characterConstant, .complex, .number:
            guard let number = TemplateNumber(token.text, isCharacter: token.kind == .characterConstant) else {
                throw problem(Self.numberProblem(token))
            }
            kind = .number(number)
        case .leftParenthesis:
            kind = .pipeline(try parsePipeline("parenthesized pipeline", until: .rightParenthesis))
        case .string, .rawString:
            guard let text = GoLiteral.unquoted(token.text) else { throw problem("invalid syntax") }
            kind = .string(text, quoted: token.text)
        default:
            backUp()
            return nil
        }
        return TemplateOperand(kind: kind, offset: token.offset)
    }

    private static func numberProblem(_ token: TemplateToken) -> String {
        switch token.kind {
        case .characterConstant:
            return GoLiteral.beginsWithCharacter(token.text)
                ? "malformed character constant: \(token.text)" : "invalid syntax"
        case .number where GoLiteral.float(token.text) != nil: return "integer overflow: \(GoQuoted.quote(token.text))"
        default: return "illegal number syntax: \(GoQuoted.quote(token.text))"
        }
    }
}
