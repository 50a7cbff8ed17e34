import Bytes
import Telemetry

/// Writes a batch of samples as a scraper reads it.
///
/// Follows client_golang where the formats leave a choice: families by name, samples by labels, Go's numbers.
/// Families of one name are written as one. Of samples with the same name and labels the first is written; the others are left
/// out and named in the result, so that they never fail the page.
package struct Exposition: ~Copyable {
    private var order = ExpositionOrder()
    /// How many duplicate samples the last rendering left out.
    package private(set) var duplicates = 0
    /// The first few of them, as a person would write them.
    package private(set) var duplicateExamples: [String] = []

    private static let mostExamples = 5

    package init() {}

    /// Appends the whole batch to `buffer`.
    package mutating func render(
        _ batch: borrowing SampleBatch, as format: ExpositionFormat, into buffer: inout ByteBuffer
    ) {
        duplicates = 0
        duplicateExamples.removeAll()
        order.arrange(batch)
        for group in 0..<order.groupCount {
            let samples = order.samples(of: group)
            if samples.isEmpty { continue }
            let writer = FamilyWriter(batch, order.family(of: group), format)
            writer.head(batch, into: &buffer)
            for position in samples {
                let index = order.sampleIndices[position]
                if order.isDuplicate(at: position) {
                    noteDuplicate(batch, Int(index))
                } else {
                    writer.sample(batch, Int(index), into: &buffer)
                }
            }
        }
        if format.isOpenMetrics { buffer.append("# EOF\n" as StaticString) }
    }

    private mutating func noteDuplicate(_ batch: borrowing SampleBatch, _ index: Int) {
        duplicates += 1
        guard duplicateExamples.count < Self.mostExamples else { return }
        let sample = batch.samples[index]
        let name = String(lossy: batch.bytes(batch.families[Int(sample.family.index)].name))
        let labels = String(lossy: batch.bytes(sample.labels.text))
        duplicateExamples.append("\(name)\(sample.suffix.text){\(labels)}")
    }
}

extension Exposition {
    /// Renders all that `registry` has; for tests and commands.
    package static func render(
        _ registry: MetricRegistry, as format: ExpositionFormat, into buffer: inout ByteBuffer
    ) {
        var batch = SampleBatch()
        registry.write(into: &batch)
        var exposition = Exposition()
        exposition.render(batch, as: format, into: &buffer)
    }
}
