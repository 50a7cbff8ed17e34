import Telemetry

/// A template's text as nodes: its body and what it defines.
struct ParsedTemplate: Sendable {
    var body: [TemplateNode] = []
    /// By name; the template itself is not among them.
    var definitions: [String: [TemplateNode]] = [:]
}

/// Makes nodes of a template's tokens, as `text/template/parse/parse.go` does it, with its messages.
struct TemplateParser {
    /// How deep parentheses and control structures may nest: what evaluates them recurses.
    static let deepestNesting = 30

    let name: String
    let functions: Set<String>
    let tokens: [TemplateToken]
    /// The next token.
    var index = 0
    /// The furthest token seen; messages name its line.
    var furthest = 0
    var variables: [String]
    var definitions: [String: [TemplateNode]] = [:]
    var rangeDepth = 0
    var nesting = 0
    /// Where the action that is being read began, for messages on errors of the lexer.
    var actionLine = 0

    /// - Parameters:
    ///   - functions: the names a template may call.
    ///   - variables: with `$`, those that the template finds declared.
    ///   - hasPrologue: whether they are declared in text before this one.
    static func parse(
        _ text: String, name: String, functions: Set<String>, variables: [String], hasPrologue: Bool = false
    ) throws(TemplateError) -> ParsedTemplate {
        var parser = TemplateParser(
            name: name, functions: functions, tokens: TemplateLexer.tokens(of: text), variables: ["$"] + variables)
        let body = try parser.parseTop()
        // A body that begins with a prologue is not empty, and cannot be defined again.
        try parser.add(name, hasPrologue ? [.breakLoop] : body)
        parser.definitions[name] = nil
        return ParsedTemplate(body: body, definitions: parser.definitions)
    }

    // MARK: Tokens

    func token(at place: Int) -> TemplateToken {
        if place < tokens.count { return tokens[place] }
        let last = tokens[tokens.count - 1]
        return TemplateToken(kind: .end, offset: last.offset, line: last.line, text: "")
    }

    mutating func next() -> TemplateToken {
        let token = token(at: index)
        furthest = max(furthest, index)
        index += 1
        return token
    }

    mutating func peek() -> TemplateToken {
        furthest = max(furthest, index)
        return token(at: index)
    }

    mutating func backUp() { index -= 1 }

    mutating func nextNonSpace() -> TemplateToken {
        while true {
            let token = next()
            if token.kind != .space { return token }
        }
    }

    mutating func peekNonSpace() -> TemplateToken {
        let token = nextNonSpace()
        backUp()
        return token
    }

    // MARK: Errors

    func problem(_ text: String) -> TemplateError {
        TemplateError(
            .parsing, template: name, message: "template: \(name):\(token(at: furthest).line): \(text)")
    }

    func unexpected(_ token: TemplateToken, in context: String) -> TemplateError {
        guard token.kind == .error else { return problem("unexpected \(token) in \(context)") }
        guard actionLine != 0, actionLine != token.line else { return problem(token.text) }
        let place = " started at \(name):\(actionLine)"
        return problem(token.text + (token.text.hasSuffix(" action") ? place : " in action" + place))
    }

    mutating func enter() throws(TemplateError) {
        nesting += 1
        if nesting > Self.deepestNesting { throw problem("nested deeper than \(Self.deepestNesting) levels") }
    }

    // MARK: Bodies

    private enum Item {
        case node(TemplateNode)
        case end
        case otherwise

        var name: String { if case .end = self { "{{end}}" } else { "{{else}}" } }
    }

    private mutating func parseTop() throws(TemplateError) -> [TemplateNode] {
        var body: [TemplateNode] = []
        while peek().kind != .end {
            if peek().kind == .leftDelimiter {
                let start = index
                _ = next()
                if nextNonSpace().kind == .keyword(.define) {
                    try parseDefinition()
                    continue
                }
                index = start
            }
            switch try parseItem() {
            case .node(let node): body.append(node)
            case let item: throw problem("unexpected \(item.name)")
            }
        }
        return body
    }

    private mutating func parseDefinition() throws(TemplateError) {
        let token = nextNonSpace()
        let definition = try templateName(token, in: "define clause")
        let end = nextNonSpace()
        guard end.kind == .rightDelimiter else { throw unexpected(end, in: "define clause") }
        try add(definition, parseSeparately("define clause"))
    }

    /// A body that knows none of the variables around it, up to its `end`.
    private mutating func parseSeparately(_ context: String) throws(TemplateError) -> [TemplateNode] {
        try enter()
        defer { nesting -= 1 }
        let (outerVariables, outerRange) = (variables, rangeDepth)
        (variables, rangeDepth) = (["$"], 0)
        let (body, end) = try parseBody()
        (variables, rangeDepth) = (outerVariables, outerRange)
        guard case .end = end else { throw problem("unexpected \(end.name) in \(context)") }
        return body
    }

