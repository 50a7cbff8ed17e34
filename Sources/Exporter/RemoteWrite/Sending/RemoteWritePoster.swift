import Bytes
import Telemetry
import Transport

/// Posts one request and reads its answer. For one thread.
final class RemoteWritePoster {
    private var client: HTTPClient
    private let timeout: Double
    private let aborting: StopToken
    private var last = Timestamp(nanoseconds: 0)
    /// Seconds between an answer and the next request, whatever they are about.
    private static let pause = 0.002

    init(_ client: consuming HTTPClient, timeout: Double, aborting: StopToken) {
        self.client = client
        self.timeout = timeout
        self.aborting = aborting
    }

    var knowsWrittenCounts: Bool { client.knowsResponseHeaders }

    /// Posts `body`, a compressed `message`, for the `attempt`th time, from 0. Throws what kept it from being answered.
    func post(
        _ body: borrowing ByteBuffer, _ message: RemoteWriteMessage, attempt: Int
    ) throws(HTTPFailure) -> RemoteWriteAnswer {
        let since = Timestamp.monotonic.seconds(since: last)
        if since < Self.pause { aborting.wait(seconds: Self.pause - since) }
        if aborting.isStopped { throw .stopped }
        defer { last = Timestamp.monotonic }
        var answer = try self.answer(body.bytes, message, attempt)
        // A secret that has been replaced in its file makes it another request.
        if answer.status == 401 || answer.status == 403, client.reloadCredentials() {
            aborting.wait(seconds: Self.pause)
            answer = try self.answer(body.bytes, message, attempt)
        }
        return answer
    }

    private func answer(
        _ body: RawSpan, _ message: RemoteWriteMessage, _ attempt: Int
    ) throws(HTTPFailure) -> RemoteWriteAnswer {
        let response = try client.post(
            body, headers: Self.headers(message, attempt: attempt), timeout: timeout, stop: aborting)
        var answer = RemoteWriteAnswer(
            status: response.status,
            verdict: RemoteWriteVerdict(status: response.status, body: response.body, location: response.location),
            retryAfter: response.retryAfter)
        if message == .v2 {
            answer.written.samples = client.responseHeader(WrittenCounts.samplesHeader).flatMap { Int($0) }
            answer.written.exemplars = client.responseHeader(WrittenCounts.exemplarsHeader).flatMap { Int($0) }
        }
        return answer
    }

    static func headers(_ message: RemoteWriteMessage, attempt: Int) -> [HTTPHeader] {
        var headers = [
            HTTPHeader("Content-Encoding", "snappy"),
            HTTPHeader(
                "Content-Type",
                message == .v1 ? "application/x-protobuf" : "application/x-protobuf;proto=\(message.rawValue)"),
            HTTPHeader("X-Prometheus-Remote-Write-Version", message == .v1 ? "0.1.0" : "2.0.0"),
        ]
        if attempt > 0 { headers.append(HTTPHeader("Retry-Attempt", String(attempt))) }
        return headers
    }
}
