import Telemetry

/// What is done to the series of one target: its labels put on them, conflicts solved, `metric_relabel_configs` applied,
/// limits watched. The same for scrapes, for the host's own collection and for probes.
package struct SeriesRules: Sendable {
    /// Put on every series: `job`, `instance` and whatever relabelling left.
    package var targetLabels: LabelSet
    /// Whether a label of the series wins over the target's of the same name. Else the series' becomes `exported_NAME`.
    package var honorsLabels = false
    /// `metric_relabel_configs`, applied last, once per series.
    package var relabeler: Relabeler?
    package var limits = SeriesLimits()
    /// Whether timestamps of the page are taken, else all samples have the time of the scrape.
    package var honorsTimestamps = true
    /// Whether series with timestamps of their own get stale markers when they are gone.
    package var tracksTimestampStaleness = false
    /// Whether `_created` samples are series, as Prometheus has it, or only tell when others began.
    package var keepsCreatedSeries = true
    /// Whether families that say no unit have the one that their name ends with, as in OpenMetrics.
    package var namesUnits = false

    package init(targetLabels: LabelSet) { self.targetLabels = targetLabels }
}

/// Caps of Prometheus's, each for a whole scrape; 0 for none. What exceeds one fails the scrape.
package struct SeriesLimits: Sendable, Equatable {
    /// Samples left after relabelling.
    package var samples = 0
    /// Labels of a series, `__name__` included.
    package var labels = 0
    /// Bytes.
    package var labelNameLength = 0
    package var labelValueLength = 0

    package init() {}

    /// What `labels` exceed, or nil.
    func problem(of labels: LabelSet) -> SeriesError? {
        let metric = Self.short(labels["__name__"] ?? "")
        if self.labels > 0, labels.count > self.labels {
            return .labelLimit(
                "label_limit exceeded (metric: \(metric), number of labels: \(labels.count), limit: \(self.labels))")
        }
        guard labelNameLength > 0 || labelValueLength > 0 else { return nil }
        for label in labels.labels {
            if labelNameLength > 0, label.name.utf8.count > labelNameLength {
                return .labelLimit(
                    "label_name_length_limit exceeded (metric: \(metric), label name: \(Self.short(label.name)), "
                        + "length: \(label.name.utf8.count), limit: \(labelNameLength))")
            }
            if labelValueLength > 0, label.value.utf8.count > labelValueLength {
                return .labelLimit(
                    "label_value_length_limit exceeded (metric: \(metric), label name: \(Self.short(label.name)), "
                        + "value: \(Self.short(label.value)), length: \(label.value.utf8.count), "
                        + "limit: \(labelValueLength))")
            }
        }
        return nil
    }

    private static func short(_ text: String) -> String { String(text.prefix(50)) }
}

/// Why the samples of a page cannot be taken.
package enum SeriesError: Error, Equatable, CustomStringConvertible {
    case sampleLimit(limit: Int, found: Int)
    case labelLimit(String)
    /// A series whose labels are wrong or that has no name left.
    case invalid(String)

    package var description: String {
        switch self {
        case .sampleLimit(let limit, let found): "sample_limit exceeded (samples: \(found), limit: \(limit))"
        case .labelLimit(let text), .invalid(let text): text
        }
    }
}

/// What one scrape had.
package struct SeriesCounts: Sendable, Equatable {
    /// Samples of the page.
    package var scraped = 0
    /// Samples left after relabelling.
    package var kept = 0
    /// Series not seen before.
    package var added = 0
    /// Samples left out as the series has one of this time or a later one.
    package var outOfOrder = 0
    /// Samples left out as their timestamps are more than ten minutes ahead.
    package var ahead = 0

    package init() {}
}
