import Bytes
import Telemetry

// `/api/v1/series`, `/api/v1/labels`, `/api/v1/label/<name>/values`, `/api/v1/query_exemplars` and `/api/v1/metadata`.
extension QueryAPI {
    func series(_ parameters: APIParameters) throws(APIError) -> APIResponse {
        guard parameters.items.contains(where: { $0.name == "match[]" }) else {
            throw APIError(.badData, "no match[] parameter provided")
        }
        let selection = try Selection(parameters, wrap: true)
        let found = source.read { selection.labelSets(in: $0) }
        return QueryAPI.listed(found, selection.limit) { $1.write(to: &$0) }
    }

    /// Exemplars are not kept: a query that is right has none.
    func queryExemplars(_ parameters: APIParameters) throws(APIError) -> APIResponse {
        let start = try parameters.time("start", standard: Selection.earliest)
        let end = try parameters.time("end", standard: Selection.latest)
        guard end >= start else {
            throw APIError(.badData, "end timestamp must not be before start timestamp")
        }
        let expression: Expression
        do throws(QueryError) {
            expression = try Expression.parse(parameters["query"])
        } catch {
            throw APIError(.badData, error.description)
        }
        var hasSelector = false
        ExpressionParts.visit(expression) {
            switch $0 {
            case .vectorSelector, .matrixSelector: hasSelector = true
            default: break
            }
        }
        return hasSelector
            ? .success { json in
                json.beginArray()
                json.endArray()
            } : APIResponse(status: 204, body: [])
    }

    func labelNames(_ parameters: APIParameters) throws(APIError) -> APIResponse {
        let selection = try Selection(parameters)
        var names: Set<String> = []
        for labels in source.read({ selection.labelSets(in: $0) }) {
            for label in labels.labels { names.insert(label.name) }
        }
        return QueryAPI.listed(QueryAPI.sorted(names), selection.limit) { $0.string($1) }
    }

    func labelValues(of name: String, _ parameters: APIParameters) throws(APIError) -> APIResponse {
        let name = name.hasPrefix("U__") ? QueryAPI.unescaped(name) : name
        guard !name.isEmpty else { throw APIError(.badData, "invalid label name: \(GoText.quoted(name))") }
        let selection = try Selection(parameters)
        var values: Set<String> = []
        for labels in source.read({ selection.labelSets(in: $0) }) {
            if let value = labels[name] { values.insert(value) }
        }
        return QueryAPI.listed(QueryAPI.sorted(values), selection.limit) { $0.string($1) }
    }

    func metadata(_ parameters: APIParameters) throws(APIError) -> APIResponse {
        func number(_ name: String) throws(APIError) -> Int {
            let text = parameters[name]
            if text.isEmpty { return -1 }
            guard let number = Int(text) else { throw APIError(.badData, "\(name) must be a number") }
            return number
        }
        let limit = try number("limit")
        let limitPerMetric = try number("limit_per_metric")
        let wanted = parameters["metric"]
        var families: [String: [MetricMetadata]] = [:]
        for family in metadata() where wanted.isEmpty || family.name == wanted {
            let known = families[family.name] ?? []
            if limitPerMetric > 0, known.count >= limitPerMetric { continue }
            if known.contains(where: { $0.type == family.type && $0.help == family.help && $0.unit == family.unit }) {
                continue
            }
            families[family.name, default: []].append(family)
        }
        var names = QueryAPI.sorted(families.keys)
        if limit >= 0 { names = Array(names.prefix(limit)) }
        return .success { json in
            json.beginObject()
            for name in names {
                json.key(name)
                json.beginArray()
                for family in families[name] ?? [] {
                    json.beginObject()
                    json.key("type")
                    json.string(family.type == .untyped ? "unknown" : family.type.rawValue)
                    json.key("help")
                    json.string(family.help)
                    json.key("unit")
                    json.string(family.unit)
                    json.endObject()
                }
                json.endArray()
            }
            json.endObject()
        }
    }

    static func sorted(_ texts: some Sequence<String>) -> [String] {
        texts.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    private static func listed<Element>(
        _ elements: [Element], _ limit: Int?, _ write: (inout JSONWriter, Element) -> Void
    ) -> APIResponse {
        let isCut = limit.map { elements.count > $0 } ?? false
        return .success(isCut ? [QueryAnnotation(.warning, "results truncated due to limit")] : []) { json in
            json.beginArray()
            for element in elements.prefix(limit ?? elements.count) { write(&json, element) }
            json.endArray()
        }
    }

    /// `U__my_2e_name` is `my.name`, `__` an underscore.
    static func unescaped(_ name: String) -> String {
        var result = ""
        var rest = name.dropFirst(3)
        while let character = rest.popFirst() {
            guard character == "_" else {
                result.append(character)
                continue
            }
            if rest.first == "_" {
                rest = rest.dropFirst()
                result += "_"
                continue
            }
            guard let end = rest.firstIndex(of: "_"), let value = UInt32(rest[..<end], radix: 16),
                let scalar = Unicode.Scalar(value)
            else { return name }
            result.unicodeScalars.append(scalar)
            rest = rest[end...].dropFirst()
        }
        return result
    }
}

/// Which series a request is about.
struct Selection {
    /// None for all.
    var matcherSets: [[LabelMatcher]] = []
    /// Milliseconds since 1970; nil where no time was asked for.
    var range: ClosedRange<Int64>?
    var limit: Int?

    /// Far from the ends of what 64 bits hold, so that nobody's arithmetic overflows.
    static let earliest = -(Int64(1) << 61)
    static let latest = Int64(1) << 61

    /// - Parameter wrap: whether what is wrong with `match[]` is said to be the parameter's fault.
    init(_ parameters: APIParameters, wrap: Bool = false) throws(APIError) {
        limit = try parameters.limit()
        let start = try parameters.time("start", standard: Selection.earliest)
        let end = try parameters.time("end", standard: Selection.latest)
        if start > Selection.earliest || end < Selection.latest { range = start...max(start, end) }
        func failure(_ message: String) -> APIError {
            wrap ? .invalid("match[]", message) : APIError(.badData, message)
        }
        for text in parameters.all("match[]") {
            let matchers: [LabelMatcher]
            do throws(QueryError) {
                matchers = try LabelMatcher.parseSelector(text)
            } catch {
                throw failure(error.description)
            }
            guard matchers.contains(where: { !$0.matches("") }) else {
                throw failure("match[] must contain at least one non-empty matcher")
            }
            matcherSets.append(matchers)
        }
    }

    /// In order, each once.
    func labelSets(in reader: any SampleReader) -> [LabelSet] {
        var series = reader.series(matching: matcherSets.first ?? [])
        if matcherSets.count > 1 {
            var seen = Set(series)
            for matchers in matcherSets.dropFirst() {
                for found in reader.series(matching: matchers) where seen.insert(found).inserted {
                    series.append(found)
                }
            }
        }
        if let range {
            series.removeAll { reader.newest(of: $0, after: range.lowerBound - 1, through: range.upperBound) == nil }
        }
        let sets = series.map(reader.labels(of:))
        return matcherSets.count > 1 ? sets.sorted(by: Selection.precedes) : sets
    }

    private static func precedes(_ a: LabelSet, _ b: LabelSet) -> Bool {
        for (one, other) in zip(a.labels, b.labels) {
            if one.name != other.name { return one.name.utf8.lexicographicallyPrecedes(other.name.utf8) }
            if one.value != other.value { return one.value.utf8.lexicographicallyPrecedes(other.value.utf8) }
        }
        return a.count < b.count
    }
}
