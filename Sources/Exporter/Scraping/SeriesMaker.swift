import Bytes
import Telemetry

/// Makes the labels of a series that is seen for the first time.
struct SeriesMaker: ~Copyable {
    private let rules: SeriesRules
    private var name = ByteBuffer()
    /// One copy of each string that is too long to lie in the label itself.
    private var strings: Set<String> = []
    /// By family.
    private(set) var metadata: [String: MetricMetadata] = [:]

    /// Grows with each change of `metadata`.
    private(set) var metadataChanges = 0

    /// Families whose metadata is kept.
    private static let mostMetadata = 100_000

    init(_ rules: SeriesRules) { self.rules = rules }

    mutating func forgetStrings() { strings.removeAll() }

    /// The labels after all rules; nil where relabelling drops the series.
    mutating func labels(
        of sample: SampleBatch.Sample, in batch: borrowing SampleBatch
    ) throws(SeriesError) -> LabelSet? {
        name.removeAll()
        batch.appendName(of: sample, to: &name)
        let metric = String(lossy: name.bytes)
        guard let exposed = SeriesText.pairs(batch.bytes(sample.labels.text)),
            !exposed.contains(where: { $0.name == "__name__" }),
            // They come sorted.
            zip(exposed, exposed.dropFirst()).allSatisfy({ $0.name != $1.name })
        else { throw .invalid("invalid label names of \(metric), or one of them twice") }
        var labels = LabelSet(exposed)
        labels["__name__"] = metric
        Self.normalizeBound(&labels, batch.families[Int(sample.family.index)].type)
        labels =
            rules.honorsLabels
            ? Self.honoring(labels, exposed, rules.targetLabels) : Self.exporting(labels, rules.targetLabels)
        if let relabeler = rules.relabeler {
            guard let relabelled = relabeler.apply(labels) else { return nil }
            labels = relabelled
        }
        if labels.isEmpty { return nil }
        guard labels["__name__"] != nil else { throw .invalid("relabelling leaves \(metric) without a name") }
        if let problem = rules.limits.problem(of: labels) { throw problem }
        var exact: [Label] = []
        exact.reserveCapacity(labels.count)
        for label in labels.labels { exact.append(Label(interned(label.name), interned(label.value))) }
        return LabelSet(sorted: exact)
    }

    mutating func metadata(of sample: SampleBatch.Sample, in batch: borrowing SampleBatch) -> MetricMetadata {
        let family = batch.families[Int(sample.family.index)]
        let name = String(lossy: batch.bytes(family.name))
        let help = batch.bytes(family.help)
        let unit = batch.bytes(family.unit)
        let namesUnit = rules.namesUnits && unit.byteCount == 0
        if let known = metadata[name], known.type == family.type, help.equals(known.help),
            namesUnit || unit.equals(known.unit)
        {
            return known
        }
        let new = MetricMetadata(
            name: name, type: family.type, help: String(lossy: help),
            unit: namesUnit ? Self.unit(in: name, family.type) : String(lossy: unit))
        guard metadata.count < Self.mostMetadata || metadata[name] != nil else { return new }
        metadata[name] = new
        metadataChanges += 1
        return new
    }

    private static func unit(in name: String, _ type: MetricType) -> String {
        let base = type == .counter && name.hasSuffix("_total") ? name.dropLast(6) : Substring(name)
        return MetricName.unit(of: Array(base.utf8).span.bytes).map { "\($0)" } ?? ""
    }

    private mutating func interned(_ string: String) -> String {
        // Up to 15 bytes lie in the String itself.
        string.utf8.count <= 15 ? string : strings.insert(string).memberAfterInsert
    }

    /// `le` of a histogram and `quantile` of a summary as OpenMetrics writes them, `1` as `1.0`: as Prometheus 3 does it,
    /// so that a series is the same in whatever format it comes.
    private static func normalizeBound(_ labels: inout LabelSet, _ type: MetricType) {
        let name = type == .histogram ? "le" : type == .summary ? "quantile" : ""
        guard !name.isEmpty, let text = labels[name] else { return }
        let bytes = Array(text.utf8)
        guard let value = SampleNumber.value(bytes.span.bytes) else { return }
        var buffer = ByteBuffer()
        GoNumber.appendFloat(value, to: &buffer)
        labels[name] = String(lossy: buffer.bytes)
    }

    /// The target's labels where the series has none of that name. One that it has with an empty value keeps the target's
    /// off.
    private static func honoring(_ labels: LabelSet, _ exposed: [Label], _ target: LabelSet) -> LabelSet {
        var result = labels
        for label in target.labels where !exposed.contains(where: { $0.name == label.name }) {
            result[label.name] = label.value
        }
        return result
    }

    /// The target's labels; those of the series that are in their way become `exported_NAME`, shorter names first.
    private static func exporting(_ labels: LabelSet, _ target: LabelSet) -> LabelSet {
        var result = labels
        var conflicts: [Label] = []
        for label in target.labels {
            if let value = labels[label.name] { conflicts.append(Label(label.name, value)) }
            result[label.name] = label.value
        }
        guard !conflicts.isEmpty else { return result }
        // Stable: of equally long names the first in order is the first.
        let ordered = conflicts.enumerated().sorted { a, b in
            (a.element.name.utf8.count, a.offset) < (b.element.name.utf8.count, b.offset)
        }
        var renamed: Set<String> = []
        for (_, conflict) in ordered {
            var name = conflict.name
            repeat {
                name = "exported_" + name
            } while labels[name] != nil || target[name] != nil
                || renamed.contains(name)
            renamed.insert(name)
            result[name] = conflict.value
        }
        return result
    }
}
