import Bytes
import Telemetry
import Transport

/// Sends the requests of one receiver and says what its answers mean for the delivery.
struct ServiceClient: Sendable {
    var configuration: HTTPClientConfiguration
    let userAgent: String
    /// See `ReceiverEnvironment.preview`.
    private var show: (@Sendable (_ type: String, _ body: [UInt8]) throws(DeliveryFailure) -> Void)?
    /// Seconds for one request.
    var timeout: Double
    /// Answers that may be others the next time, besides 429 and 5xx.
    var retriedStatuses: Set<Int> = []
    /// Answers that will be the same the next time, though they are 429 or 5xx.
    var finalStatuses: Set<Int> = []
    /// Seconds that the service wants between two attempts, where it says nothing else.
    var pause: Double?
    /// Whether a status of success says nothing without the body.
    var needsBody = false

    static let defaultTimeout = 30.0

    init(_ configuration: HTTPClientConfiguration, _ environment: ReceiverEnvironment, timeout: Double = 0) {
        self.init(
            configuration, userAgent: environment.userAgent,
            timeout: timeout > 0 ? timeout : environment.requestTimeout)
        show = environment.show
    }

    init(_ configuration: HTTPClientConfiguration, userAgent: String, timeout: Double) {
        self.configuration = configuration
        self.userAgent = userAgent
        self.timeout = timeout > 0 ? timeout : Self.defaultTimeout
    }

    /// Any answer there is.
    func exchange(
        _ url: String, method: String = "POST", headers: [HTTPHeader], body: [UInt8], stop: StopToken
    ) throws(DeliveryFailure) -> HTTPResponse {
        try show?(headers.first { $0.name == "Content-Type" }?.value ?? "", body)
        let target: HTTPTarget
        do throws(HTTPTargetError) {
            target = try HTTPTarget(parsing: url)
        } catch {
            // The URL may be a secret: it is not shown.
            throw .refused("the URL cannot be used: \(error.description)")
        }
        do throws(HTTPFailure) {
            var client = try HTTPClient(target, configuration: configuration, userAgent: userAgent)
            _ = client.reloadCredentials()
            client.needsBody = needsBody
            try client.setMethod(method)
            return try client.post(body.span.bytes, headers: headers, timeout: timeout, stop: stop)
        } catch {
            if case .configuration = error { throw .refused(error.description) }
            throw .retry(error.description, after: pause)
        }
    }

    /// The answer, if it says that the request was taken.
    @discardableResult
    func send(
        _ url: String, method: String = "POST", headers: [HTTPHeader], body: [UInt8], stop: StopToken
    ) throws(DeliveryFailure) -> HTTPResponse {
        let response = try exchange(url, method: method, headers: headers, body: body, stop: stop)
        if let failure = failure(of: response) { throw failure }
        return response
    }

    @discardableResult
    func sendJSON(_ url: String, _ json: GoJSON, stop: StopToken) throws(DeliveryFailure) -> HTTPResponse {
        try send(url, headers: [Self.json], body: json.bytes, stop: stop)
    }

    static let json = HTTPHeader("Content-Type", "application/json")

    /// Nil for an answer of success.
    func failure(of response: HTTPResponse) -> DeliveryFailure? {
        let status = response.status
        guard !(200..<300).contains(status) else { return nil }
        let redirect = (301...308).contains(status) && status != 304 ? ", a redirect that is not followed" : ""
        let reason = "status \(status)" + redirect + Self.excerpt(response.body)
        let isRetried = status >= 500 || status == 429 || retriedStatuses.contains(status)
        guard isRetried, !finalStatuses.contains(status) else { return .refused(reason) }
        return .retry(reason, after: Self.wait(response) ?? pause)
    }

    /// Seconds that the service asks to wait: in the header, or in its JSON as Discord and Telegram do.
    static func wait(_ response: HTTPResponse) -> Double? {
        if let wait = response.retryAfter { return wait }
        guard let json = try? JSONValue(parsing: response.body.span.bytes),
            let wait = json["retry_after"]?.number ?? json["parameters"]?["retry_after"]?.number,
            wait > 0, wait < 86_400
        else { return nil }
        return wait
    }

    /// The beginning of an answer, on one line.
    static func excerpt(_ body: [UInt8]) -> String {
        let text = String(decoding: body.prefix(300), as: UTF8.self).unicodeScalars
            .map { $0.value < 0x20 || $0.value == 0x7f ? " " : String($0) }.joined()
        let trimmed = NotificationFunctions.trimmed(text)
        return trimmed.isEmpty ? "" : ": " + trimmed
    }
}
