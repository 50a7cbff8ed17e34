import Configuration

/// What a field of a JSON line must be.
struct FieldCondition: Sendable, Equatable {
    enum Test: Sendable, Equatable {
        /// One of these texts, or a whole number within one of these ranges.
        case values(texts: [[UInt8]], ranges: [ClosedRange<Int64>])
        /// For PCRE2.
        case regex(String)
    }

    /// Names of members with dots between them.
    var path: String
    var test: Test
    /// Holds where the test does not, or where the field is missing.
    var isNegated = false

    /// `status: 401`, `status: [401, 500-599]`, `uri: {regex: ^/wp-}`, `level: {not: [info, debug]}`
    static func read(_ path: String, _ value: ValueReader) -> FieldCondition? {
        guard case .mapping = value.node.content else {
            return values(value).map { FieldCondition(path: path, test: $0) }
        }
        guard let reader = value.mapping(keys) else { return nil }
        defer { reader.finish() }
        let regex = reader.value("regex")
        let other = reader.value("not")
        switch (regex, other) {
        case (let regex?, nil):
            guard let text = regex.literal() else { return nil }
            do {
                _ = try TextMatcher(text)
            } catch {
                regex.report("\(error)")
                return nil
            }
            JailLint.loops(of: text).forEach { value.context.warn("\(regex.name): \($0)", at: regex.position) }
            return FieldCondition(path: path, test: .regex(text))
        case (nil, let other?):
            if case .mapping = other.node.content {
                guard var inner = read(path, other) else { return nil }
                inner.isNegated.toggle()
                return inner
            }
            return values(other).map { FieldCondition(path: path, test: $0, isNegated: true) }
        default:
            value.report("expected one value, a list of values, {regex: …} or {not: …}")
            return nil
        }
    }

    private static let keys = [
        ConfigurationKey("regex", "regular expression", "Found somewhere in the field."),
        ConfigurationKey("not", "value, list or {regex: …}", "What the field is not; a missing field is not."),
    ]

    private static func values(_ value: ValueReader) -> Test? {
        let items: [ValueReader]
        if case .sequence = value.node.content { items = value.items() ?? [] } else { items = [value] }
        var texts: [[UInt8]] = []
        var ranges: [ClosedRange<Int64>] = []
        for item in items {
            guard let text = item.literal() else { return nil }
            let parts = text.split(separator: "-" as Character, omittingEmptySubsequences: false)
            if case .scalar(_, isPlain: true) = item.node.content, parts.count == 2, let first = Int64(parts[0]),
                let last = Int64(parts[1])
            {
                guard first <= last else {
                    item.report("expected the smaller number first, found \"\(text)\"")
                    return nil
                }
                ranges.append(first...last)
            } else {
                texts.append([UInt8](text))
            }
        }
        guard !items.isEmpty else {
            value.report("expected at least one value")
            return nil
        }
        return .values(texts: texts, ranges: ranges)
    }
}
