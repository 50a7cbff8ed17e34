/// A `datepattern` of fail2ban's made into a regular expression: strptime's tokens become named groups, and bounds are added where
/// it has none.
struct DatePattern: Equatable {
    /// For PCRE2, once through `PythonPattern`.
    var regex: String
    var isCaseless: Bool
    /// Anchored to the beginning or the end of the line.
    var isAtLineBegin: Bool
    var isAtLineEnd: Bool

    static let unbound = "{UNB}"
    static let lineBegin = "{^LN-BEG}"

    /// - Parameter decades: of years of this century that `%ExY` takes, as digits.
    init(_ text: String, decades: ClosedRange<Int>) throws(PatternError) {
        var pattern = text
        var bounds = Bounds.words
        if pattern.hasPrefix(Self.unbound) {
            pattern.removeFirst(Self.unbound.count)
            bounds = .none
        } else if pattern.hasPrefix(Self.lineBegin) {
            pattern.removeFirst(Self.lineBegin.count)
            bounds = .lineBegin
        }
        let (expanded, hasNames) = try Self.expand(pattern, decades)
        self.init(regex: expanded, isCaseless: hasNames, bounds: bounds)
    }

    enum Bounds: Equatable {
        case none, words, lineBegin
        /// Only behind it.
        case wordEnd
    }

    /// Puts bounds and a first group around what is a regular expression already.
    init(regex pattern: String, isCaseless: Bool, bounds: Bounds) {
        var text = [UInt8](pattern.trimmed)
        self.isCaseless = isCaseless
        if text.starts(with: "(?i)".utf8) || text.starts(with: "(?iu)".utf8), let end = text.firstIndex(of: 0x29) {
            text.removeFirst(end + 1)
            self.isCaseless = true
        }
        let opening = text.prefix { $0 == 0x28 }.count
        let hasStars = text[opening...].starts(with: [0x2a, 0x2a])
        let beginsLine = Self.beginsLine(text, opening)
        isAtLineBegin = text.first == 0x5e || Self.isLineGroup(text)
        let trimsEnd = Self.endsWithoutBound(text)
        isAtLineEnd = Self.endsLine(text)
        if !Self.hasPlainGroup(text) { text = Self.grouped(text) }
        var prefix = ""
        if bounds != .none, bounds != .wordEnd, !hasStars, !beginsLine {
            if bounds == .lineBegin {
                prefix = #"^(?:\W{0,2})?"#
                isAtLineBegin = true
            } else {
                prefix = #"(?=^|\b|\W)"#
            }
        }
        let suffix = bounds == .none || trimsEnd ? "" : #"(?=\b|\W|$)"#
        regex = prefix + String(Self.withoutStars(text)) + suffix
    }

    /// `^…`, `(^…`, `(?:^…` behind any opening parentheses.
    private static func beginsLine(_ text: [UInt8], _ opening: Int) -> Bool {
        var rest = text[opening...]
        if opening > 0, rest.starts(with: "?:^".utf8) { return true }
        rest = text[opening...]
        return rest.first == 0x5e
    }

    /// `(^…` or `(?:^…` without an alternative to the beginning.
    private static func isLineGroup(_ text: [UInt8]) -> Bool {
        guard text.first == 0x28 else { return false }
        var rest = text.dropFirst()
        if rest.starts(with: "?:".utf8) { rest = rest.dropFirst(2) }
        return rest.first == 0x5e && rest.dropFirst().first != 0x7c
    }

    /// Ends with `$`, `$)`, `\b`, `\s` or `**`.
    private static func endsWithoutBound(_ text: [UInt8]) -> Bool {
        if endsLine(text) { return true }
        if text.count >= 2, text[text.count - 2] == 0x5c, text.last == 0x62 || text.last == 0x73 {
            return text.count < 3 || text[text.count - 3] != 0x5c
        }
        var end = text.count
        while end > 0, text[end - 1] == 0x29 { end -= 1 }
        return end >= 2 && text[end - 1] == 0x2a && text[end - 2] == 0x2a
    }

    private static func endsLine(_ text: [UInt8]) -> Bool {
        var end = text.count
        if text.last == 0x29 { end -= 1 }
        guard end > 0, text[end - 1] == 0x24 else { return false }
        return end < 2 || (text[end - 2] != 0x5c && text[end - 2] != 0x7c)
    }

    private static func hasPlainGroup(_ text: [UInt8]) -> Bool {
        for index in text.indices where text[index] == 0x28 {
            let isEscaped = index > 0 && text[index - 1] == 0x5c
            let isCondition = index > 1 && text[index - 1] == 0x3f && text[index - 2] == 0x28
            let isSpecial = index + 1 < text.count && text[index + 1] == 0x3f
            if !isEscaped, !isCondition, !isSpecial { return true }
        }
        return false
    }

    /// Anchors stay outside of the group, whose text is cut out of the line.
    private static func grouped(_ text: [UInt8]) -> [UInt8] {
        var lower = 0
        var upper = text.count
        if text.first == 0x5e { lower = 1 }
        if upper > lower, endsLine(text), text.last == 0x24 { upper -= 1 }
        return Array(text[..<lower]) + [0x28] + text[lower..<upper] + [0x29] + text[upper...]
    }

