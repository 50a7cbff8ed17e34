/// The syntax of regular expressions as RE2 and Go have it, which is less than what PCRE2 takes: no lookaround, no
/// backreferences, no possessive operators.
package enum RegexSyntax {
    /// What is wrong with a pattern, in the words of Go's `regexp/syntax`; nil where nothing is.
    package static func problem(in pattern: String) -> String? {
        var checker = RegexSyntaxChecker(Array(pattern.unicodeScalars))
        do throws(RegexSyntaxProblem) {
            try checker.check()
            return nil
        } catch {
            return "error parsing regexp: \(error.reason): `\(error.fragment)`"
        }
    }
}

private struct RegexSyntaxProblem: Error {
    var reason: String
    var fragment: String
}

private struct RegexSyntaxChecker {
    private let pattern: [Unicode.Scalar]
    private var position = 0
    private var depth = 0
    /// Whether something stands before the position that can be repeated.
    private var hasOperand = false
    /// Where the repetition just before the position began.
    private var repetition: Int?

    private static let maximumDepth = 1000
    private static let maximumCount = 1000

    init(_ pattern: [Unicode.Scalar]) { self.pattern = pattern }

    mutating func check() throws(RegexSyntaxProblem) {
        while let character = current {
            let start = position
            var isRepetition = false
            switch character {
            case "(": try open()
            case ")":
                guard depth > 0 else { throw problem("unexpected )", from: 0) }
                depth -= 1
                position += 1
                hasOperand = true
            case "|":
                position += 1
                hasOperand = false
            case "[":
                try characterClass()
                hasOperand = true
            case "*", "+", "?":
                position += 1
                isRepetition = true
            case "{":
                isRepetition = try counted()
                if !isRepetition { literal() }
            case "\\": try escape()
            default: literal()
            }
            if isRepetition { try repeated(from: start) } else { repetition = nil }
        }
        if depth > 0 { throw problem("missing closing )", from: 0) }
    }

    private var current: Unicode.Scalar? { position < pattern.count ? pattern[position] : nil }

    private mutating func take(_ expected: Unicode.Scalar) -> Bool {
        guard current == expected else { return false }
        position += 1
        return true
    }

    private mutating func literal() {
        position += 1
        hasOperand = true
    }

    private func text(_ start: Int, _ end: Int) -> String {
        String(String.UnicodeScalarView(pattern[start..<min(end, pattern.count)]))
    }

    private func problem(_ reason: String, from start: Int, to end: Int? = nil) -> RegexSyntaxProblem {
        RegexSyntaxProblem(reason: reason, fragment: text(start, end ?? pattern.count))
    }

    // MARK: - Groups

    private mutating func open() throws(RegexSyntaxProblem) {
        let start = position
        position += 1
        hasOperand = false
        guard take("?") else { return try enter() }
        if (current == "P" && position + 1 < pattern.count && pattern[position + 1] == "<") || current == "<" {
            try named(from: start)
            return try enter()
        }
        // Flags: `(?i)`, `(?s-m:`.
        var isNegated = false
        var hasFlag = false
        while let character = current {
            position += 1
            switch character {
            case "i", "m", "s", "U": hasFlag = true
            case "-" where !isNegated:
                isNegated = true
                hasFlag = false
            case ":" where !isNegated || hasFlag: return try enter()
            case ")" where !isNegated || hasFlag:
                // It sets flags for what follows and is nothing itself.
                return
            default: throw problem("invalid or unsupported Perl syntax", from: start, to: position)
            }
        }
        throw problem("missing argument to repetition operator", from: position)
    }

    private mutating func enter() throws(RegexSyntaxProblem) {
        depth += 1
        if depth > RegexSyntaxChecker.maximumDepth { throw problem("expression nests too deeply", from: 0) }
    }

    private mutating func named(from start: Int) throws(RegexSyntaxProblem) {
        guard let end = pattern[position...].firstIndex(of: ">") else {
            throw problem("invalid named capture", from: start)
        }
        let first = position + (current == "P" ? 2 : 1)
        let isSound =
            first < end
            && pattern[first..<end].allSatisfy { $0.isASCII && Lexer.isAlphaNumeric(UInt8($0.value)) }
        guard isSound else { throw problem("invalid named capture", from: start, to: end + 1) }
        position = end + 1
    }

    // MARK: - Repetitions

    private mutating func repeated(from start: Int) throws(RegexSyntaxProblem) {
        _ = take("?")
        if let repetition { throw problem("invalid nested repetition operator", from: repetition, to: position) }
        guard hasOperand else {
            throw problem("missing argument to repetition operator", from: start, to: position)
        }
        repetition = start
    }

    /// `{2}`, `{2,}`, `{2,5}`; false where the brace stands for itself.
    private mutating func counted() throws(RegexSyntaxProblem) -> Bool {
        let start = position
        position += 1
        guard let least = number() else { return rewind(to: start) }
        var most = least
        if take(",") { most = current == "}" ? least : number() ?? -1 }
        guard most != -1, take("}") else { return rewind(to: start) }
        if least > RegexSyntaxChecker.maximumCount || most > RegexSyntaxChecker.maximumCount || least > most {
            throw problem("invalid repeat count", from: start, to: position)
        }
        return true
    }

