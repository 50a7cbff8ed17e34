import Bytes
import Telemetry
import Transport

/// Sends an action's requests and says what the answers mean.
struct ActionTransport: Sendable {
    var configuration: HTTPClientConfiguration
    var userAgent: String
    /// Seconds for one request.
    var timeout: Double

    enum Failure: Error, Equatable {
        /// It may go another time, not before so many seconds where the server says so.
        case retry(String, after: Double?)
        case refused(String, status: Int)

        var reason: String {
            switch self {
            case .retry(let reason, _), .refused(let reason, _): reason
            }
        }
    }

    /// The body of an answer of success.
    @discardableResult
    func send(
        _ url: String, method: String, headers: [HTTPHeader] = [], body: [UInt8], stop: StopToken
    ) throws(Failure) -> [UInt8] {
        let response: HTTPResponse
        do throws(HTTPFailure) {
            let target: HTTPTarget
            do throws(HTTPTargetError) {
                target = try HTTPTarget(parsing: url)
            } catch {
                throw .configuration(error.description)
            }
            var client = try HTTPClient(target, configuration: configuration, userAgent: userAgent)
            _ = client.reloadCredentials()
            try client.setMethod(method)
            response = try client.post(body.span.bytes, headers: headers, timeout: timeout, stop: stop)
        } catch {
            if case .configuration(let reason) = error { throw .refused(reason, status: 0) }
            throw .retry(error.description, after: nil)
        }
        guard !(200..<300).contains(response.status) else { return response.body }
        let said = String(decoding: response.body.prefix(200), as: UTF8.self).trimmed.replacing(each: "\n", by: " ")
        let reason = "status \(response.status)" + (said.isEmpty ? "" : ": " + said)
        if response.status >= 500 || response.status == 429 || response.status == 408 {
            throw .retry(reason, after: response.retryAfter)
        }
        throw .refused(reason, status: response.status)
    }
}
