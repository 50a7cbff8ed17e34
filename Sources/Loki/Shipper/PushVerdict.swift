import Telemetry
import Transport

/// What an answer to a push means for the data. A pure reading of status and body; what follows from it is the lane's.
enum PushVerdict: Sendable, Equatable {
    case delivered
    /// Not now; nothing is known about what was stored. Again later, as it is.
    case retry(String)
    /// As `retry`; the connection ended on the way. A server that answers 413 and closes without reading looks so too.
    case cutOff(String)
    /// Not as it is configured, on either side, for this tenant at least: hold its data, try slowly, tell people.
    case held(String)
    /// There is no way to the server as it is configured, for anybody.
    case unusable(String)
    /// Valid entries are stored, these are refused for good.
    case partial([PushRejection])
    /// Nothing is stored; some part of the request is not understood. `isCertain` where Loki itself says so.
    case refused(String, isCertain: Bool)
    case tooLarge(String)
    /// The tenant's rate; nothing is stored. Bytes per second allowed and bytes in this request, where told.
    case rateLimited(limit: Int?, requested: Int?)
    /// These streams are refused for now, the others are stored.
    case streamsLimited([PushRejection])

    init(_ response: HTTPResponse) {
        let excerpt = Self.excerpt(response.body)
        let text = response.body[...]
        switch response.status {
        case 200, 202, 204:
            // A login page, or any other server's: Loki answers without a body.
            self =
                Self.isPage(text)
                ? .held(
                    "the server answers \(response.status) with a web page; is the url a Loki push endpoint"
                        + " (…/loki/api/v1/push)?")
                : .delivered
        case 260:
            self = .held("the server blocks ingestion for this tenant and discards what is sent (260): \(excerpt)")
        case 201, 203, 205..<300:
            self = .held(
                "status \(response.status) does not mean delivered; is the url a Loki push endpoint"
                    + " (…/loki/api/v1/push)? \(excerpt)")
        case 300..<400:
            let location = response.location.map { " to \($0)" } ?? ""
            self = .held("the server redirects (\(response.status))\(location); set url to where it leads")
        case 400:
            let rejections = RejectionReader.read(response.body)
            if !rejections.isEmpty {
                self = .partial(rejections)
            } else {
                self = .refused(excerpt, isCertain: Self.parseErrors.contains { text.range(of: $0) != nil })
            }
        case 401:
            self = .held(
                "the server wants other credentials (401); set basic_auth, authorization or tenant_id: \(excerpt)")
        case 403: self = .held("the server forbids it (403); check credentials and tenant_id: \(excerpt)")
        case 404: self = .held("no push endpoint at this url (404); it ends in /loki/api/v1/push: \(excerpt)")
        case 407: self = .held("the proxy wants other credentials (407); set user and password in proxy_url")
        case 413: self = .tooLarge(excerpt)
        case 422: self = .refused(excerpt, isCertain: false)
        case 429: self = Self.limited(response.body)
        case 408, 425, 499, 500...: self = .retry("status \(response.status): \(excerpt)")
        case 402..<500:
            self = .held("status \(response.status) is not one Loki gives for a push; check the url: \(excerpt)")
        default: self = .retry("status \(response.status)")
        }
    }

    /// What Loki's decoder says when a body cannot be read: then the data is at fault, not the address.
    private static let parseErrors: [StaticString] = [
        "couldn't parse labels", "error parsing labels", "snappy:", "proto:", "unexpected EOF", "parse error at line",
    ]

    private static func limited(_ body: [UInt8]) -> PushVerdict {
        let rejections = RejectionReader.read(body).filter(\.reason.isTemporary)
        if !rejections.isEmpty { return .streamsLimited(rejections) }
        let text = body[...]
        return .rateLimited(
            limit: text.range(of: "(limit: ").flatMap { text[$0...].number() },
            requested: text.range(of: "totaling '").flatMap { text[$0...].number() })
    }

    private static func isPage(_ body: ArraySlice<UInt8>) -> Bool {
        let beginning = String(decoding: body.drop { $0 <= 0x20 }.prefix(14), as: UTF8.self).lowercased()
        return beginning.hasPrefix("<!doctype html") || beginning.hasPrefix("<html")
    }

    /// The first line of the body, short enough for a log line.
    private static func excerpt(_ body: [UInt8]) -> String {
        let line = body.prefix(300).prefix { $0 != 0x0a && $0 != 0x0d }
        return String(decoding: line, as: UTF8.self)
    }
}