    private mutating func add(_ definition: String, _ body: [TemplateNode]) throws(TemplateError) {
        guard let old = definitions[definition], !Self.isBlank(old) else {
            definitions[definition] = body
            return
        }
        if !Self.isBlank(body) {
            throw problem("template: multiple definition of template \(GoQuoted.quote(definition))")
        }
    }

    static func isBlank(_ body: [TemplateNode]) -> Bool {
        body.allSatisfy { node in
            guard case .text(let text) = node else { return false }
            return text.utf8.allSatisfy(TemplateLexer.isSpace)
        }
    }

    /// Up to `end` or `else`.
    private mutating func parseBody() throws(TemplateError) -> ([TemplateNode], Item) {
        var body: [TemplateNode] = []
        while peekNonSpace().kind != .end {
            switch try parseItem() {
            case .node(let node): body.append(node)
            case let item: return (body, item)
            }
        }
        throw problem("unexpected EOF")
    }

    private mutating func parseItem() throws(TemplateError) -> Item {
        let token = nextNonSpace()
        switch token.kind {
        case .text: return .node(.text(token.text))
        case .leftDelimiter:
            actionLine = token.line
            defer { actionLine = 0 }
            return try parseAction()
        default: throw unexpected(token, in: "input")
        }
    }

    private mutating func parseAction() throws(TemplateError) -> Item {
        let token = nextNonSpace()
        switch token.kind {
        case .keyword(.block): return .node(try parseBlock())
        case .keyword(.breakLoop), .keyword(.continueLoop):
            let end = nextNonSpace()
            guard end.kind == .rightDelimiter else { throw unexpected(end, in: "{{\(token.text)}}") }
            guard rangeDepth > 0 else { throw problem("{{\(token.text)}} outside {{range}}") }
            return .node(token.kind == .keyword(.breakLoop) ? .breakLoop : .continueLoop)
        case .keyword(.else):
            let next = peekNonSpace()
            if next.kind == .keyword(.if) || next.kind == .keyword(.with) { return .otherwise }
            let end = nextNonSpace()
            guard end.kind == .rightDelimiter else { throw unexpected(end, in: "else") }
            return .otherwise
        case .keyword(.end):
            let end = nextNonSpace()
            guard end.kind == .rightDelimiter else { throw unexpected(end, in: "end") }
            return .end
        case .keyword(.if): return .node(.branch(try parseControl(.if)))
        case .keyword(.range): return .node(.branch(try parseControl(.range)))
        case .keyword(.with): return .node(.branch(try parseControl(.with)))
        case .keyword(.template): return .node(try parseTemplate())
        default:
            backUp()
            _ = peek()
            return .node(.action(try parsePipeline("command", until: .rightDelimiter)))
        }
    }

    // MARK: Control structures

    private mutating func parseControl(_ kind: TemplateBranch.Kind) throws(TemplateError) -> TemplateBranch {
        try enter()
        defer { nesting -= 1 }
        let outer = variables.count
        defer { variables.removeLast(variables.count - outer) }
        let pipeline = try parsePipeline(kind.rawValue, until: .rightDelimiter)
        if kind == .range { rangeDepth += 1 }
        let (body, end) = try parseBody()
        if kind == .range { rangeDepth -= 1 }
        var branch = TemplateBranch(kind: kind, pipeline: pipeline, body: body)
        guard case .otherwise = end else { return branch }
        // `else if` is `else` and an `if` that share one `end`.
        let next = peekNonSpace()
        if kind == .if, next.kind == .keyword(.if) {
            _ = nextNonSpace()
            branch.otherwise = [.branch(try parseControl(.if))]
        } else if kind == .with, next.kind == .keyword(.with) {
            _ = nextNonSpace()
            branch.otherwise = [.branch(try parseControl(.with))]
        } else {
            let (otherwise, end) = try parseBody()
            guard case .end = end else { throw problem("expected end; found \(end.name)") }
            branch.otherwise = otherwise
        }
        return branch
    }

    private mutating func parseBlock() throws(TemplateError) -> TemplateNode {
        let token = nextNonSpace()
        let block = try templateName(token, in: "block clause")
        let pipeline = try parsePipeline("block clause", until: .rightDelimiter)
        try add(block, parseSeparately("block clause"))
        return .template(name: block, pipeline, offset: token.offset)
    }

    private mutating func parseTemplate() throws(TemplateError) -> TemplateNode {
        let token = nextNonSpace()
        let template = try templateName(token, in: "template clause")
        if nextNonSpace().kind == .rightDelimiter { return .template(name: template, nil, offset: token.offset) }
        backUp()
        let pipeline = try parsePipeline("template clause", until: .rightDelimiter)
        return .template(name: template, pipeline, offset: token.offset)
    }

    private func templateName(_ token: TemplateToken, in context: String) throws(TemplateError) -> String {
        guard token.kind == .string || token.kind == .rawString else { throw unexpected(token, in: context) }
        guard let text = GoLiteral.unquoted(token.text) else { throw problem("invalid syntax") }
        return text
    }
}
