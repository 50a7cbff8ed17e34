import Glibc
import Telemetry
import Testing

@testable import Alerting

/// Every receiver against servers whose certificates are wrong in one way each: nothing is sent, and it is tried again.
@Suite(.enabled(if: TLSServers.shared != nil, "no python3, or no openssl"))
struct ReceiverTLSTests {
    private func deliver(_ receiver: String, port: Int) throws -> DeliveryResult {
        let servers = try #require(TLSServers.shared)
        let trusting =
            receiver.split(separator: "}]}").joined()
            + ", http_config: {tls_config: {ca_file: \(servers.authority)}}}]}"
        let integration = try ReceiverBench().integration(
            ReceiverSamples.file(trusting), url: "https://localhost:\(port)", timeout: 10)
        return integration.deliver(SampleNotifications.mixed, memory: [:], stop: StopToken())
    }

    @Test("certificates that are good, over, another's, and signed by nobody", arguments: ReceiverSamples.http)
    func certificates(receiver: String) throws {
        let servers = try #require(TLSServers.shared)
        #expect(ReceiverOutcome(try deliver(receiver, port: servers.good)) == .delivered)
        for (port, remedy) in [
            (servers.expired, "renew the server's certificate"), (servers.other, "server_name"),
            (servers.own, "ca_file"),
        ] {
            guard case .retry(let reason, _) = try deliver(receiver, port: port) else {
                Issue.record("not tried again: \(remedy)")
                continue
            }
            #expect(reason.contains("certificate") && reason.contains(remedy), "\(reason)")
        }
    }
}

/// A process of `Tests/Integration/tlsserver.py`, which ends with this one.
final class TLSServers: Sendable {
    let authority: String
    let good: Int
    let expired: Int
    let other: Int
    let own: Int
    static let shared = TLSServers()

    private init?() {
        let folder = "/" + #filePath.split(separator: "/").dropLast().joined(separator: "/")
        // The sources may be seen through a link.
        guard let real = realpath(folder, nil) else { return nil }
        defer { free(real) }
        let script = String(cString: real) + "/../../Integration/tlsserver.py"
        var template = Array("/tmp/tocsin-tls-XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        guard descriptor >= 0 else { return nil }
        let name = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer {
            close(descriptor)
            unlink(name)
        }
        // Its input is a pipe from here that nobody closes.
        guard popen("exec python3 '\(script)' >'\(name)' 2>/dev/null", "w") != nil else { return nil }
        let limit = Timestamp.monotonic.adding(seconds: 20)
        var words: [Substring] = []
        while words.count < 5, Timestamp.monotonic < limit {
            usleep(20_000)
            var bytes = [UInt8](repeating: 0, count: 512)
            let count = pread(descriptor, &bytes, bytes.count, 0)
            let text = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
            if text.hasSuffix("\n") { words = text.dropLast().split(separator: " ") }
        }
        let ports = words.dropFirst().compactMap { Int($0) }
        guard let first = words.first, ports.count == 4 else { return nil }
        authority = String(first)
        (good, expired, other, own) = (ports[0], ports[1], ports[2], ports[3])
    }
}
