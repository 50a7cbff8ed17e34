import Bytes

/// The remarks on one run of a query, each text once (Prometheus `util/annotations`).
struct AnnotationSet {
    private struct Entry {
        var severity: QueryAnnotation.Severity
        /// Without the prefix.
        var text: String
        /// Byte of the query's text.
        var position: Int
        var monotonicity: MonotonicityFix?
    }

    private var entries: [Entry] = []

    var isEmpty: Bool { entries.isEmpty }

    mutating func warn(_ text: String, at range: TextRange) { add(.warning, text, range) }

    mutating func inform(_ text: String, at range: TextRange) { add(.info, text, range) }

    /// That a histogram's buckets had to be made monotonic; runs of it are added up.
    mutating func inform(_ text: String, _ fix: MonotonicityFix, at range: TextRange) {
        if let index = entries.firstIndex(where: { $0.text == text }) {
            entries[index].monotonicity?.merge(fix)
            return
        }
        entries.append(Entry(severity: .info, text: text, position: range.start, monotonicity: fix))
    }

    private mutating func add(_ severity: QueryAnnotation.Severity, _ text: String, _ range: TextRange) {
        guard !entries.contains(where: { $0.text == text && $0.severity == severity }) else { return }
        entries.append(Entry(severity: severity, text: text, position: range.start))
    }

    /// With the place of each in `query`.
    func rendered(for query: String) -> [QueryAnnotation] {
        entries.map { entry in
            let prefix = entry.severity == .warning ? "PromQL warning: " : "PromQL info: "
            let details = entry.monotonicity?.description ?? ""
            let place = TextPosition(of: entry.position, in: query)
            return QueryAnnotation(
                entry.severity, "\(prefix)\(entry.text)\(details) (\(place.line):\(place.column))")
        }
    }
}

/// How `histogram_quantile` changed buckets that went down where they may only rise.
struct MonotonicityFix: CustomStringConvertible {
    var lowestBound: Double
    var highestBound: Double
    var largestDifference: Double
    /// Milliseconds since 1970.
    var from: Int64
    var through: Int64
    var samples = 1

    mutating func merge(_ other: MonotonicityFix) {
        lowestBound = min(lowestBound, other.lowestBound)
        highestBound = max(highestBound, other.highestBound)
        largestDifference = max(largestDifference, other.largestDifference)
        from = min(from, other.from)
        through = max(through, other.through)
        samples += other.samples
    }

    var description: String {
        """
        , from buckets \(Bytes.GoNumber.general(lowestBound)) to \(Bytes.GoNumber.general(highestBound)), with a max diff of \
        \(Bytes.GoNumber.significant(largestDifference, digits: 2)), over \(samples) samples from \
        \(UTCDate(seconds: from / 1000).rfc3339) to \(UTCDate(seconds: through / 1000).rfc3339)
        """
    }
}

/// Line and column, both from 1.
private struct TextPosition {
    var line = 1
    var column = 1

    init(of offset: Int, in text: String) {
        for byte in text.utf8.prefix(offset) {
            if byte == 0x0a {
                line += 1
                column = 1
            } else {
                column += 1
            }
        }
    }
}
