import Telemetry

/// A series and its values as test files write them: `http_requests{job="api"} 0+10x5 _ 7 stale`
/// (https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/#series).
package struct SeriesDescription: Sendable {
    /// With `__name__`.
    package var labels: LabelSet
    package var values: [SequenceValue]

    package init(labels: LabelSet, values: [SequenceValue]) {
        self.labels = labels
        self.values = values
    }

    /// How many values a description may stand for.
    package static let maximumCount = 1_000_000

    package static func parse(_ text: String) throws(QueryError) -> SeriesDescription {
        let bytes = Array(text.utf8)
        do throws(SyntaxError) {
            var parser = SeriesParser(bytes)
            return try parser.description()
        } catch {
            throw error.queryError(in: bytes)
        }
    }

    /// The labels alone: `name{label="value"}`.
    package static func parseLabels(_ text: String) throws(QueryError) -> LabelSet {
        let bytes = Array(text.utf8)
        do throws(SyntaxError) {
            var parser = SeriesParser(bytes, isSeries: false)
            return try parser.wholeMetric()
        } catch {
            throw error.queryError(in: bytes)
        }
    }
}

/// What a series has at one step.
package enum SequenceValue: Sendable, Equatable {
    /// The stale marker is a value too.
    case value(Double)
    /// `_`: no sample.
    case omitted
    /// A native histogram, and whether it says itself what its counter reset hint is.
    case histogram(SharedHistogram, statesHint: Bool)

    package static func == (a: SequenceValue, b: SequenceValue) -> Bool {
        switch (a, b) {
        case (.value(let a), .value(let b)): a == b
        case (.omitted, .omitted): true
        case (.histogram(let a, let aStates), .histogram(let b, let bStates)):
            a.value == b.value && a.value.counterResetHint == b.value.counterResetHint && aStates == bStates
        default: false
        }
    }

    /// The NaN that says that a series has gone (Prometheus `model/value`).
    package static let staleMarker = Double(bitPattern: 0x7ff0_0000_0000_0002)
}

private struct SeriesParser {
    private var lexer: Lexer
    private var lookahead: Token?
    private var values: [SequenceValue] = []

    init(_ text: [UInt8], isSeries: Bool = true) { lexer = Lexer(text, isSeries: isSeries) }

    mutating func description() throws(SyntaxError) -> SeriesDescription {
        let labels = try metric()
        while try take(.space) != nil {
            let kind = try peek().kind
            if kind == .space || kind == .endOfInput { continue }
            try item()
        }
        let rest = try peek()
        if rest.kind != .endOfInput { throw unexpected(rest) }
        return SeriesDescription(labels: labels, values: values)
    }

    mutating func wholeMetric() throws(SyntaxError) -> LabelSet {
        let labels = try metric()
        let rest = try peek()
        if rest.kind != .endOfInput { throw SyntaxError(rest, "unexpected \(rest.description)") }
        return labels
    }

    // MARK: - Tokens

    private mutating func peek() throws(SyntaxError) -> Token {
        if let lookahead { return lookahead }
        let token = try lexer.next()
        lookahead = token
        return token
    }

    private mutating func take(_ kind: Token.Kind) throws(SyntaxError) -> Token? {
        let token = try peek()
        guard token.kind == kind else { return nil }
        lookahead = nil
        return token
    }

    private func unexpected(
        _ token: Token, in context: String = "series values", expected: String? = nil
    ) -> SyntaxError {
        let expectation = expected.map { ", expected " + $0 } ?? ""
        return SyntaxError(token, "unexpected \(token.description) in \(context)\(expectation)")
    }

    // MARK: - Labels

    private mutating func metric() throws(SyntaxError) -> LabelSet {
        var labels = LabelSet()
        var name: String?
        let first = try peek()
        if first.isMetricName {
            name = first.text
            lookahead = nil
        }
        if try take(.leftBrace) != nil {
            while try take(.rightBrace) == nil {
                let (label, value) = try label()
                labels[label] = value
                if try take(.comma) != nil { continue }
                guard try peek().kind == .rightBrace else {
                    throw unexpected(try peek(), in: "label set", expected: "\",\" or \"}\"")
                }
            }
        }
        if let name { labels["__name__"] = name }
        return labels
    }

