import Telemetry

/// Matchers as Alertmanager read them before 0.27 (`pkg/labels/parse.go`): lenient about quotes and backslashes.
enum ClassicMatcherParser {
    /// A brace at either end is taken away, whether or not the other one is there.
    static func matchers(_ text: String) throws(MatcherError) -> [LabelMatcher] {
        var scalars = text.unicodeScalars[...]
        if scalars.first == "{" { scalars.removeFirst() }
        if scalars.last == "}" { scalars.removeLast() }
        var result: [LabelMatcher] = []
        for part in split(scalars) { result.append(try matcher(part)) }
        return result
    }

    /// The parts between commas outside quotes. What follows the last comma counts only if it is more than space.
    private static func split(_ scalars: Substring.UnicodeScalarView) -> [Substring] {
        var parts: [Substring] = []
        var start = scalars.startIndex
        var isQuoted = false
        var isEscaped = false
        var index = scalars.startIndex
        while index < scalars.endIndex {
            let scalar = scalars[index]
            let next = scalars.index(after: index)
            switch scalar {
            case "," where !isQuoted:
                parts.append(Substring(scalars[start..<index]))
                start = next
            case ",": break
            case "\"":
                if isEscaped { isEscaped = false } else { isQuoted.toggle() }
            case "\\": isEscaped.toggle()
            default: isEscaped = false
            }
            index = next
        }
        let last = scalars[start...]
        if last.contains(where: { !MatcherSyntax.isSpace($0) }) { parts.append(Substring(last)) }
        return parts
    }

    /// A name, an operation and a value that may be empty and may be in double quotes.
    static func matcher(_ text: Substring) throws(MatcherError) -> LabelMatcher {
        var rest = trimmed(text.unicodeScalars)
        let name = rest.prefix { isNameScalar($0) }
        guard let first = name.first, !("0"..."9").contains(first) else {
            throw MatcherError("bad matcher format: \(text)")
        }
        rest = rest[name.endIndex...].drop { isRegexSpace($0) }
        guard let operation = operation(&rest) else { throw MatcherError("bad matcher format: \(text)") }
        let value = try unescaped(rest.drop { isRegexSpace($0) })
        return try MatcherSyntax.make(String(name), operation, value)
    }

    private static func operation(_ rest: inout Substring.UnicodeScalarView) -> LabelMatcher.Operation? {
        for operation in [LabelMatcher.Operation.matches, .notEqual, .notMatches, .equal]
        where rest.starts(with: operation.rawValue.unicodeScalars) {
            rest = rest.dropFirst(operation.rawValue.count)
            return operation
        }
        return nil
    }

    /// A backslash before anything but `"`, `n` and another one stands for itself.
    private static func unescaped(_ raw: Substring.UnicodeScalarView) throws(MatcherError) -> String {
        var rest = raw
        let isQuoted = rest.first == "\""
        if isQuoted { rest.removeFirst() }
        var value = String.UnicodeScalarView()
        var isClosed = false
        while let scalar = rest.popFirst() {
            switch scalar {
            case "\\":
                switch rest.first {
                case "n": value.append("\n")
                case "\"", "\\": value.append(rest[rest.startIndex])
                case let other?: value.append(contentsOf: ["\\", other])
                case nil: value.append("\\")
                }
                _ = rest.popFirst()
            case "\"":
                guard isQuoted, rest.isEmpty else {
                    throw MatcherError("matcher value contains unescaped double quote: \(String(raw))")
                }
                isClosed = true
            default: value.append(scalar)
            }
        }
        guard isClosed == isQuoted else {
            throw MatcherError("matcher value contains unescaped double quote: \(String(raw))")
        }
        return String(value)
    }

    private static func trimmed(_ scalars: Substring.UnicodeScalarView) -> Substring.UnicodeScalarView {
        var rest = scalars.drop { isRegexSpace($0) }
        while let last = rest.last, isRegexSpace(last) { rest.removeLast() }
        return rest
    }

    /// What `\s` means in Go's regular expressions.
    private static func isRegexSpace(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case " ", "\t", "\n", "\r", "\u{0c}": true
        default: false
        }
    }

    private static func isNameScalar(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "_", ":": true
        default: false
        }
    }
}
