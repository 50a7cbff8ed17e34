import Bytes
import Exporter
import Telemetry

/// What a batch holds, for people and comparisons: a line per family that has samples and a line per sample.
func dump(_ batch: borrowing SampleBatch) -> [String] {
    var lines: [String] = []
    for index in batch.families.indices where batch.samples.contains(where: { Int($0.family.index) == index }) {
        let family = batch.families[index]
        lines.append(
            "# \(String(lossy: batch.bytes(family.name))) \(family.type) "
                + "'\(String(lossy: batch.bytes(family.help)))' '\(String(lossy: batch.bytes(family.unit)))'")
    }
    for (index, sample) in batch.samples.enumerated() {
        var name = ByteBuffer()
        batch.appendName(of: sample, to: &name)
        var line = "\(String(lossy: name.bytes)){\(String(lossy: batch.bytes(sample.labels.text)))} "
        line += sample.value.isNaN ? "NaN" : "\(sample.value)"
        if sample.timestamp != SampleBatch.noTimestamp { line += " @\(sample.timestamp)" }
        for exemplar in batch.exemplars where Int(exemplar.sample) == index {
            line += " # {\(String(lossy: batch.bytes(exemplar.labels.text)))} \(exemplar.value)"
            if exemplar.timestamp != SampleBatch.noTimestamp { line += " @\(exemplar.timestamp)" }
        }
        lines.append(line)
    }
    return lines
}

/// What the parser of a format makes of `page`: the batch's dump, or the error as its only line.
func parsed(_ page: [UInt8], openMetrics: Bool = false) -> [String] {
    var batch = SampleBatch()
    do throws(ExpositionError) {
        if openMetrics {
            var parser = OpenMetricsParser()
            try parser.parse(page.span.bytes, into: &batch)
        } else {
            var parser = PrometheusTextParser()
            try parser.parse(page.span.bytes, into: &batch)
        }
        return dump(batch)
    } catch {
        return ["error: \(error)"]
    }
}

func parsed(_ page: String, openMetrics: Bool = false) -> [String] {
    parsed(Array(page.utf8), openMetrics: openMetrics)
}
