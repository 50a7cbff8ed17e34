import Transport

/// What an answer means for the batch (remote write 1.0 and 2.0, "retries and backoff").
enum RemoteWriteVerdict: Sendable, Equatable {
    case taken
    /// Again later, as it is.
    case retry(String)
    /// The server's rate (429).
    case rateLimited(String)
    /// The server does not know this version's message (415).
    case unknownMessage(String)
    /// For good.
    case refused(String)

    init(status: Int, body: [UInt8], location: String?) {
        let line = body.prefix(300).prefix { $0 != 0x0a && $0 != 0x0d }
        let reason = "status \(status): \(String(decoding: line, as: UTF8.self))"
        switch status {
        case 200..<300: self = .taken
        case 300..<400: self = .refused("\(reason)\(location.map { " to \($0)" } ?? ""); set url to where it leads")
        case 401: self = .refused("\(reason); check basic_auth or authorization")
        case 404: self = .refused("\(reason); check url, on Prometheus it ends in /api/v1/write")
        case 415: self = .unknownMessage(reason)
        case 429: self = .rateLimited(reason)
        case 400..<500: self = .refused(reason)
        default: self = .retry(reason)
        }
    }
}

/// What the server says it wrote (remote write 2.0, `X-Prometheus-Remote-Write-…-Written`).
struct WrittenCounts: Sendable, Equatable {
    var samples: Int?
    var exemplars: Int?

    static let samplesHeader = "X-Prometheus-Remote-Write-Samples-Written"
    static let exemplarsHeader = "X-Prometheus-Remote-Write-Exemplars-Written"
}

/// A request's answer.
struct RemoteWriteAnswer: Sendable {
    var status: Int
    var verdict: RemoteWriteVerdict
    /// Seconds the server asked to wait.
    var retryAfter: Double?
    var written = WrittenCounts()
}
