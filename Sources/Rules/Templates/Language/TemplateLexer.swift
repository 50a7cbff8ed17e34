import Telemetry

/// Takes a template's text apart, as `text/template/parse/lex.go` does it.
struct TemplateLexer {
    private let bytes: [UInt8]
    private var offset = 0
    private var start = 0
    private var line = 1
    private var startLine = 1
    private var depth = 0
    private var tokens: [TemplateToken] = []
    private var isDone = false

    private init(_ text: String) { bytes = Array(text.utf8) }

    /// The tokens up to the end of the text or the first error, which is the last of them.
    static func tokens(of text: String) -> [TemplateToken] {
        var lexer = TemplateLexer(text)
        while !lexer.isDone {
            lexer.readText()
        }
        return lexer.tokens
    }

    // MARK: Text and delimiters

    /// Up to the next action, and that action.
    private mutating func readText() {
        guard let open = find("{{", from: offset) else {
            offset = bytes.count
            if offset > start { emit(.text) }
            emit(.end)
            isDone = true
            return
        }
        var end = open
        if hasLeftTrim(at: open + 2) {
            while end > start, Self.isSpace(bytes[end - 1]) { end -= 1 }
        }
        offset = end
        if offset > start { emit(.text) }
        offset = open
        ignore()
        offset += 2
        let marker = hasLeftTrim(at: offset) ? 2 : 0
        if has("/*", at: offset + marker) {
            offset += marker
            ignore()
            readComment()
            return
        }
        emit(.leftDelimiter)
        offset += marker
        ignore()
        depth = 0
        while !isDone, readInsideAction() {}
    }

    private mutating func readComment() {
        guard let close = find("*/", from: offset + 2) else { return fail("unclosed comment") }
        offset = close + 2
        let isTrimmed = hasRightTrim(at: offset) && has("}}", at: offset + 2)
        guard isTrimmed || has("}}", at: offset) else { return fail("comment ends before closing delimiter") }
        offset += isTrimmed ? 4 : 2
        if isTrimmed { skipSpace() }
        ignore()
    }

    private mutating func readRightDelimiter() {
        let isTrimmed = hasRightTrim(at: offset)
        if isTrimmed {
            offset += 2
            ignore()
        }
        offset += 2
        emit(.rightDelimiter)
        if isTrimmed {
            skipSpace()
            ignore()
        }
    }

    // MARK: Inside an action

    /// One token of an action; false after its end.
    private mutating func readInsideAction() -> Bool {
        if has("}}", at: offset) || (hasRightTrim(at: offset) && has("}}", at: offset + 2)) {
            guard depth == 0 else {
                fail("unclosed left paren")
                return false
            }
            readRightDelimiter()
            return false
        }
        guard let scalar = next() else {
            fail("unclosed action")
            return false
        }
        switch scalar {
        case " ", "\t", "\r", "\n": return readSpace()
        case "=": emit(.assign)
        case ":":
            if next() == "=" { emit(.declare) } else { fail("expected :=") }
        case "|": emit(.pipe)
        case "\"": readQuoted("\"", .string, "unterminated quoted string")
        case "'": readQuoted("'", .characterConstant, "unterminated character constant")
        case "`": readRaw()
        case "$": readFieldOrVariable(.variable)
        case "." where !(offset < bytes.count && Self.isDigit(bytes[offset])): readFieldOrVariable(.field)
        case ".", "+", "-", "0"..."9":
            offset = start
            readNumber()
        case "(":
            emit(.leftParenthesis)
            depth += 1
        case ")":
            emit(.rightParenthesis)
            depth -= 1
            if depth < 0 { fail("unexpected right paren") }
        case _ where Self.isAlphanumeric(scalar):
            offset = start
            readIdentifier()
        case "!"..."~": emit(.character)
        default: fail("unrecognized character in action: \(Self.named(scalar))")
        }
        return !isDone
    }

    private mutating func readSpace() -> Bool {
        var count = 1
        while offset < bytes.count, Self.isSpace(bytes[offset]) {
            offset += 1
            count += 1
        }
        // A space before `-}}` belongs to the delimiter.
        if hasRightTrim(at: offset - 1), has("}}", at: offset + 1) {
            offset -= 1
            if count == 1 {
                readRightDelimiter()
                return false
            }
        }
        emit(.space)
        return true
    }

    private mutating func readIdentifier() {
        while let scalar = peek(), Self.isAlphanumeric(scalar) { _ = next() }
        guard isAtTerminator else { return failAtBadCharacter() }
        let word = String(decoding: bytes[start..<offset], as: UTF8.self)
        if let keyword = TemplateKeyword(rawValue: word) {
            emit(.keyword(keyword))
        } else {
            emit(word == "true" || word == "false" ? .bool : .identifier)
        }
    }

    /// `.name` or `$name`, whose first character was read.
    private mutating func readFieldOrVariable(_ kind: TemplateToken.Kind) {
        if isAtTerminator { return emit(kind == .variable ? .variable : .dot) }
        while let scalar = peek(), Self.isAlphanumeric(scalar) { _ = next() }
        guard isAtTerminator else { return failAtBadCharacter() }
        emit(kind)
    }

    private mutating func readQuoted(_ quote: Unicode.Scalar, _ kind: TemplateToken.Kind, _ problem: String) {
        while true {
            var scalar = next()
            if scalar == quote { return emit(kind) }
            if scalar == "\\" {
                scalar = next()
                if let scalar, scalar != "\n" { continue }
            }
            if scalar == nil || scalar == "\n" { return fail(problem) }
        }
    }

