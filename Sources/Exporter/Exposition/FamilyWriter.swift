import Bytes
import Telemetry

/// Writes one family in one format.
struct FamilyWriter {
    private let format: ExpositionFormat
    private let family: SampleBatch.Family
    private let type: MetricType
    /// The family's name without `_total`, where OpenMetrics wants a counter so.
    private let base: SampleBatch.TextRange
    /// Whether OpenMetrics wants `_total` added to a sample that has no suffix.
    private let addsTotal: Bool
    private let isQuoted: Bool

    init(_ batch: borrowing SampleBatch, _ index: Int, _ format: ExpositionFormat) {
        self.format = format
        family = batch.families[index]
        let name = batch.bytes(family.name)
        isQuoted = !MetricName.isValid(name)
        guard format.isOpenMetrics else {
            base = family.name
            addsTotal = false
            switch family.type {
            case .info, .stateset, .gaugehistogram: type = .gauge
            default: type = family.type
            }
            return
        }
        var base = family.name
        let isTotal = family.type == .counter && MetricName.hasSuffix(name, "_total")
        if isTotal { base.length -= 6 }
        self.base = base
        addsTotal = isTotal
        // A counter's sample must end in `_total` here; one that does not in the text format would change its name with the
        // format, and a dashboard would lose it. It is written without a type instead.
        type = family.type == .counter && !isTotal ? .untyped : family.type
    }

    /// The lines before the samples.
    func head(_ batch: borrowing SampleBatch, into buffer: inout ByteBuffer) {
        buffer.append("# HELP " as StaticString)
        name(batch, base, .none, into: &buffer)
        buffer.append(0x20)
        escapeHelp(batch.bytes(family.help), into: &buffer)
        buffer.append("\n# TYPE " as StaticString)
        name(batch, base, .none, into: &buffer)
        buffer.append(0x20)
        buffer.append(type == .untyped && format.isOpenMetrics ? "unknown" : type.rawValue)
        buffer.append(0x0a)
        guard format.isOpenMetrics else { return }
        let given = batch.bytes(family.unit)
        if given.byteCount > 0 {
            unit(batch, given, into: &buffer)
        } else if let known = MetricName.unit(of: batch.bytes(base)) {
            buffer.append("# UNIT " as StaticString)
            name(batch, base, .none, into: &buffer)
            buffer.append(0x20)
            buffer.append(known)
            buffer.append(0x0a)
        }
    }

    private func unit(_ batch: borrowing SampleBatch, _ unit: RawSpan, into buffer: inout ByteBuffer) {
        buffer.append("# UNIT " as StaticString)
        name(batch, base, .none, into: &buffer)
        buffer.append(0x20)
        buffer.append(unit)
        buffer.append(0x0a)
    }

    /// One sample's line.
    func sample(_ batch: borrowing SampleBatch, _ index: Int, into buffer: inout ByteBuffer) {
        let sample = batch.samples[index]
        // The text format has no such samples, nor has a family without a type: they would be series of their own.
        if sample.suffix == .created, !format.isOpenMetrics || type == .untyped { return }
        let suffix = addsTotal && sample.suffix == .none ? SampleSuffix.total : sample.suffix
        let labels = batch.bytes(sample.labels.text)
        let isNameInBraces = isQuoted && format.allowsUTF8
        if !isNameInBraces { name(batch, base, suffix, into: &buffer) }
        if labels.byteCount > 0 || isNameInBraces {
            buffer.append(0x7b)
            if isNameInBraces {
                name(batch, base, suffix, into: &buffer)
                if labels.byteCount > 0 { buffer.append(0x2c) }
            }
            write(labels, of: sample, into: &buffer)
            buffer.append(0x7d)
        }
        buffer.append(0x20)
        switch sample.suffix {
        case .bucket, .count, .gcount: count(sample.value, into: &buffer)
        default: number(sample.value, into: &buffer)
        }
        if sample.timestamp != SampleBatch.noTimestamp {
            buffer.append(0x20)
            timestamp(sample.timestamp, into: &buffer)
        }
        if format.isOpenMetrics, !batch.exemplars.isEmpty { exemplar(batch, index, into: &buffer) }
        buffer.append(0x0a)
    }

    private func exemplar(_ batch: borrowing SampleBatch, _ index: Int, into buffer: inout ByteBuffer) {
        for exemplar in batch.exemplars where Int(exemplar.sample) == index {
            buffer.append(" # {" as StaticString)
            buffer.append(batch.bytes(exemplar.labels.text))
            buffer.append("} " as StaticString)
            number(exemplar.value, into: &buffer)
            guard exemplar.timestamp != SampleBatch.noTimestamp else { return }
            buffer.append(0x20)
            timestamp(exemplar.timestamp, into: &buffer)
            return
        }
    }

    /// Milliseconds in the text format, seconds in OpenMetrics.
    private func timestamp(_ milliseconds: Int64, into buffer: inout ByteBuffer) {
        if format.isOpenMetrics {
            GoNumber.appendFloat(Double(milliseconds) / 1000, to: &buffer)
        } else {
            buffer.append(decimal: Int(milliseconds))
        }
    }

    private func number(_ value: Double, into buffer: inout ByteBuffer) {
        if format.isOpenMetrics {
            GoNumber.appendFloat(value, to: &buffer)
        } else {
            GoNumber.append(value, to: &buffer)
        }
    }

    /// Counts of a histogram: whole numbers in OpenMetrics, numbers as any other in the text format.
    private func count(_ value: Double, into buffer: inout ByteBuffer) {
        if format.isOpenMetrics, let whole = UInt64(exactly: value) {
            buffer.append(decimal: whole)
        } else {
            number(value, into: &buffer)
        }
    }

    private func name(
        _ batch: borrowing SampleBatch, _ range: SampleBatch.TextRange, _ suffix: SampleSuffix,
        into buffer: inout ByteBuffer
    ) {
        let name = batch.bytes(range)
        if !isQuoted {
            buffer.append(name)
            buffer.append(suffix.text)
        } else if format.allowsUTF8 {
            buffer.append(0x22)
            buffer.appendEscaped(name)
            buffer.append(suffix.text)
            buffer.append(0x22)
        } else {
            MetricName.appendValid(name, allowsColon: true, to: &buffer)
            buffer.append(suffix.text)
        }
    }

    private func write(_ labels: RawSpan, of sample: SampleBatch.Sample, into buffer: inout ByteBuffer) {
        if sample.labels.hasQuotedName, !format.allowsUTF8 { return LabelText.legacy(labels, into: &buffer) }
        guard format.isOpenMetrics, sample.suffix == .bucket || (type == .summary && sample.suffix == .none) else {
            return buffer.append(labels)
        }
        LabelText.withFloatBounds(labels, into: &buffer)
    }

    private func escapeHelp(_ text: RawSpan, into buffer: inout ByteBuffer) {
        var start = 0
        for offset in 0..<text.byteCount {
            let byte = text.byte(at: offset)
            guard byte == 0x5c || byte == 0x0a || (byte == 0x22 && format.isOpenMetrics) else { continue }
            buffer.append(text.extracting(start..<offset))
            start = offset + 1
            buffer.append(0x5c)
            buffer.append(byte == 0x0a ? 0x6e : byte)
        }
        buffer.append(text.extracting(start..<text.byteCount))
    }
}
