import Bytes
import Configuration
import Transport

/// Signs a request as AWS wants it (Signature Version 4).
enum AWSSignature {
    struct Credentials: Sendable {
        var key: String
        var secret: Secret
        /// Of credentials that are for a while only.
        var token: Secret?
    }

    /// The headers to send with a POST of `body` to the root of `host`.
    static func headers(
        host: String, path: String = "/", body: [UInt8], contentType: String, region: String, service: String,
        _ credentials: Credentials, at time: TemplateTime
    ) -> [HTTPHeader] {
        let stamp = time.formatted("20060102T150405Z")
        let day = time.formatted("20060102")
        var signed = [("content-type", contentType), ("host", host), ("x-amz-date", stamp)]
        if let token = credentials.token { signed.append(("x-amz-security-token", token.value)) }
        let names = signed.map(\.0).joined(separator: ";")
        let request =
            "POST\n\(path)\n\n" + signed.map { "\($0.0):\($0.1)\n" }.joined() + "\n\(names)\n"
            + hexadecimal(SHA256.hash(body))
        let scope = "\(day)/\(region)/\(service)/aws4_request"
        let text = "AWS4-HMAC-SHA256\n\(stamp)\n\(scope)\n" + hexadecimal(SHA256.hash(Array(request.utf8)))
        var key = Array("AWS4\(credentials.secret.value)".utf8)
        for part in [day, region, service, "aws4_request"] {
            key = SHA256.authenticate(Array(part.utf8), key: key)
        }
        let signature = hexadecimal(SHA256.authenticate(Array(text.utf8), key: key))
        let authorization =
            "AWS4-HMAC-SHA256 Credential=\(credentials.key)/\(scope), SignedHeaders=\(names), Signature=\(signature)"
        return signed.filter { $0.0 != "host" }.map { HTTPHeader($0.0, $0.1) }
            + [HTTPHeader("Authorization", authorization)]
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