    private mutating func readRaw() {
        while let scalar = next() {
            if scalar == "`" { return emit(.rawString) }
        }
        fail("unterminated raw quoted string")
    }

    private mutating func readNumber() {
        guard scanNumber() else { return failAtNumber() }
        guard let sign = peek(), sign == "+" || sign == "-" else { return emit(.number) }
        guard scanNumber(), bytes[offset - 1] == UInt8(ascii: "i") else { return failAtNumber() }
        emit(.complex)
    }

    private mutating func scanNumber() -> Bool {
        _ = accept("+-")
        var digits = "0123456789_"
        if accept("0") {
            if accept("xX") {
                digits = "0123456789abcdefABCDEF_"
            } else if accept("oO") {
                digits = "01234567_"
            } else if accept("bB") {
                digits = "01_"
            }
        }
        while accept(digits) {}
        if accept(".") { while accept(digits) {} }
        if digits.utf8.count == 11, accept("eE") {
            _ = accept("+-")
            while accept("0123456789_") {}
        }
        if digits.utf8.count == 23, accept("pP") {
            _ = accept("+-")
            while accept("0123456789_") {}
        }
        _ = accept("i")
        guard let scalar = peek(), Self.isAlphanumeric(scalar) else { return true }
        _ = next()
        return false
    }

    // MARK: Reading

    private func scalar(at place: Int) -> (Unicode.Scalar, Int)? {
        guard place < bytes.count else { return nil }
        let first = bytes[place]
        if first < 0x80 { return (Unicode.Scalar(first), 1) }
        // The bytes are a String's: whole sequences only.
        let length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
        var value = UInt32(first) & (length == 4 ? 0x07 : length == 3 ? 0x0f : 0x1f)
        for byte in bytes[min(place + 1, bytes.count)..<min(place + length, bytes.count)] {
            value = value << 6 | UInt32(byte & 0x3f)
        }
        return (Unicode.Scalar(value) ?? "\u{fffd}", length)
    }

    private func peek() -> Unicode.Scalar? { scalar(at: offset)?.0 }

    private mutating func next() -> Unicode.Scalar? {
        guard let (scalar, length) = scalar(at: offset) else { return nil }
        offset += length
        return scalar
    }

    private mutating func accept(_ valid: String) -> Bool {
        guard offset < bytes.count, valid.utf8.contains(bytes[offset]) else { return false }
        offset += 1
        return true
    }

    private mutating func skipSpace() {
        while offset < bytes.count, Self.isSpace(bytes[offset]) { offset += 1 }
    }

    private func has(_ text: StaticString, at place: Int) -> Bool {
        guard place >= 0, place + 2 <= bytes.count else { return false }
        return text.withUTF8Buffer { bytes[place] == $0[0] && bytes[place + 1] == $0[1] }
    }

    private func find(_ text: StaticString, from place: Int) -> Int? {
        var place = place
        while place + 2 <= bytes.count {
            if has(text, at: place) { return place }
            place += 1
        }
        return nil
    }

    /// `- ` behind an opening delimiter.
    private func hasLeftTrim(at place: Int) -> Bool {
        place + 2 <= bytes.count && bytes[place] == UInt8(ascii: "-") && Self.isSpace(bytes[place + 1])
    }

    /// ` -` before a closing delimiter.
    private func hasRightTrim(at place: Int) -> Bool {
        place >= 0 && place + 2 <= bytes.count && Self.isSpace(bytes[place])
            && bytes[place + 1] == UInt8(ascii: "-")
    }

    private var isAtTerminator: Bool {
        guard offset < bytes.count else { return true }
        switch bytes[offset] {
        case 0x20, 0x09, 0x0d, 0x0a: return true
        case UInt8(ascii: "."), UInt8(ascii: ","), UInt8(ascii: "|"), UInt8(ascii: ":"), UInt8(ascii: ")"),
            UInt8(ascii: "("):
            return true
        default: return has("}}", at: offset)
        }
    }

    // MARK: Handing out

    private mutating func emit(_ kind: TemplateToken.Kind) {
        tokens.append(
            TemplateToken(
                kind: kind, offset: start, line: startLine, text: String(decoding: bytes[start..<offset], as: UTF8.self)
            ))
        ignore()
    }

    private mutating func ignore() {
        for byte in bytes[start..<max(start, offset)] where byte == 0x0a { line += 1 }
        start = offset
        startLine = line
    }

    private mutating func fail(_ problem: String) {
        tokens.append(TemplateToken(kind: .error, offset: start, line: startLine, text: problem))
        isDone = true
    }

    private mutating func failAtBadCharacter() { fail("bad character \(Self.named(peek() ?? "\u{fffd}"))") }

    private mutating func failAtNumber() {
        fail("bad number syntax: \(GoQuoted.quote(String(decoding: bytes[start..<offset], as: UTF8.self)))")
    }

    /// `U+002B '+'`
    static func named(_ scalar: Unicode.Scalar) -> String {
        let digits = String(scalar.value, radix: 16, uppercase: true)
        let code = "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
        return GoQuoted.quote(String(scalar)).hasPrefix("\"\\x") ? code : "\(code) '\(scalar)'"
    }

    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0d || byte == 0x0a }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    static func isAlphanumeric(_ scalar: Unicode.Scalar) -> Bool {
        if scalar == "_" { return true }
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber:
            return true
        default: return false
        }
    }
}
