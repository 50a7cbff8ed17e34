import Bytes
import NIOCore

/// What a client gets.
package struct Response: Sendable {
    package enum Body: Sendable {
        case bytes([UInt8])
        /// Goes to the socket as it is, where `bytes` is copied once.
        case buffer(NIOCore.ByteBuffer)
        /// Written piece by piece until the function returns. It is cancelled when the client goes away, when the
        /// client takes nothing for `ServerConfiguration.idleTimeout`, and when the server stops.
        case stream(@Sendable (BodyWriter) async throws -> Void)
    }

    package var status: Int
    package var headers: Headers
    package var body: Body

    package init(status: Int = 200, headers: Headers = [:], body: Body = .bytes([])) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    package static func text(_ text: String, status: Int = 200) -> Response {
        Response(
            status: status, headers: ["Content-Type": "text/plain; charset=utf-8"], body: .bytes(Array(text.utf8)))
    }

    /// A JSON document that `write` fills in.
    package static func json(status: Int = 200, _ write: (inout JSONWriter) -> Void) -> Response {
        var writer = JSONWriter()
        write(&writer)
        writer.endLine()
        return Response(
            status: status, headers: ["Content-Type": "application/json"], body: .bytes(writer.written()))
    }

    /// One JSON document per line, for as long as `write` runs.
    package static func ndjson(_ write: @escaping @Sendable (BodyWriter) async throws -> Void) -> Response {
        Response(headers: ["Content-Type": "application/x-ndjson", "Cache-Control": "no-cache"], body: .stream(write))
    }
}

/// An answer that a handler throws: a status and one sentence that tells what was wrong and what would be right.
package struct HTTPError: Error, Sendable, CustomStringConvertible {
    package var status: Int
    package var message: String
    package var headers: Headers

    package init(_ status: Int, _ message: String, headers: Headers = [:]) {
        self.status = status
        self.message = message
        self.headers = headers
    }

    package var description: String { "\(status): \(message)" }

    /// `{"error": "..."}`.
    package var response: Response {
        var response = Response.json(status: status) {
            $0.beginObject()
            $0.key("error")
            $0.string(message)
            $0.endObject()
        }
        for field in headers.fields { response.headers.add(field.name, field.value) }
        return response
    }

    /// As `response`; below `/api/v1/` with `status` and `errorType` as Prometheus's API has them, which its clients look at.
    package func response(to path: String) -> Response {
        guard path.hasPrefix("/api/v1/") else { return response }
        var response = Response.json(status: status) {
            $0.beginObject()
            for (name, text) in [("status", "error"), ("errorType", kind), ("error", message)] {
                $0.key(name)
                $0.string(text)
            }
            $0.endObject()
        }
        for field in headers.fields { response.headers.add(field.name, field.value) }
        return response
    }

    /// Prometheus's name for what is wrong (`web/api/v1`, `errorType`).
    private var kind: String {
        switch status {
        case 404: "not_found"
        case 422: "execution"
        case 429, 503: "unavailable"
        case 500...: "internal"
        default: "bad_data"
        }
    }
}

/// Takes the pieces of a streamed body.
package struct BodyWriter: Sendable {
    let send: @Sendable ([UInt8]) async throws -> Void

    /// Returns when the kernel has taken the piece, so that a slow client slows its producer down; throws when the
    /// client is gone. An empty piece is nothing.
    package func write(_ bytes: [UInt8]) async throws {
        try Task.checkCancellation()
        if !bytes.isEmpty { try await send(bytes) }
    }

    package func write(_ text: String) async throws { try await write(Array(text.utf8)) }
}
