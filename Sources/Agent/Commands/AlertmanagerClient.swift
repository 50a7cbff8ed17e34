import ArgumentParser
import Bytes
import Configuration
import Telemetry
import Transport
import Web

/// Which Alertmanager a command talks to.
struct AlertmanagerOptions: ParsableArguments {
    @Option(help: "An Alertmanager to talk to instead of the agent: its URL.")
    var url: String?

    @OptionGroup var source: ConfigurationOptions

    func client() throws -> AlertmanagerClient {
        guard let url else { return .agent(try source.client()) }
        return .url(url.hasSuffix("/") ? String(url.dropLast()) : url)
    }
}

/// Alertmanager's API v2: the agent's, or that of the Alertmanager at a URL. Paths begin after `/api/v2`.
enum AlertmanagerClient {
    case agent(AgentClient)
    case url(String)

    /// Seconds that an answer may take.
    static let patience = 10
    private static let largestAnswer = 64 << 20

    func get(_ path: String) throws -> [UInt8] { try ask("GET", path) }

    func post(_ path: String, _ body: [UInt8]) throws -> [UInt8] { try ask("POST", path, body) }

    func delete(_ path: String) throws { _ = try ask("DELETE", path) }

    private func ask(_ method: String, _ path: String, _ body: [UInt8] = []) throws -> [UInt8] {
        switch self {
        case .agent(var client):
            client.patience = Self.patience
            let path = "/api/v2" + path
            switch method {
            case "GET": return try client.get(path)
            case "DELETE":
                try client.delete(path)
                return []
            default: return try client.post(path, body)
            }
        case .url(let base):
            let target: HTTPTarget
            do throws(HTTPTargetError) {
                target = try HTTPTarget(parsing: base + "/api/v2" + path)
            } catch {
                throw AgentClient.Failure(description: "--url: \(error)")
            }
            let answer: AgentClient.Answer
            do throws(HTTPFailure) {
                answer = try Self.exchange(method, target, body)
            } catch {
                throw AgentClient.Failure(description: "\(target.description): \(error)", isAbsence: true)
            }
            guard (200..<300).contains(answer.status) else {
                throw AgentClient.Failure(
                    description: "\(target.description): " + AgentClient.reason(answer, of: "the server"))
            }
            return answer.body
        }
    }

    private static func exchange(
        _ method: String, _ target: HTTPTarget, _ body: [UInt8]
    ) throws(HTTPFailure) -> AgentClient.Answer {
        var client = try HTTPClient(
            target, configuration: HTTPClientConfiguration(), userAgent: "tocsin/\(Version.current)")
        let headers = [HTTPHeader("Content-Type", "application/json")]
        guard method != "GET" else {
            var document = ByteBuffer()
            let got = try client.get(
                headers: [], timeout: Double(patience), bodyLimit: largestAnswer, stop: nil, into: &document)
            return AgentClient.Answer(status: got.status, body: document.bytes.withUnsafeBytes { Array($0) })
        }
        try client.setMethod(method)
        let response = try client.post(body.span.bytes, headers: headers, timeout: Double(patience), stop: nil)
        return AgentClient.Answer(status: response.status, body: response.body)
    }
}
