import Telemetry

/// What Loki has refused of a request, as its answer says (Loki, `pkg/validation/validate.go`,
/// `pkg/ingester/stream.go`).
struct PushRejection: Hashable, Sendable {
    /// Loki's own names of its reasons.
    enum Reason: String, CaseIterable, Sendable {
        case lineTooLong = "line_too_long"
        case tooOld = "greater_than_max_sample_age"
        case tooFarInFuture = "too_far_in_future"
        case tooFarBehind = "too_far_behind"
        case outOfOrder = "out_of_order"
        case tooManyLabelNames = "max_label_names_per_series"
        case labelNameTooLong = "label_name_too_long"
        case labelValueTooLong = "label_value_too_long"
        case duplicateLabelNames = "duplicate_label_names"
        case invalidLabels = "invalid_labels"
        case missingLabels = "missing_labels"
        case missingEnforcedLabels = "missing_enforced_labels"
        case metadataDisallowed = "disallowed_structured_metadata"
        case metadataTooLarge = "structured_metadata_too_large"
        case metadataTooMany = "structured_metadata_too_many"
        case streamRateLimit = "per_stream_rate_limit"
        case streamLimit = "stream_limit"

        /// Whether the same entries may be taken later.
        var isTemporary: Bool { self == .streamRateLimit || self == .streamLimit }
    }

    /// Which entries of the stream.
    enum Extent: Hashable, Sendable {
        case all
        /// Loki prints its bound in whole seconds: entries within that second are taken as refused.
        case before(Timestamp)
        case from(Timestamp)
        case at(Timestamp)
        case linesLonger(than: Int)
        case metadataLarger(than: Int)
        case metadataEntriesMore(than: Int)
    }

    var reason: Reason
    /// As the server sees the stream, with the labels it adds; nil where the message names none.
    var stream: LabelSet?
    var extent: Extent

    /// Whether a stream we sent is the one the server names. It adds labels of its own (`service_name`,
    /// `__stream_shard__`, `__time_shard__`), which ours need not have.
    func names(_ sent: LabelSet) -> Bool {
        guard let stream else { return false }
        for label in sent.labels where stream[label.name] != label.value { return false }
        return stream.labels.allSatisfy { sent[$0.name] != nil || Self.added.contains($0.name) }
    }

    private static let added: Set<String> = ["service_name", "__stream_shard__", "__time_shard__"]
}
