import Telemetry

extension Expression {
    /// Reads a PromQL expression (Prometheus 3, all of it, experimental parts included) and checks its types.
    package static func parse(_ text: String) throws(QueryError) -> Expression {
        let bytes = Array(text.utf8)
        do throws(SyntaxError) {
            var parser = ExpressionParser(bytes)
            var expression = try parser.wholeExpression()
            var checker = TypeChecker(text: bytes, misplacedBools: parser.misplacedBools)
            _ = try checker.check(&expression)
            return expression
        } catch {
            throw error.queryError(in: bytes)
        }
    }
}

extension LabelMatcher {
    /// Reads a series selector without modifiers, `name{label="value"}`, as `match[]` of the API takes it.
    package static func parseSelector(_ text: String) throws(QueryError) -> [LabelMatcher] {
        let bytes = Array(text.utf8)
        do throws(SyntaxError) {
            var parser = ExpressionParser(bytes)
            return try parser.wholeSelector()
        } catch {
            throw error.queryError(in: bytes)
        }
    }
}

/// A recursive descent over PromQL's tokens. What it refuses, and with which words, follows the grammar of Prometheus's
/// parser (`promql/parser/generated_parser.y`); types are checked afterwards, as there.
struct ExpressionParser {
    private var lexer: Lexer
    private var lookahead: Token?
    /// Where the last token that was taken ended.
    private(set) var lastEnd = 0
    /// How many aggregations' arguments enclose the position.
    var openAggregations = 0
    /// Recursion now, and the height of the expression that was returned last. Both are bounded, so that neither reading nor
    /// walking nor freeing an expression runs out of stack.
    private var nesting = 0
    var height = 0
    /// Operations other than comparisons that `bool` was written at, by their places.
    var misplacedBools: Set<TextRange> = []

    static let maximumNesting = 200
    static let maximumHeight = 1000

    init(_ text: [UInt8]) { lexer = Lexer(text) }

    mutating func wholeExpression() throws(SyntaxError) -> Expression {
        if try peek().kind == .endOfInput { throw SyntaxError(start: 0, message: "no expression found in input") }
        let result = try expression()
        let rest = try peek()
        if rest.kind != .endOfInput { throw unexpected(rest) }
        return result
    }

    mutating func wholeSelector() throws(SyntaxError) -> [LabelMatcher] {
        let token = try peek()
        guard token.isMetricName || token.kind == .leftBrace else { throw unexpected(token) }
        let selector = try vectorSelector()
        let rest = try peek()
        if rest.kind != .endOfInput { throw unexpected(rest) }
        return selector.matchers
    }

    // MARK: - Tokens

    mutating func peek() throws(SyntaxError) -> Token {
        if let lookahead { return lookahead }
        let token = try lexer.next()
        lookahead = token
        return token
    }

    /// Takes the token that `peek` showed.
    @discardableResult
    mutating func take() throws(SyntaxError) -> Token {
        let token = try peek()
        lookahead = nil
        lastEnd = token.range.end
        return token
    }

    mutating func take(_ kind: Token.Kind) throws(SyntaxError) -> Token? {
        try peek().kind == kind ? try take() : nil
    }

    // MARK: - Errors

    /// What is reported where a token fits nowhere: the innermost open construct that has words of its own gives them.
    func unexpected(_ token: Token) -> SyntaxError {
        openAggregations > 0
            ? unexpected(token, in: "aggregation") : SyntaxError(token, "unexpected \(token.description)")
    }

    func unexpected(_ token: Token, in context: String, expected: String? = nil) -> SyntaxError {
        let expectation = expected.map { ", expected " + $0 } ?? ""
        return SyntaxError(token, "unexpected \(token.description) in \(context)\(expectation)")
    }

    // MARK: - Bounds

    mutating func nested<Result>(
        _ body: (inout ExpressionParser) throws(SyntaxError) -> Result
    ) throws(SyntaxError) -> Result {
        guard nesting < ExpressionParser.maximumNesting else { throw tooDeep }
        nesting += 1
        defer { nesting -= 1 }
        return try body(&self)
    }

    /// Notes that an expression was put above others, the highest of which is `children` high.
    mutating func grow(above children: Int) throws(SyntaxError) {
        guard children < ExpressionParser.maximumHeight else { throw tooDeep }
        height = children + 1
    }

    private var tooDeep: SyntaxError {
        SyntaxError(start: lastEnd, message: "expression is nested too deeply")
    }
}

extension SyntaxError {
    init(_ token: Token, _ message: String) { self.init(start: token.range.start, message: message) }
}
