import Telemetry

/// Alertmanager's parser of matchers since 0.27 (`matcher/parse`): names and values are any UTF-8, in double quotes with Go's
/// escapes where characters of the syntax are in them; a value has to be there.
struct UTF8MatcherParser {
    private enum Token: Equatable {
        case openBrace, closeBrace, comma
        case operation(LabelMatcher.Operation)
        case text(String)

        var shown: String {
            switch self {
            case .openBrace: "{"
            case .closeBrace: "}"
            case .comma: ","
            case .operation(let operation): operation.rawValue
            case .text(let text): text
            }
        }
    }

    private let scalars: [Unicode.Scalar]
    private var offset = 0

    init(_ text: String) { scalars = Array(text.unicodeScalars) }

    mutating func matchers() throws(MatcherError) -> [LabelMatcher] {
        var result: [LabelMatcher] = []
        var token = try next()
        let isBraced = token == .openBrace
        if isBraced { token = try next() }
        while let current = token, current != .closeBrace {
            result.append(try matcher(current))
            token = try next()
            switch token {
            case .comma: token = try next()
            case .closeBrace, nil: break
            case let other?:
                throw failure("unexpected \(other.shown): expected a comma or close brace")
            }
        }
        if isBraced {
            guard token == .closeBrace else { throw failure("end of input: expected close brace") }
        } else if token == .closeBrace {
            throw failure("}: expected opening brace")
        }
        if token == .closeBrace, let more = try next() {
            throw failure("\(more.shown): expected end of input")
        }
        return result
    }

    private mutating func matcher(_ first: Token) throws(MatcherError) -> LabelMatcher {
        guard case .text(let name) = first else {
            throw failure("unexpected \(first.shown): expected label name")
        }
        guard case .operation(let operation)? = try next() else {
            throw failure("expected an operator such as '=', '!=', '=~' or '!~' after \(name)")
        }
        guard case .text(let value)? = try next() else { throw failure("expected label value after \(name)") }
        return try MatcherSyntax.make(name, operation, value)
    }

    /// nil at the end.
    private mutating func next() throws(MatcherError) -> Token? {
        while offset < scalars.count, MatcherSyntax.isSpace(scalars[offset]) { offset += 1 }
        guard offset < scalars.count else { return nil }
        let scalar = scalars[offset]
        switch scalar {
        case "{", "}", ",":
            offset += 1
            return scalar == "{" ? .openBrace : scalar == "}" ? .closeBrace : .comma
        case "=", "!": return .operation(try operation(scalar))
        case "\"": return .text(try quoted())
        default:
            let start = offset
            while offset < scalars.count, !MatcherSyntax.isReserved(scalars[offset]) { offset += 1 }
            guard offset > start else { throw failure("\(scalar): invalid input") }
            var text = String.UnicodeScalarView()
            text.append(contentsOf: scalars[start..<offset])
            return .text(String(text))
        }
    }

    private mutating func operation(_ first: Unicode.Scalar) throws(MatcherError) -> LabelMatcher.Operation {
        offset += 1
        let second = offset < scalars.count ? scalars[offset] : nil
        switch (first, second) {
        case ("=", "~"): offset += 1
        case ("=", _): return .equal
        case (_, "="): offset += 1; return .notEqual
        case (_, "~"): offset += 1; return .notMatches
        default: throw failure("!: expected one of '=~'")
        }
        return .matches
    }

    /// Go's interpreted string literal (`strconv.Unquote`).
    private mutating func quoted() throws(MatcherError) -> String {
        offset += 1
        var bytes: [UInt8] = []
        while offset < scalars.count {
            let scalar = scalars[offset]
            offset += 1
            switch scalar {
            case "\"":
                // Bytes may be written one by one; what they make has to be text.
                guard let text = String(validating: bytes, as: UTF8.self) else {
                    throw failure("expected UTF-8 text between the quotes")
                }
                return text
            case "\n": throw failure("invalid input: a line feed inside quotes is written \\n")
            case "\\": try escape(into: &bytes)
            default: bytes.append(contentsOf: Array(String(scalar).utf8))
            }
        }
        throw failure("missing end \"")
    }

    private mutating func escape(into bytes: inout [UInt8]) throws(MatcherError) {
        guard offset < scalars.count else { throw failure("missing end \"") }
        let letter = scalars[offset]
        offset += 1
        switch letter {
        case "a": bytes.append(0x07)
        case "b": bytes.append(0x08)
        case "f": bytes.append(0x0c)
        case "n": bytes.append(0x0a)
        case "r": bytes.append(0x0d)
        case "t": bytes.append(0x09)
        case "v": bytes.append(0x0b)
        case "\\": bytes.append(0x5c)
        case "\"": bytes.append(0x22)
        case "x": bytes.append(UInt8(truncatingIfNeeded: try digits(2, radix: 16)))
        case "0"..."7":
            offset -= 1
            let value = try digits(3, radix: 8)
            guard value < 256 else { throw failure("invalid input: an octal escape above \\377") }
            bytes.append(UInt8(value))
        case "u", "U":
            guard let scalar = Unicode.Scalar(try digits(letter == "u" ? 4 : 8, radix: 16)) else {
                throw failure("invalid input: no such character")
            }
            bytes.append(contentsOf: Array(String(scalar).utf8))
        default: throw failure("\\\(letter): invalid input")
        }
    }

    private mutating func digits(_ count: Int, radix: UInt32) throws(MatcherError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<count {
            guard offset < scalars.count, scalars[offset].isASCII,
                let digit = Character(scalars[offset]).hexDigitValue, digit < radix
            else { throw failure("invalid input: an escape of \(count) digits") }
            value = value &* radix &+ UInt32(digit)
            offset += 1
        }
        return value
    }

    private func failure(_ text: String) -> MatcherError { MatcherError("column \(offset): \(text)") }
}
