import Bytes

/// What the API answers: a status of HTTP and a JSON document.
package struct APIResponse: Sendable {
    package var status: Int
    package var body: [UInt8]

    package init(status: Int, body: [UInt8]) {
        self.status = status
        self.body = body
    }

    /// `{"status":"success","data":…}` with what `data` writes, one value.
    static func success(
        _ annotations: [QueryAnnotation] = [], _ data: (inout JSONWriter) -> Void
    ) -> APIResponse {
        var json = JSONWriter(capacity: 4096)
        json.beginObject()
        json.key("status")
        json.string("success")
        json.key("data")
        data(&json)
        write(annotations, .warning, "warnings", into: &json)
        write(annotations, .info, "infos", into: &json)
        json.endObject()
        return APIResponse(status: 200, body: json.written())
    }

    /// More than ten of a kind are only counted.
    private static func write(
        _ annotations: [QueryAnnotation], _ severity: QueryAnnotation.Severity, _ key: String,
        into json: inout JSONWriter
    ) {
        let messages = annotations.filter { $0.severity == severity }.map(\.message)
        guard !messages.isEmpty else { return }
        json.key(key)
        json.beginArray()
        for message in messages.prefix(10) { json.string(message) }
        if messages.count > 10 {
            json.string("\(messages.count - 10) more \(severity == .warning ? "warning" : "info") annotations omitted")
        }
        json.endArray()
    }
}

/// Why the API refuses, in Prometheus's kinds.
package struct APIError: Error, Equatable {
    package enum Kind: String, Sendable {
        case badData = "bad_data"
        case execution
        case canceled
        case timeout
        case `internal`
        case unavailable
        case notFound = "not_found"

        var status: Int {
            switch self {
            case .badData: 400
            case .execution: 422
            case .canceled: 499
            case .timeout, .unavailable: 503
            case .internal: 500
            case .notFound: 404
            }
        }
    }

    package var kind: Kind
    package var message: String

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    static func invalid(_ parameter: String, _ reason: String) -> APIError {
        APIError(.badData, "invalid parameter \(GoText.quoted(parameter)): \(reason)")
    }

    /// What went wrong while a query was read (`query` is at fault then) or evaluated.
    init(_ error: QueryError) {
        switch error {
        case .syntax: self = .invalid("query", error.description)
        case .execution, .tooManySamples: self.init(.execution, error.description)
        case .timeout: self.init(.timeout, error.description)
        case .canceled: self.init(.canceled, error.description)
        }
    }

    /// `{"status":"error","errorType":…,"error":…}`
    package var response: APIResponse {
        var json = JSONWriter()
        json.beginObject()
        json.key("status")
        json.string("error")
        json.key("errorType")
        json.string(kind.rawValue)
        json.key("error")
        json.string(message)
        json.endObject()
        return APIResponse(status: kind.status, body: json.written())
    }
}
