import Bytes

/// A pattern of Python's with what one thread needs to match it.
final class TextMatcher {
    let regex: Regex
    @exclusivity(unchecked) private var matcher: Matcher

    /// - Parameter pattern: for Python's `re`, tags expanded.
    init(_ pattern: String, isCaseless: Bool = false, isMultiline: Bool = false) throws(PatternError) {
        let translated = try PythonPattern.translate(pattern)
        do {
            regex = try Regex(
                python: translated.pattern, isCaseless: isCaseless || translated.isCaseless, isMultiline: isMultiline)
        } catch {
            throw PatternError(pattern: error.pattern, offset: error.offset, reason: error.reason)
        }
        matcher = Matcher(regex)
    }

    /// Looks for it in what is known to be UTF-8.
    func match(_ text: RawSpan, from start: Int = 0) -> Bool { matcher.match(text, from: start, isValidated: true) }

    /// Whether the last match took too many steps.
    var didGiveUp: Bool { matcher.didGiveUp }

    func range(of group: Int) -> Range<Int>? { matcher.range(of: group) }
}
