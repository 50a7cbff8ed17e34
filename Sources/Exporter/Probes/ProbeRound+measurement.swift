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

    /// What the certificates of a connection say.
    mutating func certificates(_ result: Measurement) {
        guard let earliest = result.certificates.map(\.notAfter).min() else { return }
        gauge(
            "probe_ssl_earliest_cert_expiry",
            "When the first of the server's certificates expires, seconds since 1970.",
            earliest)
        guard result.failure == nil else { return }
        gauge(
            "probe_ssl_last_chain_expiry_timestamp_seconds",
            "When the verified chain as the server sent it expires, seconds since 1970.", earliest)
    }

    /// Whether a pattern is to blame.
    mutating func regex(failed: Bool) {
        gauge("probe_failed_due_to_regex", "Whether the probe failed because of a pattern.", failed ? 1 : 0)
    }
}
