import Bytes

/// A request to the Alertmanager API as the web server has taken it apart.
package struct APIRequest: Sendable {
    package var method: String
    /// What follows `/api/v2`: `/alerts`, `/silence/…`; percent escapes undone.
    package var path: String
    /// Percent escapes undone, in their order; a name may come several times.
    package var query: [(name: String, value: String)]
    package var body: [UInt8]

    package init(_ method: String, _ path: String, query: [(name: String, value: String)] = [], body: [UInt8] = []) {
        self.method = method
        self.path = path
        self.query = query
        self.body = body
    }

    func values(_ name: String) -> [String] { query.filter { $0.name == name }.map(\.value) }
}

/// An answer; its body is JSON or empty.
package struct APIResponse: Sendable {
    package var status: Int
    package var body: [UInt8]

    package init(status: Int = 200, body: [UInt8] = []) {
        self.status = status
        self.body = body
    }

    static func json(_ status: Int = 200, _ write: (inout JSONWriter) throws -> Void) rethrows -> APIResponse {
        var writer = JSONWriter(capacity: 1024)
        try write(&writer)
        writer.endLine()
        return APIResponse(status: status, body: writer.written())
    }
}

/// Why a request is not served, as Alertmanager says it.
struct APIFailure: Error {
    var status: Int
    var message: String
    /// What the generated server of Alertmanager adds where a request does not fit the API's description (`errors.Error`).
    var code: Int?

    /// The handlers' own words: a JSON string.
    static func bad(_ message: String) -> APIFailure { APIFailure(status: 400, message: message) }

    /// A body or parameter that is not what the description of the API says.
    static func invalid(_ message: String, code: Int = 601) -> APIFailure {
        APIFailure(status: 422, message: message, code: code)
    }

    static func unreadable(_ error: JSONError) -> APIFailure {
        APIFailure(status: 400, message: "parsing body failed, because \(error.description)", code: 400)
    }

    static func missing(_ field: String) -> APIFailure { invalid("\(field) in body is required", code: 602) }

    var response: APIResponse {
        APIResponse.json(status) { json in
            guard let code else { return json.string(message) }
            json.beginObject()
            json.key("code")
            json.integer(code)
            json.key("message")
            json.string(message)
            json.endObject()
        }
    }
}
