import Telemetry
import Transport

/// What libcurl's probes have in common.
extension ProbeRound {
    /// How long the lookup took and what was connected to.
    mutating func connection(_ result: Measurement) {
        gauge("probe_dns_lookup_time_seconds", "Seconds that looking up the target's name took.", result.resolved)
        let address = HostAddress(result.address)
        gauge(
            "probe_ip_protocol", "Version of IP that the probe used: 4 or 6, 0 for none.",
            Double(address?.version ?? 0))
        guard let address else { return }
        gauge(
            "probe_ip_addr_hash", "Hash of the address that was probed; another value means another address.",
            Double(address.hash))
    }

    /// What the TLS of a connection and its certificates say. `isVerified` is false where any certificate is taken.
    mutating func security(_ result: Measurement, isVerified: Bool) {
        if let version = Self.versions[result.tlsVersion] {
            gauge("probe_tls_version_info", "Version of TLS of the last connection.", 1, ["version": version])
        }
        guard let earliest = result.certificates.map(\.notAfter).min() else { return }
        gauge(
            "probe_ssl_earliest_cert_expiry",
            "When the first of the server's certificates expires, seconds since 1970.",
            earliest)
        if let leaf = result.certificates.first.flatMap({ LeafCertificate(pem: $0.pem.span.bytes) }) {
            gauge(
                "probe_ssl_last_chain_info", "The server's certificate.", 1,
                [
                    "fingerprint_sha256": leaf.fingerprint, "subject": leaf.subject, "issuer": leaf.issuer,
                    "subjectalternative": leaf.names,
                ])
        }
        guard result.failure == nil else { return }
        gauge(
            "probe_ssl_last_chain_expiry_timestamp_seconds",
            "When the verified chain as the server sent it expires, seconds since 1970; the year 1 where nothing was verified.",
            isVerified ? earliest : Self.yearOne)
    }

    /// Go's zero time, which blackbox_exporter shows where there is no verified chain.
    private static let yearOne = -62_135_596_800.0

    /// Go's names of versions by OpenSSL's.
    private static let versions = [
        "TLSv1": "TLS 1.0", "TLSv1.1": "TLS 1.1", "TLSv1.2": "TLS 1.2", "TLSv1.3": "TLS 1.3",
    ]

    /// Whether a pattern is to blame.
    mutating func regex(failed: Bool) {
        gauge("probe_failed_due_to_regex", "Whether the probe failed because of a pattern.", failed ? 1 : 0)
    }
}
