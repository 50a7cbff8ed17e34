/// A replacement text with `$1`, `${1}`, `$name`, `${name}` and `$$`, as Go's `Regexp.Expand` reads it.
///
/// A name is the longest run of letters, digits and underscores, so `$1x` is the group named `1x`; a group that does
/// not exist or took no part is empty; a `$` that begins nothing stays.
package struct RegexTemplate: Sendable {
    private enum Part: Sendable {
        case literal([UInt8])
        case group(Int)
    }

    private var parts: [Part] = []
    /// Whether the text refers to no group.
    package private(set) var isLiteral = true

    package init(_ text: String, for regex: Regex) {
        var literal: [UInt8] = []
        var rest = text.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            guard scalar == "$" else {
                literal.append(contentsOf: String(scalar).utf8)
                continue
            }
            if rest.first == "$" {
                rest.removeFirst()
                literal.append(UInt8(ascii: "$"))
            } else if let name = RegexTemplate.takeName(&rest) {
                isLiteral = false
                guard let group = RegexTemplate.group(name, of: regex) else { continue }
                if !literal.isEmpty { parts.append(.literal(literal)) }
                literal = []
                parts.append(.group(group))
            } else {
                literal.append(UInt8(ascii: "$"))
            }
        }
        if !literal.isEmpty { parts.append(.literal(literal)) }
    }

    /// Appends the text with the groups of `matcher`'s last match, which was in `subject`.
    package func expand(_ matcher: borrowing Matcher, of subject: RawSpan, into output: inout ByteBuffer) {
        for part in parts {
            switch part {
            case .literal(let bytes): output.append(bytes)
            case .group(let group):
                guard let range = matcher.range(of: group), range.upperBound <= subject.byteCount else { continue }
                output.append(subject.slice(range.lowerBound, range.upperBound))
            }
        }
    }

    private static func takeName(_ rest: inout Substring.UnicodeScalarView) -> Substring.UnicodeScalarView? {
        var ahead = rest
        let braced = ahead.first == "{"
        if braced { ahead.removeFirst() }
        let name = ahead.prefix { isNamePart($0) }
        guard !name.isEmpty else { return nil }
        ahead = ahead[name.endIndex...]
        if braced {
            guard ahead.popFirst() == "}" else { return nil }
        }
        rest = ahead
        return name
    }

    private static func isNamePart(_ scalar: Unicode.Scalar) -> Bool {
        if scalar == "_" { return true }
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber:
            return true
        default: return false
        }
    }

    private static func group(_ name: Substring.UnicodeScalarView, of regex: Regex) -> Int? {
        let text = String(name)
        let isNumber = text.utf8.allSatisfy { (0x30...0x39).contains($0) }
        // Go takes neither leading zeros nor more than eight digits for a number.
        if isNumber, text.utf8.count <= 9, text == "0" || text.utf8.first != UInt8(ascii: "0"), let number = Int(text) {
            return number <= regex.groupCount ? number : nil
        }
        return regex.groupNames[text]
    }
}
