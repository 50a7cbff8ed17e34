import Bytes

/// One form that dates may have in a log, and how it has fared in this one. Compiled when it is first tried.
final class DateTemplate {
    enum Kind: Equatable {
        /// strptime's fields.
        case fields
        /// Seconds since 1970 in a group; with `isLong`, also milliseconds and microseconds.
        case epoch(group: Int, isLong: Bool)
        /// D. J. Bernstein's external TAI64N.
        case tai64n
    }

    let name: String
    let pattern: DatePattern
    let kind: Kind
    /// How much a hit of it counts.
    let worth: Double
    /// One of fail2ban's own at the beginning of a line: the only parts of it that may be missing behind a date are fractions of seconds, a
    /// year and a zone.
    let isPlain: Bool
    private let hasZone: Bool

    @exclusivity(unchecked) var hits = 0
    @exclusivity(unchecked) var lastUsed = 0.0
    /// Where in the line it was found last.
    @exclusivity(unchecked) var distance = Int.max
    var weight: Double { Double(hits) * worth / Double(max(1, distance)) }
    /// At the beginning or the end of a line it can be in one place only.
    var isAnchored: Bool { pattern.isAtLineBegin || pattern.isAtLineEnd }

    @exclusivity(unchecked) private var matcher: TextMatcher?
    @exclusivity(unchecked) private var fields: DateFieldGroups?

    init(name: String, pattern: DatePattern, kind: Kind = .fields, worth: Double = 1, isPlain: Bool = false) {
        self.name = name
        self.pattern = pattern
        self.kind = kind
        self.worth = worth
        self.isPlain = isPlain
        hasZone = pattern.regex.contains("(?P<z>") || pattern.regex.contains("(?P<Z>")
    }

    /// Whether the two bytes behind a date show that no part of it can follow: a blank, and what begins neither a year nor a zone. Then what
    /// stands further on cannot change what is found.
    func endsBefore(_ first: UInt8, _ second: UInt8) -> Bool {
        guard isPlain, first == 0x20, second > 0x20, second < 0x7f, !ASCII.isDigit(second) else { return false }
        switch second {
        case 0x2b, 0x2d: return false
        // Z, UTC, GMT.
        case 0x5a, 0x7a, 0x55, 0x75, 0x47, 0x67: return !hasZone
        default: return true
        }
    }

    /// Compiles it. Templates that fail are the user's; the built-in ones compile.
    func compile() throws(PatternError) {
        guard matcher == nil else { return }
        let compiled = try TextMatcher(pattern.regex, isCaseless: pattern.isCaseless)
        fields = DateFieldGroups(compiled.regex)
        matcher = compiled
    }

    /// Looks for it between two places of a line; group 1 is then what is to be cut out.
    func match(_ line: RawSpan, from start: Int, to end: Int) -> Bool {
        if matcher == nil {
            do {
                try compile()
            } catch {
                // A built-in template compiles; tests prove it of every one.
                return false
            }
        }
        return matcher?.match(line.slice(0, end), from: start) ?? false
    }

    /// Of the last match.
    var range: Range<Int> { matcher?.range(of: 0) ?? 0..<0 }
    var cut: Range<Int>? { matcher?.range(of: 1) }

    /// What the last match in `line` says, seconds since 1970; nil where it is no date.
    func time(_ line: RawSpan, _ clock: DateClock) -> Double? {
        guard let matcher else { return nil }
        switch kind {
        case .fields: return fields?.read(line, matcher).flatMap { $0.time(clock) }
        case .epoch(let group, let isLong):
            guard let range = matcher.range(of: group),
                let value = Double(String(lossy: line.slice(range.lowerBound, range.upperBound)))
            else { return nil }
            guard isLong else { return value }
            // 13 digits are milliseconds, 16 microseconds.
            return value >= 1e15 ? value / 1e6 : value >= 1e12 ? value / 1e3 : value
        case .tai64n:
            guard let range = cut, range.count >= 17 else { return nil }
            let digits = String(lossy: line.slice(range.lowerBound + 2, range.lowerBound + 17))
            return UInt64(digits, radix: 16).map { Double($0) }
        }
    }
}
