import Bytes
import Configuration
import Synchronization
import Telemetry

/// How to get tokens by OAuth 2's client credentials (RFC 6749, 4.4): Prometheus's `oauth2`.
package struct OAuth2: Sendable, Equatable {
    package var clientID: String
    package var clientSecret: HTTPClientConfiguration.Credential
    package var scopes: [String] = []
    package var tokenURL: String
    /// Further fields of the request for a token.
    package var endpointParameters: [String: String] = [:]
    /// How the server that gives tokens is reached.
    package var client = HTTPClientConfiguration.Way()
    /// The token there is; shared by all copies.
    let cache = Cache()

    package struct Token: Sendable, Equatable {
        package var type: String
        package var secret: String
        /// What it was got with.
        var clientSecret: Secret
        /// On the monotonic clock; nil where the server does not say.
        var expiry: Timestamp?
    }

    final class Cache: Sendable, Equatable {
        let token = Mutex<Token?>(nil)
        static func == (left: Cache, right: Cache) -> Bool { true }
    }

    /// Tokens are not used in their last ten seconds.
    private static let margin = 10.0

    /// The token that holds now, got anew where there is none, its end is near, it is `refused`, or the secret's file says
    /// something else.
    package func token(
        notBeing refused: Token?, userAgent: String, timeout: Double, stop: StopToken?
    ) throws(HTTPFailure) -> Token {
        var credential = clientSecret
        _ = credential.reload()
        let secret = credential.secret
        let known = cache.token.withLock { $0 }
        if let known, known != refused, known.clientSecret == secret, known.expiry.map({ $0 > .monotonic }) ?? true {
            return known
        }
        // Not under the lock: two that ask at once do no harm, one that hangs would.
        let token = try fetch(secret, userAgent: userAgent, timeout: timeout, stop: stop)
        cache.token.withLock { $0 = token }
        return token
    }

    private func fetch(
        _ secret: Secret, userAgent: String, timeout: Double, stop: StopToken?
    ) throws(HTTPFailure) -> Token {
        let target: HTTPTarget
        do throws(HTTPTargetError) {
            target = try HTTPTarget(parsing: tokenURL)
        } catch {
            throw .configuration("oauth2: token_url: \(error)")
        }
        var fields = [("grant_type", "client_credentials")]
        if !scopes.isEmpty { fields.append(("scope", scopes.joined(separator: " "))) }
        fields += endpointParameters.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        // RFC 6749, 2.3.1: by Basic, of what is coded as in a form; some servers want both in the form.
        var configuration = HTTPClientConfiguration(client)
        configuration.basicAuth = .init(
            username: FormText.percent(clientID), password: .init(Secret(FormText.percent(secret.value))))
        var answer = try ask(target, configuration, fields, userAgent, timeout, stop)
        if (400..<500).contains(answer.status), answer.status != 429 {
            configuration.basicAuth = nil
            fields += [("client_id", clientID), ("client_secret", secret.value)]
            answer = try ask(target, configuration, fields, userAgent, timeout, stop)
        }
        return try Self.token(answer, secret)
    }

    private func ask(
        _ target: HTTPTarget, _ configuration: HTTPClientConfiguration, _ fields: [(String, String)],
        _ userAgent: String, _ timeout: Double, _ stop: StopToken?
    ) throws(HTTPFailure) -> HTTPResponse {
        do throws(HTTPFailure) {
            // What is in the form is nobody else's: another server, where a redirect names one, does not get it.
            var client = try HTTPClient(target, configuration: configuration, userAgent: userAgent)
            return try client.post(
                FormText.encoded(fields).span.bytes,
                headers: [HTTPHeader("Content-Type", FormText.contentType, isSecret: true)],
                timeout: timeout, stop: stop)
        } catch {
            switch error {
            case .timedOut(let reason): throw .timedOut("oauth2: \(reason)")
            case .connection(let reason), .cutOff(let reason): throw .connection("oauth2: \(reason)")
            default: throw error
            }
        }
    }

    private static func token(_ answer: HTTPResponse, _ secret: Secret) throws(HTTPFailure) -> Token {
        let json = try? JSONValue(parsing: answer.body.span.bytes)
        guard (200..<300).contains(answer.status) else {
            // RFC 6749, 5.2: a word for the error; the rest of the answer may repeat what was sent.
            let word = json?["error"]?.string.map { ", \($0)" } ?? ""
            throw .connection("oauth2: the server gives no token: status \(answer.status)\(word)")
        }
        guard let text = json?["access_token"]?.string, !text.isEmpty else {
            throw .connection("oauth2: expected JSON with an access_token from the server")
        }
        // Some write the number as a text.
        let seconds = json?["expires_in"]?.number ?? json?["expires_in"]?.string.flatMap { Double($0) }
        let expiry = seconds.flatMap { seconds -> Timestamp? in
            seconds > 0 ? Timestamp.monotonic.adding(seconds: min(max(seconds - margin, 0), 1e9)) : nil
        }
        // Servers write the type in any case, those that ask for tokens often know one only.
        let type = json?["token_type"]?.string ?? ""
        return Token(
            type: type.isEmpty || type.lowercased() == "bearer" ? "Bearer" : type, secret: text, clientSecret: secret,
            expiry: expiry)
    }
}
