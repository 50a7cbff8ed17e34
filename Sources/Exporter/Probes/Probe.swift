import Bytes
import Telemetry

/// Asks one thing of one target and says how it went, under blackbox_exporter's names.
///
/// A probe blocks, on a thread of the runner's, and must be done by the round's deadline.
protocol Probe: Sendable {
    /// What `instance` says.
    var target: String { get }

    /// Writes what it found, whatever happened; throws why it did not succeed.
    func run(_ round: inout ProbeRound) throws(ProbeFailure)
}

/// One run of a probe: what it may take and what it found.
struct ProbeRound: ~Copyable {
    private(set) var batch: SampleBatch
    /// On the monotonic clock.
    let deadline: Timestamp
    /// Of every sample.
    private let labels: LabelSet

    init(batch: consuming SampleBatch, labels: LabelSet, deadline: Timestamp) {
        self.batch = batch
        self.labels = labels
        self.deadline = deadline
        self.batch.removeAll()
    }

    /// Seconds until the deadline, not less than 0.
    var secondsLeft: Double { max(0, deadline.seconds(since: .monotonic)) }
    var millisecondsLeft: Int32 { Int32(clamping: Int(secondsLeft * 1000)) }

    /// Adds a sample; `more` are labels beside the probe's own.
    mutating func gauge(_ name: StaticString, _ help: StaticString, _ value: Double, _ more: LabelSet = [:]) {
        let family = batch.family(name, .gauge, help)
        batch.sample(family, batch.labels(labels.overridden(by: more)), value)
    }

    /// Looks the target up and tells how long that took and which family of addresses it is.
    mutating func resolve(_ host: String, _ preference: AddressPreference) throws(ProbeFailure) -> HostAddress {
        let start = Timestamp.monotonic
        let result = Result { () throws(ProbeFailure) in
            try NameResolver.address(of: host, preferring: preference, until: deadline)
        }
        gauge(
            "probe_dns_lookup_time_seconds", "Seconds that looking up the target's name took.",
            Timestamp.monotonic.seconds(since: start))
        guard case .success(let address) = result else {
            gauge("probe_ip_protocol", "Version of IP that the probe used: 4 or 6, 0 for none.", 0)
            _ = try result.get()
            throw ProbeFailure("no address")
        }
        gauge("probe_ip_protocol", "Version of IP that the probe used: 4 or 6, 0 for none.", Double(address.version))
        gauge(
            "probe_ip_addr_hash", "Hash of the address that was probed; another value means another address.",
            Double(address.hash))
        return address
    }

    consuming func finished() -> SampleBatch { batch }
}

/// `host:port`, `[v6]:port`.
struct HostAndPort: Sendable, Equatable {
    var host: String
    var port: UInt16

    /// Nil where there is no port (and none by default) or no host.
    init?(_ text: String, defaultPort: UInt16? = nil) {
        var host = text[...]
        var port = defaultPort
        if let close = text.lastIndex(of: "]"), text.hasPrefix("[") {
            host = text[text.index(after: text.startIndex)..<close]
            let rest = text[text.index(after: close)...]
            if !rest.isEmpty {
                guard rest.hasPrefix(":"), let given = UInt16(rest.dropFirst()) else { return nil }
                port = given
            }
        } else if let colon = text.lastIndex(of: ":"), text.firstIndex(of: ":") == colon {
            guard let given = UInt16(text[text.index(after: colon)...]) else { return nil }
            host = text[..<colon]
            port = given
        }
        guard let port, port > 0, !host.isEmpty else { return nil }
        self.host = String(host)
        self.port = port
    }
}
