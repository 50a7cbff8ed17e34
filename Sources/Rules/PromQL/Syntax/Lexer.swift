/// Cuts PromQL, or a series description, into tokens (Prometheus `promql/parser/lex.go`).
struct Lexer {
    /// What the next token is read as.
    enum Mode {
        case statements
        /// After `[`, until the first number.
        case duration
        /// Behind the name and the labels of a series description.
        case values
        case ended
    }

    let text: [UInt8]
    /// Whether it is a series description.
    let isSeries: Bool
    var position = 0
    /// Where the token that is being read began.
    var start = 0
    var mode = Mode.statements
    var parenthesisDepth = 0
    var isInBraces = false
    var isInBrackets = false
    var hasColon = false
    var hasDuration = false

    init(_ text: [UInt8], isSeries: Bool = false) {
        self.text = text
        self.isSeries = isSeries
    }

    mutating func next() throws(SyntaxError) -> Token {
        while true {
            let token: Token? =
                switch mode {
                case .ended: token(.endOfInput)
                case .statements: isInBraces ? try insideBraces() : try statement()
                case .duration: try insideBrackets()
                case .values: try value()
                }
            if let token { return token }
        }
    }

    // MARK: - Characters

    var byte: UInt8? { position < text.count ? text[position] : nil }

    /// The character at the position, and how many bytes it takes; nil at the end.
    func scalar(at position: Int) -> (Unicode.Scalar, Int)? {
        guard position < text.count else { return nil }
        var decoder = UTF8()
        var bytes = text[position...].makeIterator()
        guard case .scalarValue(let scalar) = decoder.decode(&bytes) else { return ("\u{fffd}", 1) }
        return (scalar, UTF8.width(scalar))
    }

    /// Takes a character, whatever it is; nil at the end.
    mutating func take() -> Unicode.Scalar? {
        guard let (scalar, width) = scalar(at: position) else { return nil }
        position += width
        return scalar
    }

    mutating func take(_ expected: UInt8) -> Bool {
        guard byte == expected else { return false }
        position += 1
        return true
    }

    mutating func take(where isTaken: (UInt8) -> Bool) -> Bool {
        guard let byte, isTaken(byte) else { return false }
        position += 1
        return true
    }

    /// The token from `start` to the position.
    mutating func token(_ kind: Token.Kind) -> Token {
        let range = TextRange(start: start, end: position)
        start = position
        return Token(kind: kind, range: range, text: String(decoding: text[range.start..<range.end], as: UTF8.self))
    }

    mutating func failure(_ message: String) -> SyntaxError {
        mode = .ended
        return SyntaxError(start: start, message: message)
    }

    mutating func skipSpace() {
        while let byte, Lexer.isSpace(byte) { position += 1 }
        start = position
    }

