/// `{{schema:1 sum:3 count:2 z_bucket:1 buckets:[1 1]}}`: a native histogram as test files write it.
struct HistogramDescription {
    private(set) var histogram = FloatHistogram()
    /// Whether it says what its counter reset hint is.
    private(set) var statesHint = false

    private static let hints: [String: FloatHistogram.CounterResetHint] = [
        "unknown": .unknown, "reset": .reset, "not_reset": .notReset, "gauge": .gauge,
    ]
    private static let wholeNumbers: Set<String> = ["schema", "offset", "n_offset"]
    private static let numbers: Set<String> = ["sum", "count", "z_bucket", "z_bucket_w"]
    private static let lists: Set<String> = ["buckets", "n_buckets", "custom_values"]

    /// - Parameter token: with the braces.
    init(_ token: Token) throws(SyntaxError) {
        var parts = Parts(token)
        try parts.read()
        let schema = parts.whole["schema"] ?? 0
        guard schema == FloatHistogram.customSchema || FloatHistogram.exponentialSchemas.contains(schema) else {
            throw SyntaxError(token, "histogram schema \(schema) is none of -53 and -4 to 8")
        }
        histogram.schema = schema
        histogram.sum = parts.number["sum"] ?? 0
        histogram.count = parts.number["count"] ?? 0
        histogram.zeroCount = parts.number["z_bucket"] ?? 0
        histogram.zeroThreshold = parts.number["z_bucket_w"] ?? 0
        histogram.customBounds = parts.list["custom_values"] ?? []
        histogram.positive = try parts.buckets("buckets", "offset")
        histogram.negative = try parts.buckets("n_buckets", "n_offset")
        if let hint = parts.hint {
            histogram.counterResetHint = hint
            statesHint = true
        }
    }

    var value: SequenceValue { .histogram(SharedHistogram(histogram), statesHint: statesHint) }

    /// Another histogram and this one, times 1 or -1.
    func added(to other: FloatHistogram, times sign: Double, _ token: Token) throws(SyntaxError) -> FloatHistogram {
        guard other.schema <= histogram.schema else {
            throw SyntaxError(
                token,
                "error combining histograms: cannot merge from schema \(histogram.schema) to \(other.schema)")
        }
        var remarks = HistogramSum.Remarks()
        do throws(HistogramSum.IncompatibleLayouts) {
            return try other.adding(histogram, times: sign, &remarks)
        } catch {
            throw SyntaxError(
                token, "cannot apply this operation on histograms with a mix of exponential and custom bucket schemas")
        }
    }

    /// Keys and values as they stand there.
    private struct Parts {
        let token: Token
        var whole: [String: Int] = [:]
        var number: [String: Double] = [:]
        var list: [String: [Double]] = [:]
        var hint: FloatHistogram.CounterResetHint?

        init(_ token: Token) { self.token = token }

        mutating func read() throws(SyntaxError) {
            var rest = token.text.dropFirst(2).dropLast(2)
            var seen: Set<String> = []
            while let first = rest.first {
                if first == " " || first == "\t" {
                    rest = rest.dropFirst()
                    continue
                }
                let key = rest.prefix { $0.isASCII && ($0.isLetter || $0 == "_") }.lowercased()
                let isList = lists.contains(key)
                guard isList || wholeNumbers.contains(key) || numbers.contains(key) || key == "counter_reset_hint"
                else {
                    throw SyntaxError(token, "bad histogram descriptor found: \(GoText.quoted(key))")
                }
                guard seen.insert(key).inserted else {
                    throw SyntaxError(token, "duplicate key \"\(key)\" in histogram")
                }
                rest = rest.dropFirst(key.count)
                guard rest.first == ":" else { throw SyntaxError(token, "missing `:` for histogram descriptor") }
                rest = rest.dropFirst()
                let end = rest.firstIndex { isList ? $0 == "]" : $0 == " " || $0 == "\t" } ?? rest.endIndex
                let isClosed = !isList || end < rest.endIndex
                guard isClosed, take(rest[..<end], of: key) else {
                    throw SyntaxError(token, "error parsing \(key): \(rest[..<end])")
                }
                rest = isList ? rest[end...].dropFirst() : rest[end...]
            }
        }

        private mutating func take(_ text: Substring, of key: String) -> Bool {
            if key == "counter_reset_hint" {
                hint = hints[text.lowercased()]
                return hint != nil
            }
            if lists.contains(key) {
                guard text.first == "[" else { return false }
                let items = text.dropFirst().split { $0 == " " || $0 == "\t" }
                let values = items.compactMap(Parts.number)
                list[key] = values
                return !values.isEmpty && values.count == items.count
            }
            guard let value = Parts.number(text) else { return false }
            guard wholeNumbers.contains(key) else {
                number[key] = value
                return true
            }
            whole[key] = Int(exactly: value)
            return whole[key] != nil
        }

        private static func number(_ text: Substring) -> Double? {
            let unsigned = text.first == "-" || text.first == "+" ? text.dropFirst() : text
            guard let value = try? NumberText.parse(String(unsigned)) else { return nil }
            return text.first == "-" ? -value : value
        }

        /// Far from where indices end, so that no sum of them overflows.
        private static let offsets = -(1 << 30)...(1 << 30)

        func buckets(_ key: String, _ offsetKey: String) throws(SyntaxError) -> HistogramBuckets {
            let offset = whole[offsetKey] ?? 0
            guard Parts.offsets.contains(offset) else {
                throw SyntaxError(token, "error parsing \(offsetKey): \(offset) is too far from 0")
            }
            return HistogramBuckets(from: Int32(offset), list[key] ?? [])
        }
    }
}
