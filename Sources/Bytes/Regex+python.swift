import CPCRE2

extension Regex {
    /// A pattern for PCRE2 that is to find what Python's `re` finds in a `str`: `$` holds before a last line feed too, classes
    /// and case are Unicode's. Text that is not UTF-8 counts as a match given up, unless it was called validated.
    ///
    /// - Parameter isMultiline: as `re.MULTILINE`.
    package convenience init(python pattern: String, isCaseless: Bool = false, isMultiline: Bool = false)
        throws(RegexError)
    {
        var options = UInt32(PCRE2_UCP)
        if isCaseless { options |= UInt32(PCRE2_CASELESS) }
        if isMultiline { options |= UInt32(PCRE2_MULTILINE) }
        try self.init(pattern, options: options, isText: true, isLenient: false, isAnchored: false)
    }
}