    private mutating func label() throws(SyntaxError) -> (name: String, value: String) {
        let name = try peek()
        guard name.kind == .identifier || name.kind == .string else {
            throw unexpected(name, in: "label set", expected: "identifier or \"}\"")
        }
        lookahead = nil
        let label = name.kind == .string ? Lexer.unquoted(name) : name.text
        guard try take(.equal) != nil else {
            if name.kind == .string { return ("__name__", label) }
            throw unexpected(try peek(), in: "label set", expected: "\"=\"")
        }
        guard let value = try take(.string) else {
            throw unexpected(try peek(), in: "label set", expected: "string")
        }
        return (label, Lexer.unquoted(value))
    }

    // MARK: - Values

    private mutating func item() throws(SyntaxError) {
        if try take(.blank) != nil {
            try append(try take(.times) == nil ? 1 : try repetitions()) { _ in .omitted }
        } else if let histogram = try take(.histogram) {
            try histogramItem(histogram)
        } else {
            let first = try value()
            let sign = try peek().kind
            if sign == .add || sign == .subtract {
                let step = try signedNumber()
                guard try take(.times) != nil else { throw unexpected(try peek()) }
                var current = first
                // Added up, not multiplied, as Prometheus does.
                try append(try repetitions() + 1) { index in
                    if index > 0 { current += step }
                    return .value(current)
                }
            } else if try take(.times) != nil {
                try append(try repetitions() + 1) { _ in .value(first) }
            } else {
                try append(1) { _ in .value(first) }
            }
        }
    }

    private mutating func append(_ count: Int, _ value: (Int) -> SequenceValue) throws(SyntaxError) {
        guard count <= SeriesDescription.maximumCount - values.count else {
            throw SyntaxError(
                start: lexer.start, message: "more than \(SeriesDescription.maximumCount) values in a series")
        }
        for index in 0..<count { values.append(value(index)) }
    }

    private mutating func value() throws(SyntaxError) -> Double {
        let token = try peek()
        if token.kind == .identifier {
            guard token.text == "stale" else { throw unexpected(token, expected: "number or \"stale\"") }
            lookahead = nil
            return SequenceValue.staleMarker
        }
        if token.kind == .number { return try number() }
        return try signedNumber()
    }

    private mutating func signedNumber() throws(SyntaxError) -> Double {
        if try take(.add) != nil { return try number() }
        guard try take(.subtract) != nil else { throw unexpected(try peek()) }
        return -(try number())
    }

    private mutating func number() throws(SyntaxError) -> Double {
        guard let token = try take(.number) else { throw unexpected(try peek()) }
        do throws(NumberText.Failure) {
            return try NumberText.parse(token.text)
        } catch {
            throw SyntaxError(token, error.message(of: token.text))
        }
    }

    private mutating func repetitions() throws(SyntaxError) -> Int {
        guard let token = try take(.number) else { throw unexpected(try peek()) }
        let isWhole = token.text.utf8.allSatisfy(Lexer.isDigit)
        guard isWhole, let count = UInt64(token.text) else {
            let reason = isWhole ? "value out of range" : "invalid syntax"
            throw SyntaxError(
                token,
                "invalid repetition in series values: strconv.ParseUint: parsing \(GoText.quoted(token.text)): "
                    + reason)
        }
        return Int(min(count, UInt64(SeriesDescription.maximumCount) + 1))
    }

    /// `{{…}}`, `{{…}}x3`, `{{…}}+{{…}}x3`
    private mutating func histogramItem(_ token: Token) throws(SyntaxError) {
        let first = try HistogramDescription(token)
        if try take(.times) != nil {
            try append(try repetitions() + 1) { _ in first.value }
            return
        }
        let sign = try peek().kind
        guard sign == .add || sign == .subtract else {
            try append(1) { _ in first.value }
            return
        }
        lookahead = nil
        guard let stepToken = try take(.histogram) else { throw unexpected(try peek()) }
        let step = try HistogramDescription(stepToken)
        guard try take(.times) != nil else { throw unexpected(try peek()) }
        let count = try repetitions() + 1
        var current = first.histogram
        var sequence: [SequenceValue] = []
        for index in 0..<min(count, SeriesDescription.maximumCount + 1) {
            if index > 0 { current = try step.added(to: current, times: sign == .add ? 1 : -1, stepToken) }
            sequence.append(.histogram(SharedHistogram(current), statesHint: step.statesHint))
        }
        try append(count) { sequence[$0] }
    }
}
