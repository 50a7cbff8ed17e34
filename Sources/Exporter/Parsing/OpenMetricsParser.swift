import Bytes
import Telemetry

/// Reads pages in OpenMetrics 1.0.
///
/// It takes and refuses what Prometheus does (`model/textparse/openmetricslex.l`, `openmetricsparse.go`): one blank
/// between tokens, no empty lines, no comments but `HELP`, `TYPE` and `UNIT`, and `# EOF` at the end. A label may stand twice
/// in a sample: whoever stores it refuses that. A counter `a` becomes the family `a_total`, as in the text format. Kept from page to page, it allocates nothing for a page that is like the last.
package struct OpenMetricsParser: ~Copyable {
    private var offset = 0
    private var families = FamilyTable(isOpenMetrics: true)
    private var labels = LabelReader()
    private var scratch = ByteBuffer()

    package init() {}

    /// Adds all samples of `page` to `batch`, or nothing where it throws.
    package mutating func parse(_ page: RawSpan, into batch: inout SampleBatch) throws(ExpositionError) {
        let mark = batch.mark
        do throws(ExpositionError) {
            try parseKeepingStart(page, into: &batch)
        } catch {
            batch.roll(back: mark)
            throw error
        }
    }

    /// As `parse`, but what stands before the error stays: for who has to count it.
    mutating func parseKeepingStart(_ page: RawSpan, into batch: inout SampleBatch) throws(ExpositionError) {
        families.removeAll()
        offset = 0
        let dropped = batch.dropped
        while true {
            guard offset < page.byteCount else { throw ExpositionError("# EOF", in: page, at: offset) }
            switch page.byte(at: offset) {
            case 0x23: if try !metadata(page, into: &batch) { return }
            case 0x7b:
                offset += 1
                try sample(page, name: nil, hasBrace: true, into: &batch)
            case let byte where PrometheusTextParser.isNameStart(byte):
                let name = takeName(page)
                let hasBrace = offset < page.byteCount && page.byte(at: offset) == 0x7b
                if hasBrace { offset += 1 }
                try sample(page, name: name, hasBrace: hasBrace, into: &batch)
            default: throw ExpositionError("a metric's name, { or #", in: page, at: offset)
            }
            guard batch.dropped == dropped else {
                throw ExpositionError(
                    "at most \(batch.sampleLimit) samples and \(batch.textLimit) bytes of text", in: page, at: offset)
            }
        }
    }

    // MARK: Lines

    private mutating func sample(
        _ page: RawSpan, name given: Range<Int>?, hasBrace: Bool, into batch: inout SampleBatch
    ) throws(ExpositionError) {
        var name = given
        let start = offset
        let set =
            hasBrace
            ? try labels.read(page, &offset, .openMetrics, name: &name, into: &batch) : SampleBatch.Labels.none
        guard let name else { throw ExpositionError("a metric's name in the braces", in: page, at: start) }
        if given == nil { try checkName(page, name) }
        let value = try number(page, "a space and a value")
        var timestamp = SampleBatch.noTimestamp
        if !isAtLineEnd(page), !isAtExemplar(page) {
            timestamp = try time(page)
        }
        let (family, suffix) = families.member(page, name, in: &batch)
        batch.sample(family, set, value, suffix: suffix, timestamp: timestamp)
        if isAtExemplar(page) { try exemplar(page, into: &batch) }
        guard isAtLineEnd(page) else { throw ExpositionError("the end of the line", in: page, at: offset) }
        offset += 1
    }

    private mutating func exemplar(_ page: RawSpan, into batch: inout SampleBatch) throws(ExpositionError) {
        offset += 4
        var name: Range<Int>?
        let set = try labels.read(page, &offset, .exemplar, name: &name, into: &batch)
        let value = try number(page, "a space and the exemplar's value")
        let timestamp = isAtLineEnd(page) ? SampleBatch.noTimestamp : try time(page)
        batch.exemplar(set, value, timestamp: timestamp)
    }

    private func isAtLineEnd(_ page: RawSpan) -> Bool { offset < page.byteCount && page.byte(at: offset) == 0x0a }

    private func isAtExemplar(_ page: RawSpan) -> Bool {
        offset + 4 <= page.byteCount && page.slice(offset, offset + 4).equals(" # {" as StaticString)
    }

    /// What stands behind one space, up to the next space or the end of the line.
    private mutating func word(_ page: RawSpan, _ expected: String) throws(ExpositionError) -> Range<Int> {
        guard offset < page.byteCount, page.byte(at: offset) == 0x20 else {
            throw ExpositionError(expected, in: page, at: offset)
        }
        let start = offset + 1
        var end = start
        while end < page.byteCount, page.byte(at: end) != 0x20, page.byte(at: end) != 0x0a, page.byte(at: end) != 0 {
            end += 1
        }
        guard end > start else { throw ExpositionError(expected, in: page, at: offset) }
        offset = end
        return start..<end
    }

    private mutating func number(_ page: RawSpan, _ expected: String) throws(ExpositionError) -> Double {
        let word = try word(page, expected)
        guard let value = SampleNumber.value(page.slice(word.lowerBound, word.upperBound)) else {
            throw ExpositionError("a number", in: page, at: word.lowerBound, to: word.upperBound)
        }
        return value
    }

    /// Seconds, as milliseconds.
    private mutating func time(_ page: RawSpan) throws(ExpositionError) -> Int64 {
        let word = try word(page, "a timestamp, an exemplar or the end of the line")
        guard let seconds = SampleNumber.value(page.slice(word.lowerBound, word.upperBound)), seconds.isFinite else {
            throw ExpositionError("a timestamp in seconds", in: page, at: word.lowerBound, to: word.upperBound)
        }
        let milliseconds = seconds * 1000
        guard milliseconds.magnitude < 9.2e18 else {
            throw ExpositionError("a timestamp of this age of the world", in: page, at: word.lowerBound)
        }
        return Int64(milliseconds)
    }

    /// Returns false at `# EOF`.
    private mutating func metadata(_ page: RawSpan, into batch: inout SampleBatch) throws(ExpositionError) -> Bool {
        let rest = page.slice(offset, page.byteCount)
        if rest.hasPrefix("# EOF" as StaticString) {
            offset += 5
            if isAtLineEnd(page) { offset += 1 }
            guard offset == page.byteCount else { throw ExpositionError("nothing after # EOF", in: page, at: offset) }
            return false
        }
        let isHelp = rest.hasPrefix("# HELP " as StaticString)
        let isType = rest.hasPrefix("# TYPE " as StaticString)
        guard isHelp || isType || rest.hasPrefix("# UNIT " as StaticString) else {
            throw ExpositionError("# HELP, # TYPE, # UNIT or # EOF", in: page, at: offset)
        }
        offset += 7
        let name = try metadataName(page)
        guard offset < page.byteCount, page.byte(at: offset) == 0x20,
            let end = page.firstIndex(of: 0x0a, from: offset)
        else { throw ExpositionError("a space, text and the end of the line", in: page, at: offset) }
        let text = (offset + 1)..<end
        let content = page.slice(text.lowerBound, text.upperBound)
        let family = families.declared(page, name, in: &batch)
        if isHelp {
            guard content.isUTF8 else {
                throw ExpositionError("help in UTF-8", in: page, at: text.lowerBound, to: text.upperBound)
            }
            scratch.removeAll()
            HelpText.unescape(page, text, keepsQuotes: false, into: &scratch)
            batch.set(help: scratch.bytes, of: family)
        } else if isType {
            guard let type = Self.type(content) else {
                throw ExpositionError(
                    "counter, gauge, histogram, gaugehistogram, summary, info, stateset or unknown", in: page,
                    at: text.lowerBound, to: text.upperBound)
            }
            families.set(type: type, of: family, page, name, in: &batch)
        } else {
            try setUnit(page, text, of: family, name, in: &batch)
        }
        offset = end + 1
        return true
    }

    private func setUnit(
        _ page: RawSpan, _ unit: Range<Int>, of family: SampleBatch.FamilyID, _ name: Range<Int>,
        in batch: inout SampleBatch
    ) throws(ExpositionError) {
        if unit.isEmpty { return }
        let suffix = page.slice(unit.lowerBound, unit.upperBound)
        let start = name.upperBound - unit.count
        guard start > name.lowerBound, page.byte(at: start - 1) == 0x5f,
            page.slice(start, name.upperBound).equals(suffix)
        else {
            throw ExpositionError(
                "a unit that ends the metric's name", in: page, at: unit.lowerBound, to: unit.upperBound)
        }
        batch.unit(family, suffix)
    }

    private mutating func metadataName(_ page: RawSpan) throws(ExpositionError) -> Range<Int> {
        guard offset < page.byteCount else { throw ExpositionError("a metric's name", in: page, at: offset) }
        if page.byte(at: offset) == 0x22 {
            let name = try LabelReader.quoted(
                page, &offset, allowsNUL: false, allowsLineFeed: true, "a metric's name")
            try checkName(page, name)
            return name
        }
        guard PrometheusTextParser.isNameStart(page.byte(at: offset)) else {
            throw ExpositionError("a metric's name", in: page, at: offset)
        }
        return takeName(page)
    }

    private func checkName(_ page: RawSpan, _ name: Range<Int>) throws(ExpositionError) {
        guard !name.isEmpty, page.slice(name.lowerBound, name.upperBound).isUTF8 else {
            throw ExpositionError("a metric's name in UTF-8", in: page, at: name.lowerBound, to: name.upperBound)
        }
    }

    private mutating func takeName(_ page: RawSpan) -> Range<Int> {
        let start = offset
        while offset < page.byteCount,
            PrometheusTextParser.isNameStart(page.byte(at: offset)) || page.byte(at: offset) &- 0x30 < 10
        {
            offset += 1
        }
        return start..<offset
    }

    private static func type(_ word: RawSpan) -> MetricType? {
        switch String(lossy: word) {
        case "counter": .counter
        case "gauge": .gauge
        case "histogram": .histogram
        case "gaugehistogram": .gaugehistogram
        case "summary": .summary
        case "info": .info
        case "stateset": .stateset
        case "unknown": .untyped
        default: nil
        }
    }
}
