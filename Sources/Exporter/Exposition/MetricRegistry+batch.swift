import Bytes
import Telemetry

extension MetricRegistry {
    /// Adds everything there is now to `batch`.
    package func write(into batch: inout SampleBatch) {
        for family in snapshot() where !family.series.isEmpty {
            let id = batch.family(family.name, family.type, family.help)
            for (labels, value) in family.series {
                switch value {
                case .counter(let counter):
                    let text = batch.labels(labels)
                    batch.sample(id, text, Double(counter.current))
                    batch.sample(id, text, Double(counter.created.milliseconds) / 1000, suffix: .created)
                case .gauge(let gauge): batch.sample(id, batch.labels(labels), gauge.current)
                case .computed(let read): batch.sample(id, batch.labels(labels), read())
                case .histogram(let histogram): Self.write(histogram, id, labels, into: &batch)
                }
            }
        }
    }

    /// Cumulative buckets, the sum, the count.
    private static func write(
        _ histogram: Histogram, _ family: SampleBatch.FamilyID, _ labels: LabelSet, into batch: inout SampleBatch
    ) {
        let state = histogram.current
        var total: UInt64 = 0
        for (index, count) in state.counts.enumerated() {
            total &+= count
            let bound = index < histogram.bounds.count ? histogram.bounds[index] : .infinity
            batch.startLabels()
            for label in labels.labels { batch.label(label.name, label.value) }
            batch.label("le", bound)
            batch.sample(family, batch.endLabels(), Double(total), suffix: .bucket)
        }
        let text = batch.labels(labels)
        batch.sample(family, text, state.sum, suffix: .sum)
        batch.sample(family, text, Double(total), suffix: .count)
        batch.sample(family, text, Double(histogram.created.milliseconds) / 1000, suffix: .created)
    }
}

extension SampleBatch {
    /// A label whose value is a number in Go's form, as `le` and `quantile` have it.
    package mutating func label(_ name: StaticString, _ value: Double) {
        var text = ByteBuffer()
        GoNumber.append(value, to: &text)
        label(name, text.bytes)
    }
}
