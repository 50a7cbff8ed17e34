/// A word of PromQL or of the language of series descriptions.
struct Token {
    enum Kind: Equatable {
        case leftParenthesis, rightParenthesis, leftBrace, rightBrace, leftBracket, rightBracket
        case comma, colon, equal
        case add, subtract, multiply, divide, modulo, power
        case equals, notEqual, less, lessOrEqual, greater, greaterOrEqual, trimUpper, trimLower
        case matches, notMatches, at
        case and, or, unless, atan2
        case aggregation(AggregationOperator)
        case bool, by, groupLeft, groupRight, fill, fillLeft, fillRight, ignoring, offset, smoothed, anchored, on
        case without
        case start, end, step, range, maxOf, minOf
        case identifier, metricIdentifier, string, number, duration
        /// Of series descriptions only.
        case blank, times, space, histogram
        case endOfInput
    }

    var kind: Kind
    /// Bytes of the text.
    var range: TextRange
    /// As it was written.
    var text: String
}

extension Token {
    /// Words that mean something where they stand alone; in any case of letters.
    static let keywords: [String: Kind] = {
        var words: [String: Kind] = [
            "and": .and, "or": .or, "unless": .unless, "atan2": .atan2,
            "offset": .offset, "smoothed": .smoothed, "anchored": .anchored, "by": .by, "without": .without,
            "on": .on, "ignoring": .ignoring, "group_left": .groupLeft, "group_right": .groupRight,
            "fill": .fill, "fill_left": .fillLeft, "fill_right": .fillRight, "bool": .bool,
            "start": .start, "end": .end, "step": .step, "range": .range, "max_of": .maxOf, "min_of": .minOf,
            "inf": .number, "nan": .number,
        ]
        for operation in AggregationOperator.allCases { words[operation.rawValue] = .aggregation(operation) }
        return words
    }()

    /// Those that a duration may be written with.
    static let durationKeywords: [String: Kind] = [
        "step": .step, "range": .range, "max_of": .maxOf, "min_of": .minOf,
    ]

    /// How Prometheus names the token in `unexpected …`.
    var description: String {
        switch kind {
        case .endOfInput: "end of input"
        case .identifier: "identifier " + GoText.quoted(text)
        case .metricIdentifier: "metric identifier " + GoText.quoted(text)
        case .string: "string " + shortened
        case .number: "number " + shortened
        case .duration: "duration " + shortened
        case .add, .subtract, .multiply, .divide, .modulo, .power, .equals, .notEqual, .less, .lessOrEqual, .greater,
            .greaterOrEqual, .trimUpper, .trimLower, .matches, .notMatches, .at, .and, .or, .unless, .atan2:
            "<op:\(text)>"
        case .aggregation: "<aggr:\(text)>"
        case .bool, .by, .groupLeft, .groupRight, .fill, .fillLeft, .fillRight, .ignoring, .offset, .smoothed,
            .anchored, .on, .without:
            "<\(text)>"
        default: shortened
        }
    }

    private var shortened: String {
        text.utf8.count > 10 ? GoText.quoted(String(text.unicodeScalars.prefix(10))) + "..." : GoText.quoted(text)
    }

    /// Whether it may name a metric where an expression begins.
    var isMetricName: Bool {
        switch kind {
        case .aggregation, .by, .fill, .fillLeft, .fillRight, .identifier, .metricIdentifier, .and, .or, .unless,
            .offset, .without, .start, .end, .step, .range, .anchored, .smoothed, .maxOf, .minOf:
            true
        default: false
        }
    }

    /// Whether it may name a label in the lists of `by`, `on` and the like.
    var isLabelName: Bool {
        switch kind {
        case .bool, .groupLeft, .groupRight, .ignoring, .on, .atan2: true
        default: isMetricName
        }
    }
}
