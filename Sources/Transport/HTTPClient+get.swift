import Bytes
import CCurl
import Telemetry

/// What came for a GET, its body aside.
package struct HTTPDocument: Sendable, Equatable {
    package var status: Int
    /// As the server wrote it; empty where it did not.
    package var contentType: String
    /// Whether it has more bytes than were asked for; none of them are given then.
    package var isTooLong = false
}

extension HTTPClient {
    /// Gets the document at the target's path and appends it, uncompressed, to `body`.
    ///
    /// All of it has `timeout` seconds. Redirects are followed as `post` follows them, 303 too. A client is for `get` or
    /// for `post`, not for both.
    package mutating func get(
        headers: [HTTPHeader], timeout: Double, bodyLimit: Int, stop: StopToken?, into body: inout ByteBuffer
    ) throws(HTTPFailure) -> HTTPDocument {
        let deadline = Timestamp.monotonic.nanoseconds + Int64(min(max(timeout, 0.001), 86_400) * 1e9)
        try authorize(timeout, stop)
        let document = try follow(headers, deadline, bodyLimit, stop, &body)
        guard document.status == 401, try authorize(timeout, stop, isRefused: true) else { return document }
        body.removeAll()
        return try follow(headers, deadline, bodyLimit, stop, &body)
    }

    private mutating func follow(
        _ headers: [HTTPHeader], _ deadline: Int64, _ bodyLimit: Int, _ stop: StopToken?, _ body: inout ByteBuffer
    ) throws(HTTPFailure) -> HTTPDocument {
        var destination = target
        for _ in 0...Self.redirectLimit {
            try prepare(destination, headers)
            let left = Double(deadline - Timestamp.monotonic.nanoseconds) / 1e9
            let document = try handle.get(timeout: left, bodyLimit: bodyLimit, stop: stop, into: &body)
            // Of a 303 the answer stands elsewhere, to be got as any other.
            let status = document.status == 303 ? 302 : document.status
            guard let next = redirection(ofStatus: status, from: destination, headers) else { return document }
            body.removeAll()
            destination = next
        }
        throw .configuration("\(target.description) redirects more than \(Self.redirectLimit) times")
    }
}

extension EasyHandle {
    func get(
        timeout: Double, bodyLimit: Int, stop: StopToken?, into body: inout ByteBuffer
    ) throws(HTTPFailure) -> HTTPDocument {
        ccurl_transfer_reset(transfer)
        let milliseconds = Int(min(max(timeout, 0.001), 86_400) * 1000)
        transfer.pointee.stop_descriptor = stop?.descriptor ?? -1
        transfer.pointee.stall_milliseconds = 0
        transfer.pointee.body_limit = bodyLimit
        transfer.pointee.refuses_overflow = 1
        try check(ccurl_set_get(curl))
        try set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds)
        try set(CURLOPT_TIMEOUT_MS, milliseconds)
        let code = ccurl_easy_perform(curl)
        defer { ccurl_transfer_forget_body(transfer) }
        let isTooLong = code == CURLE_WRITE_ERROR && transfer.pointee.ended_by == 3
        guard code == CURLE_OK || isTooLong else { throw failure(code) }
        guard transfer.pointee.has_head != 0 else {
            throw .cutOff("the connection ended within the head of the answer")
        }
        if !isTooLong {
            body.append(UnsafeRawBufferPointer(start: transfer.pointee.body, count: transfer.pointee.body_length))
        }
        return HTTPDocument(
            status: Int(ccurl_get_long(curl, CURLINFO_RESPONSE_CODE)),
            contentType: ccurl_get_string(curl, CURLINFO_CONTENT_TYPE).map { String(cString: $0) } ?? "",
            isTooLong: isTooLong)
    }
}
