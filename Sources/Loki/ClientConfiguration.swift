import Telemetry
import Transport

/// One destination: a Loki push endpoint and how to treat it. promtail's `clients` keys, and `limits` of ours.
package struct ClientConfiguration: Sendable, Equatable {
    /// What metrics, readiness and the saved cursor call it; unique.
    package var name: String
    /// As `HTTPTarget` reads it: `http://`, `https://` or `unix:/run/loki.sock:/loki/api/v1/push`.
    package var url: String
    package var http = HTTPClientConfiguration()
    /// Seconds; taken for promtail's sake. Blocks are made by the store, once for all destinations.
    package var batchWait: Double = 1
    /// Bytes; as `batchWait`.
    package var batchSize: Int = 1 << 20
    package var backoff = BackoffConfiguration()
    /// Added to every stream; a stream's own labels win.
    package var externalLabels: LabelSet = [:]
    /// Seconds a request may take. A request over 64 KiB has them from the last byte the server has taken.
    package var timeout: Double = 10
    /// `X-Scope-OrgID` of entries that have no tenant of their own; empty for none.
    package var tenantID: String = ""
    /// Drops what the server refuses for its rate (429) instead of sending it again later.
    package var dropRateLimitedBatches = false
    package var limits = Limits()

    package init(name: String, url: String) {
        self.name = name
        self.url = url
    }

    package struct BackoffConfiguration: Sendable, Equatable {
        /// Seconds before the first retry.
        package var minPeriod: Double = 0.5
        /// Seconds; no wait is longer. promtail's default is 5 min; a server that is back should not wait that long.
        package var maxPeriod: Double = 30
        /// After so many retries a batch is dropped, as promtail does after 10. 0, the default: never.
        package var maxRetries: Int = 0
        package init() {}
    }

    /// Limits to check before sending, as Loki's `limits_config` names them. 0, the default, leaves the decision to the
    /// server: its limits are known only to it, and what it refuses goes into the quarantine with its reason.
    package struct Limits: Sendable, Equatable {
        /// Bytes.
        package var maxLineSize: Int = 0
        /// Cuts a longer line, keeping the whole in the quarantine, instead of only quarantining it.
        package var maxLineSizeTruncate: Bool = false
        package var maxLabelNamesPerSeries: Int = 0
        package var maxLabelNameLength: Int = 0
        package var maxLabelValueLength: Int = 0
        /// Seconds.
        package var rejectOldSamplesMaxAge: Double = 0
        /// Seconds.
        package var creationGracePeriod: Double = 0
        /// Bytes of names and values.
        package var maxStructuredMetadataSize: Int = 0
        package var maxStructuredMetadataEntriesCount: Int = 0
        /// Compressed bytes of a request; larger ones are split, for proxies with a small `client_max_body_size`.
        package var maxRequestSize: Int = 0
        package init() {}

        /// Whether entries must be looked at one by one.
        var concernsEntries: Bool {
            maxLineSize > 0 || maxStructuredMetadataSize > 0 || maxStructuredMetadataEntriesCount > 0
        }

        var concernsLabels: Bool { maxLabelNamesPerSeries > 0 || maxLabelNameLength > 0 || maxLabelValueLength > 0 }
    }
}
