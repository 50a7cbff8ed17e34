import Bytes

/// Where a page of metrics is not one: the first thing that is wrong.
package struct ExpositionError: Error, Equatable, CustomStringConvertible {
    /// From 1.
    package var line: Int
    /// In bytes, from 1.
    package var column: Int
    package var expected: String
    package var found: String

    package init(line: Int, column: Int, expected: String, found: String) {
        self.line = line
        self.column = column
        self.expected = expected
        self.found = found
    }

    package var description: String { "line \(line), column \(column): expected \(expected), found \(found)" }

    /// The error at `offset` of `text`; what was found are the bytes up to `end`, or up to the next blank.
    init(_ expected: String, in text: RawSpan, at offset: Int, to end: Int? = nil) {
        let offset = min(offset, text.byteCount)
        var line = 1
        var lineStart = 0
        while let end = text.firstIndex(of: 0x0a, from: lineStart), end < offset {
            line += 1
            lineStart = end + 1
        }
        self.line = line
        column = offset - lineStart + 1
        self.expected = expected
        found = Self.excerpt(text, from: offset, to: end)
    }

    private static let longestExcerpt = 40

    private static func excerpt(_ text: RawSpan, from start: Int, to given: Int?) -> String {
        guard start < text.byteCount else { return "the end" }
        if text.byte(at: start) == 0x0a { return "the end of the line" }
        var end = given ?? start + 1
        if given == nil {
            while end < text.byteCount, text.byte(at: end) > 0x20 { end += 1 }
        }
        end = min(end, text.byteCount)
        let isCut = end - start > longestExcerpt
        if isCut { end = start + longestExcerpt }
        var excerpt = "\""
        for scalar in String(lossy: text.slice(start, end)).unicodeScalars {
            switch scalar {
            case "\n": excerpt += "\\n"
            case "\r": excerpt += "\\r"
            case "\t": excerpt += "\\t"
            case "\0": excerpt += "\\0"
            default: excerpt.unicodeScalars.append(scalar)
            }
        }
        return excerpt + (isCut ? "…\"" : "\"")
    }
}