    /// `**` at the beginning or the end means only: no bound.
    private static func withoutStars(_ text: [UInt8]) -> [UInt8] {
        var result = text
        let opening = result.prefix { $0 == 0x28 }.count
        if result[opening...].starts(with: [0x2a, 0x2a]) { result.removeSubrange(opening..<opening + 2) }
        var end = result.count
        while end > 0, result[end - 1] == 0x29 { end -= 1 }
        if end >= 2, result[end - 1] == 0x2a, result[end - 2] == 0x2a { result.removeSubrange(end - 2..<end) }
        return result
    }

    /// The pattern with its tokens replaced, and whether one of them is a name, whose case does not matter.
    private static func expand(_ pattern: String, _ decades: ClosedRange<Int>) throws(PatternError) -> (String, Bool) {
        let bytes = [UInt8](pattern)
        var result: [UInt8] = []
        var hasNames = false
        var index = 0
        while index < bytes.count {
            guard bytes[index] == 0x25 else {
                result.append(bytes[index])
                index += 1
                continue
            }
            let isExact = bytes[(index + 1)...].starts(with: "Ex".utf8)
            let place = index + (isExact ? 3 : 1)
            guard place < bytes.count, let text = DateToken.regex(bytes[place], isExact: isExact, decades: decades)
            else {
                throw PatternError(
                    pattern: pattern, offset: index,
                    reason: "expected a token such as %d or %ExY, or %% for a percent sign")
            }
            hasNames = hasNames || "aAbBpc".utf8.contains(bytes[place]) && !isExact
            result += [UInt8](text)
            index = place + 1
        }
        return (String(result), hasNames)
    }
}

/// strptime's tokens as fail2ban has them; the name of a group is the field it fills.
enum DateToken {
    static let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
    static let weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

    static func regex(_ letter: UInt8, isExact: Bool, decades: ClosedRange<Int>) -> String? {
        switch (Character(Unicode.Scalar(letter)), isExact) {
        case ("%", false): "%"
        case ("a", false): "(?P<a>" + weekdays.joined(separator: "|") + ")"
        case ("A", false): "(?P<A>monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
        case ("b", false): "(?P<b>" + months.joined(separator: "|") + ")"
        case ("B", false):
            "(?P<B>january|february|march|april|may|june|july|august|september|october|november|december)"
        case ("d", false): #"(?P<d>[1-2]\d|[0 ]?[1-9]|3[0-1])"#
        case ("d", true): #"(?P<d>[1-2]\d|0[1-9]|3[0-1])"#
        case ("m", false): "(?P<m>0?[1-9]|1[0-2])"
        case ("m", true): "(?P<m>0[1-9]|1[0-2])"
        case ("H", false): #"(?P<H>[0-1]?\d|2[0-3])"#
        case ("H", true): #"(?P<H>[0-1]\d|2[0-3])"#
        case ("k", false): #" ?(?P<H>[0-2]?\d)"#
        case ("k", true): #" ?(?P<H>[0-1]?\d|2[0-3])"#
        case ("I", false): "(?P<I>1[0-2]|0[1-9]|[1-9])"
        case ("l", false): #" ?(?P<I>1?\d)"#
        case ("l", true): #" ?(?P<I>1[0-2]|\d)"#
        case ("M", false): #"(?P<M>[0-5]?\d)"#
        case ("M", true): #"(?P<M>[0-5]\d)"#
        case ("S", false): #"(?P<S>[0-5]?\d|6[0-1])"#
        case ("S", true): #"(?P<S>[0-5]\d|6[0-1])"#
        case ("f", false): "(?P<f>[0-9]{1,6})"
        case ("p", false): "(?P<p>am|pm)"
        case ("Y", false): #"(?P<Y>\d{4})"#
        case ("Y", true): #"(?P<Y>20[\#(decades.lowerBound)-\#(decades.upperBound)]\d)"#
        case ("y", _): #"(?P<y>\d{2})"#
        case ("j", false): #"(?P<j>36[0-6]|3[0-5]\d|[1-2]\d\d|0[1-9]\d|00[1-9]|[1-9]\d|0[1-9]|[1-9])"#
        case ("U", false): #"(?P<U>5[0-3]|[0-4]\d|\d)"#
        case ("W", false): #"(?P<W>5[0-3]|[0-4]\d|\d)"#
        case ("w", false): "(?P<w>[0-6])"
        case ("u", false): "(?P<u>[1-7])"
        case ("z", false): #"(?P<z>Z|UTC|GMT|[+-][01]\d(?::?\d{2})?)"#
        case ("z", true): #"(?P<z>(?:[A-Z](?:[A-Z]{2,4})?)?[+-][01]\d(?::?\d{2})?|[A-Z](?:[A-Z]{2,4})?)"#
        case ("Z", false): "(?P<Z>Z|[A-Z]{3,5})"
        case ("Z", true): "(?P<Z>[A-Z](?:[A-Z]{2,4})?)"
        case ("c", false):
            "%a %b %d %H:%M:%S %Y".split(separator: " ").map { composed(String($0), decades) }
                .joined(separator: #"\s+"#)
        case ("X", false): composed("%H:%M:%S", decades)
        case ("x", false): composed("%m/%d/%y", decades)
        default: nil
        }
    }

    private static func composed(_ text: String, _ decades: ClosedRange<Int>) -> String {
        var result = ""
        var isToken = false
        for byte in text.utf8 {
            if isToken {
                result += regex(byte, isExact: false, decades: decades) ?? ""
                isToken = false
            } else if byte == 0x25 {
                isToken = true
            } else {
                result += String(Character(Unicode.Scalar(byte)))
            }
        }
        return result
    }
}
