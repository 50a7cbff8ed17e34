import Bytes
import Telemetry
import Transport

/// A TLS handshake: does the server show a certificate that holds, and until when?
struct TLSProbe: Probe {
    let target: String
    let endpoint: HostAndPort
    let preference: AddressPreference
    let client: HTTPClientConfiguration

    func run(_ round: inout ProbeRound) throws(ProbeFailure) {
        let result = handshake(client, round.secondsLeft)
        round.connection(result)
        round.regex(failed: false)
        guard let failure = result.failure else {
            return round.security(result, isVerified: !client.tlsConfig.insecureSkipVerify)
        }
        // A certificate that does not hold is shown all the same: when it expired is what one wants to know.
        if case .trust = failure {
            var lenient = client
            lenient.tlsConfig.insecureSkipVerify = true
            var again = handshake(lenient, round.secondsLeft)
            again.failure = failure
            round.security(again, isVerified: false)
        }
        throw ProbeFailure("\(failure)")
    }

    private func handshake(_ client: HTTPClientConfiguration, _ timeout: Double) -> Measurement {
        let host = endpoint.host.contains(":") ? "[\(endpoint.host)]" : endpoint.host
        var request = MeasuredRequest(url: "https://\(host):\(endpoint.port)/")
        request.connectsOnly = true
        switch preference {
        case .any: request.addressFamily = .any
        case .ip4: request.addressFamily = .ip4
        case .ip6: request.addressFamily = .ip6
        }
        return request.perform(client, timeout: timeout)
    }
}