    mutating func skipComment() {
        while let byte, byte != UInt8(ascii: "\n"), byte != UInt8(ascii: "\r") { position += 1 }
        start = position
    }

    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d }
    static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
    static func isAlpha(_ byte: UInt8) -> Bool { byte == 0x5f || (0x61...0x7a).contains(byte | 0x20) }
    static func isAlphaNumeric(_ byte: UInt8) -> Bool { isAlpha(byte) || isDigit(byte) }

    // MARK: - Expressions

    private mutating func statement() throws(SyntaxError) -> Token? {
        guard let byte else {
            if parenthesisDepth != 0 { throw failure("unclosed left parenthesis") }
            if isInBrackets { throw failure("unclosed left bracket") }
            mode = .ended
            return token(.endOfInput)
        }
        if let kind = Lexer.single[byte] {
            position += 1
            return token(kind)
        }
        switch byte {
        case UInt8(ascii: "#"): skipComment()
        case 0x20, 0x09, 0x0a, 0x0d: skipSpace()
        case UInt8(ascii: "="), UInt8(ascii: "!"), UInt8(ascii: "<"), UInt8(ascii: ">"): return try comparison(byte)
        case UInt8(ascii: "0")...UInt8(ascii: "9"): return try numberOrDuration()
        case UInt8(ascii: ".") where position + 1 < text.count && Lexer.isDigit(text[position + 1]):
            return try numberOrDuration()
        case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "`"): return try string()
        case UInt8(ascii: ":"): return isInBrackets ? try colon() : word()
        case _ where Lexer.isAlpha(byte):
            if !isInBrackets { return word() }
            if let token = durationKeyword() { return token }
            throw failure(
                "unexpected character: \(GoText.quoted(Unicode.Scalar(byte))), expected ':'")
        case UInt8(ascii: "("), UInt8(ascii: ")"): return try parenthesis(byte)
        case UInt8(ascii: "{"):
            position += 1
            isInBraces = true
            return token(.leftBrace)
        case UInt8(ascii: "["):
            position += 1
            if isInBrackets { throw failure("unexpected left bracket '['") }
            hasColon = false
            defer { skipSpace() }
            isInBrackets = true
            mode = .duration
            return token(.leftBracket)
        case UInt8(ascii: "]"):
            position += 1
            guard isInBrackets else { throw failure("unexpected right bracket ']'") }
            isInBrackets = false
            return token(.rightBracket)
        default: throw failure("unexpected character: \(GoText.quoted(take()))")
        }
        return nil
    }

    private static let single: [UInt8: Token.Kind] = [
        UInt8(ascii: ","): .comma, UInt8(ascii: "*"): .multiply, UInt8(ascii: "/"): .divide,
        UInt8(ascii: "%"): .modulo, UInt8(ascii: "+"): .add, UInt8(ascii: "-"): .subtract, UInt8(ascii: "^"): .power,
        UInt8(ascii: "@"): .at,
    ]

    private mutating func comparison(_ first: UInt8) throws(SyntaxError) -> Token {
        position += 1
        switch first {
        case UInt8(ascii: "="):
            if take(UInt8(ascii: "=")) { return token(.equals) }
            if byte == UInt8(ascii: "~") { throw failure("unexpected character after '=': '~'") }
            return token(.equal)
        case UInt8(ascii: "!"):
            let second = take()
            guard second == "=" else { throw failure("unexpected character after '!': \(GoText.quoted(second))") }
            return token(.notEqual)
        case UInt8(ascii: "<"):
            return take(UInt8(ascii: "="))
                ? token(.lessOrEqual) : take(UInt8(ascii: "/")) ? token(.trimUpper) : token(.less)
        default:
            return take(UInt8(ascii: "="))
                ? token(.greaterOrEqual) : take(UInt8(ascii: "/")) ? token(.trimLower) : token(.greater)
        }
    }

    private mutating func parenthesis(_ byte: UInt8) throws(SyntaxError) -> Token {
        position += 1
        if byte == UInt8(ascii: "(") {
            parenthesisDepth += 1
            return token(.leftParenthesis)
        }
        parenthesisDepth -= 1
        let token = token(.rightParenthesis)
        if parenthesisDepth < 0 { throw failure("unexpected right parenthesis ')'") }
        return token
    }

    private mutating func colon() throws(SyntaxError) -> Token {
        position += 1
        if hasColon { throw failure("unexpected colon ':'") }
        hasColon = true
        return token(.colon)
    }

    /// A name, which may hold colons, or a keyword.
    mutating func word() -> Token {
        while let byte, Lexer.isAlphaNumeric(byte) || byte == UInt8(ascii: ":") { position += 1 }
        let hasColon = text[start..<position].contains(UInt8(ascii: ":"))
        var token = token(hasColon ? .metricIdentifier : .identifier)
        if let keyword = Token.keywords[token.text.lowercased()] {
            switch keyword {
            // So that metrics may have these names: `fill + fill`.
            case .fill, .fillLeft, .fillRight: if isBeforeParenthesis { token.kind = keyword }
            default: token.kind = keyword
            }
        }
        if isSeries, byte != UInt8(ascii: "{") { mode = .values }
        return token
    }

    private var isBeforeParenthesis: Bool {
        text[position...].first { !Lexer.isSpace($0) } == UInt8(ascii: "(")
    }

    // MARK: - Brackets

    private mutating func insideBrackets() throws(SyntaxError) -> Token? {
        guard let byte else { throw failure("unexpected end of input in duration expression") }
        switch byte {
        case UInt8(ascii: "]"):
            position += 1
            isInBrackets = false
            hasColon = false
            mode = .statements
            return token(.rightBracket)
        case UInt8(ascii: ":"):
            position += 1
            let token = token(.colon)
            if !hasDuration { throw failure("unexpected colon before duration in duration expression") }
            if hasColon { throw failure("unexpected repeated colon in duration expression") }
            hasColon = true
            return token
        case UInt8(ascii: "("), UInt8(ascii: ")"): return try parenthesis(byte)
        case 0x20, 0x09, 0x0a, 0x0d:
            skipSpace()
            return nil
        case UInt8(ascii: "0")...UInt8(ascii: "9"):
            return try durationNumber()
        case UInt8(ascii: ".") where position + 1 < text.count && Lexer.isDigit(text[position + 1]):
            return try durationNumber()
        case UInt8(ascii: "@"): break
        default:
            if let kind = Lexer.single[byte] {
                position += 1
                return token(kind)
            }
            if let token = durationKeyword() { return token }
        }
        position = start
        throw failure("unexpected character in duration expression: \(GoText.quoted(take()))")
    }

    private mutating func durationNumber() throws(SyntaxError) -> Token {
        hasDuration = true
        // What follows the first number is read as anywhere else.
        mode = .statements
        return try numberOrDuration()
    }

    private mutating func durationKeyword() -> Token? {
        while let byte, Lexer.isAlpha(byte) { position += 1 }
        let word = String(decoding: text[start..<position], as: UTF8.self).lowercased()
        guard let kind = Token.durationKeywords[word] else { return nil }
        return token(kind)
    }

    // MARK: - Braces

    private mutating func insideBraces() throws(SyntaxError) -> Token? {
        guard let byte else { throw failure("unexpected end of input inside braces") }
        switch byte {
        case UInt8(ascii: "#"): skipComment()
        case 0x20, 0x09, 0x0a, 0x0d: skipSpace()
        case _ where Lexer.isAlpha(byte):
            while let byte = self.byte, Lexer.isAlphaNumeric(byte) { position += 1 }
            return token(.identifier)
        case UInt8(ascii: ","):
            position += 1
            return token(.comma)
        case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "`"): return try string()
        case UInt8(ascii: "="):
            position += 1
            return take(UInt8(ascii: "~")) ? token(.matches) : token(.equal)
        case UInt8(ascii: "!"):
            position += 1
            switch take() {
            case "~": return token(.notMatches)
            case "=": return token(.notEqual)
            case let other:
                throw failure("unexpected character after '!' inside braces: \(GoText.quoted(other))")
            }
        case UInt8(ascii: "{"): throw failure("unexpected left brace '{'")
        case UInt8(ascii: "}"):
            position += 1
            isInBraces = false
            if isSeries { mode = .values }
            return token(.rightBrace)
        default: throw failure("unexpected character inside braces: \(GoText.quoted(take()))")
        }
        return nil
    }
}

/// What is wrong, and where it begins.
struct SyntaxError: Error {
    var start: Int
    var message: String

    /// As Prometheus writes it: line and column are those of bytes, from 1.
    func queryError(in text: [UInt8]) -> QueryError {
        guard !text.isEmpty else { return .syntax("unknown position: parse error: \(message)") }
        let before = text.prefix(min(start, text.count))
        let lines = before.count { $0 == UInt8(ascii: "\n") }
        let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        return .syntax("\(lines + 1):\(start - lineStart + 1): parse error: \(message)")
    }
}
