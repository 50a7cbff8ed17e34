import Bytes

/// Times of the API: RFC 3339, milliseconds since 1970 inside.
package enum APITime {
    /// What is wrong with two times of which one is to come before the other; nil where they are right.
    static func order(_ start: Int64, _ end: Int64, mayBeSame: Bool) -> String? {
        start < end || (mayBeSame && start == end) ? nil : "start time must be before end time"
    }

    /// With three digits of fraction, as `strfmt.DateTime` writes them.
    package static func text(_ milliseconds: Int64) -> String {
        let (nanoseconds, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        let text = RFC3339.text(overflow ? (milliseconds < 0 ? .min : .max) : nanoseconds)
        return text.dropLast(7) + "Z"
    }

    /// nil for what is no time; the year 1, Go's time that is none, is `.min`, and what lies beyond 2262 the end of time.
    package static func milliseconds(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        if let nanoseconds = RFC3339.parse(bytes.span.bytes) {
            return nanoseconds >= 0 ? nanoseconds / 1_000_000 : (nanoseconds - 999_999) / 1_000_000
        }
        // The same in a year that 64 bits of nanoseconds hold says whether it is a time at all.
        guard bytes.count >= 20, let year = Int(text.prefix(4)), year < 1678 || year > 2261 else { return nil }
        let shifted = Array("2000".utf8) + bytes[4...]
        guard RFC3339.parse(shifted.span.bytes) != nil else { return nil }
        return year > 2261 ? Int64.max / 1_000_000 : .min
    }
}