    private mutating func rewind(to start: Int) -> Bool {
        position = start
        return false
    }

    /// nil where none stands, or one with a leading zero.
    private mutating func number() -> Int? {
        let start = position
        var value = 0
        while let character = current, ("0"..."9").contains(character) {
            value = min(value * 10 + Int(character.value - 0x30), 100_000)
            position += 1
        }
        let length = position - start
        return length == 0 || (length > 1 && pattern[start] == "0") ? nil : value
    }

    // MARK: - Escapes

    private mutating func escape() throws(RegexSyntaxProblem) {
        let start = position
        guard position + 1 < pattern.count else {
            throw RegexSyntaxProblem(reason: "trailing backslash at end of expression", fragment: "")
        }
        hasOperand = true
        switch pattern[position + 1] {
        case "A", "b", "B", "z", "d", "D", "s", "S", "w", "W": position += 2
        case "Q":
            position += 2
            while position < pattern.count {
                if current == "\\", position + 1 < pattern.count, pattern[position + 1] == "E" {
                    position += 2
                    return
                }
                position += 1
            }
        case "p", "P": try property(from: start)
        default: try escapedCharacter()
        }
    }

    /// `\pL`, `\p{Greek}`
    private mutating func property(from start: Int) throws(RegexSyntaxProblem) {
        position += 2
        guard current != nil else { throw problem("invalid character class range", from: start) }
        guard take("{") else {
            position += 1
            return
        }
        guard let end = pattern[position...].firstIndex(of: "}") else {
            throw problem("invalid character class range", from: start)
        }
        position = end + 1
    }

    /// One character written with a backslash.
    private mutating func escapedCharacter() throws(RegexSyntaxProblem) {
        let start = position
        position += 1
        guard let character = current else {
            throw RegexSyntaxProblem(reason: "trailing backslash at end of expression", fragment: "")
        }
        position += 1
        switch character {
        case "1"..."7":
            // An octal number has at least two digits; one alone is a reference to a group.
            guard let next = current, ("0"..."7").contains(next) else { break }
            skipOctal(2)
            return
        case "0":
            skipOctal(2)
            return
        case "x":
            if try hexadecimal() { return }
        case "a", "f", "n", "r", "t", "v": return
        default:
            guard character.isASCII, !character.properties.isAlphabetic, !("0"..."9").contains(character) else { break }
            return
        }
        throw problem("invalid escape sequence", from: start, to: position)
    }

    private mutating func skipOctal(_ count: Int) {
        for _ in 0..<count {
            guard let next = current, ("0"..."7").contains(next) else { return }
            position += 1
        }
    }

    /// `\x41`, `\x{10FFFF}`
    private mutating func hexadecimal() throws(RegexSyntaxProblem) -> Bool {
        guard take("{") else {
            for _ in 0..<2 {
                guard let digit = current, Lexer.hexadecimalDigit(digit) != nil else { return false }
                position += 1
            }
            return true
        }
        var value: UInt32 = 0
        var count = 0
        while let character = current {
            position += 1
            if character == "}" { return count > 0 }
            guard let digit = Lexer.hexadecimalDigit(character) else { return false }
            value = value * 16 + digit
            count += 1
            if value > 0x10ffff { return false }
        }
        return false
    }

    // MARK: - Classes

    private mutating func characterClass() throws(RegexSyntaxProblem) {
        let start = position
        position += 1
        _ = take("^")
        var isFirst = true
        while let character = current {
            if character == "]", !isFirst {
                position += 1
                return
            }
            isFirst = false
            if try namedClass() { continue }
            let rangeStart = position
            let low = try classCharacter()
            guard current == "-", position + 1 < pattern.count, pattern[position + 1] != "]" else { continue }
            position += 1
            let high = try classCharacter()
            if let low, let high, high < low {
                throw problem("invalid character class range", from: rangeStart, to: position)
            }
        }
        throw problem("missing closing ]", from: start)
    }

    /// `[:alpha:]`, `\d`, `\pL` inside a class.
    private mutating func namedClass() throws(RegexSyntaxProblem) -> Bool {
        let start = position
        if current == "[", position + 1 < pattern.count, pattern[position + 1] == ":" {
            let rest = pattern.indices.dropLast().dropFirst(position + 2)
            guard let end = rest.first(where: { pattern[$0] == ":" && pattern[$0 + 1] == "]" }) else { return false }
            let names: Set<String> = [
                "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
                "upper", "word", "xdigit",
            ]
            var name = text(position + 2, end)[...]
            if name.first == "^" { name = name.dropFirst() }
            guard names.contains(String(name)) else {
                throw problem("invalid character class range", from: start, to: end + 2)
            }
            position = end + 2
            return true
        }
        guard current == "\\", position + 1 < pattern.count else { return false }
        switch pattern[position + 1] {
        case "d", "D", "s", "S", "w", "W": position += 2
        case "p", "P": try property(from: start)
        default: return false
        }
        return true
    }

    /// Its value where it was written plainly.
    private mutating func classCharacter() throws(RegexSyntaxProblem) -> Unicode.Scalar? {
        guard let character = current else { return nil }
        if character == "\\" {
            try escapedCharacter()
            return nil
        }
        position += 1
        return character
    }
}
