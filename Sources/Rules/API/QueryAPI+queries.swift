import Bytes
import Telemetry

// `/api/v1/query` and `/api/v1/query_range`.
extension QueryAPI {
    /// How many steps a range query may have.
    static let maximumSteps = 11_000

    func instantQuery(
        _ parameters: APIParameters, _ cancellation: QueryCancellation?
    ) throws(APIError) -> APIResponse {
        let limit = try parameters.limit()
        let time = try parameters.time("time", standard: now())
        let options = try options(of: parameters)
        let expression = try QueryAPI.expression(parameters)
        return try evaluate(expression, parameters, options, limit, at: time, cancellation) {
            (query, reader) throws(QueryError) in
            try query.instant(at: time, in: reader)
        }
    }

    func rangeQuery(
        _ parameters: APIParameters, _ cancellation: QueryCancellation?
    ) throws(APIError) -> APIResponse {
        let limit = try parameters.limit()
        let start = try parameters.time("start")
        let end = try parameters.time("end")
        guard end >= start else { throw .invalid("end", "end timestamp must not be before start time") }
        let step = Int64(try parameters.requiredDuration("step") * 1000)
        guard step > 0 else {
            throw .invalid(
                "step", "zero or negative query resolution step widths are not accepted. Try a positive integer")
        }
        guard (end - start) / step <= QueryAPI.maximumSteps else {
            throw APIError(
                .badData,
                "exceeded maximum resolution of 11,000 points per timeseries. "
                    + "Try decreasing the query resolution (?step=XX)")
        }
        let options = try options(of: parameters)
        let expression = try QueryAPI.expression(parameters)
        let type = expression.valueType
        guard type == .scalar || type == .vector else {
            throw .invalid(
                "query",
                "invalid expression type \(GoText.quoted(type.rawValue)) for range query, must be Scalar or instant Vector"
            )
        }
        return try evaluate(expression, parameters, options, limit, at: start, cancellation) {
            (query, reader) throws(QueryError) in
            try query.range(from: start, through: end, step: step, in: reader)
        }
    }

    /// A request may ask for less time than the server gives, and for another lookback.
    private func options(of parameters: APIParameters) throws(APIError) -> QueryOptions {
        var options = options
        if let timeout = try parameters.duration("timeout") { options.timeout = min(options.timeout, max(0, timeout)) }
        do throws(APIError) {
            if let lookback = try parameters.duration("lookback_delta"), lookback > 0 {
                options.lookback = Int64(lookback * 1000)
            }
        } catch {
            let text = GoText.quoted(parameters["lookback_delta"])
            throw APIError(
                .badData, "error parsing lookback delta duration: cannot parse \(text) to a valid duration")
        }
        return options
    }

    private func evaluate(
        _ expression: Expression, _ parameters: APIParameters, _ options: QueryOptions, _ limit: Int?,
        at time: Int64, _ cancellation: QueryCancellation?,
        _ run: (PromQLQuery, any SampleReader) throws(QueryError) -> QueryResult
    ) throws(APIError) -> APIResponse {
        var result: QueryResult
        do {
            let query = try QueryEngine(options).prepare(expression, text: parameters["query"])
            query.cancellation = cancellation
            result = try source.read { try run(query, $0) }
        } catch let error as QueryError {
            throw APIError(error)
        } catch {
            throw APIError(.internal, "\(error)")
        }
        if let limit, result.truncate(to: limit) {
            result.annotations.append(QueryAnnotation(.warning, "results truncated due to limit"))
        }
        return .success(result.annotations) { json in
            json.beginObject()
            json.key("resultType")
            json.string(result.value.typeName)
            json.key("result")
            result.value.write(at: time, to: &json)
            json.endObject()
        }
    }
}

extension QueryResult {
    /// Whether anything was cut off.
    fileprivate mutating func truncate(to limit: Int) -> Bool {
        switch value {
        case .vector(let samples) where samples.count > limit: value = .vector(Array(samples.prefix(limit)))
        case .matrix(let series) where series.count > limit: value = .matrix(Array(series.prefix(limit)))
        default: return false
        }
        return true
    }
}
