import Bytes
import Telemetry

/// Reads pages in Prometheus's text format, versions 0.0.4 and 1.0.0 (names in quotes).
///
/// It takes and refuses what Prometheus does (`model/textparse/promlex.l`, `promparse.go`): blanks between tokens, labels
/// with a comma behind the last or none between them, unknown comments; a NUL where a line may begin ends the page.
/// A label may stand twice in a sample: whoever stores it refuses that. A blank before a metric's name is refused here;
/// Prometheus takes it into the name. Kept from page to page, it allocates nothing for a page that is like the last.
package struct PrometheusTextParser: ~Copyable {
    private var offset = 0
    private var families = FamilyTable(isOpenMetrics: false)
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
            let start = offset
            skipBlanks(page)
            guard offset < page.byteCount else { return }
            switch page.byte(at: offset) {
            case 0: return
            case 0x0a: offset += 1
            case 0x23:
                // A comment without a blank behind its # is one whatever it says; a NUL in it ends the page.
                if try !comment(page, into: &batch) { return }
            case 0x7b:
                offset += 1
                try sample(page, name: nil, hasBrace: true, into: &batch)
            case let byte where Self.isNameStart(byte):
                guard offset == start else {
                    throw ExpositionError("no blank before a metric's name", in: page, at: start, to: offset)
                }
                let name = takeName(page)
                skipBlanks(page)
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
            hasBrace ? try labels.read(page, &offset, .text, name: &name, into: &batch) : SampleBatch.Labels.none
        guard let name else { throw ExpositionError("a metric's name in the braces", in: page, at: start) }
        if given == nil { try checkName(page, name) }
        skipBlanks(page)
        let value = try number(page)
        skipBlanks(page)
        var timestamp = SampleBatch.noTimestamp
        let digits = offset
        while offset < page.byteCount, page.byte(at: offset) &- 0x30 < 10 { offset += 1 }
        if offset > digits {
            guard let milliseconds = page.slice(digits, offset).signed else {
                throw ExpositionError("a timestamp in milliseconds of 64 bits", in: page, at: digits)
            }
            timestamp = milliseconds
            skipBlanks(page)
        }
        guard offset >= page.byteCount || page.byte(at: offset) == 0x0a else {
            throw ExpositionError(
                offset > digits ? "the end of the line" : "a timestamp or the end of the line", in: page, at: offset)
        }
        offset += 1
        let (family, suffix) = families.member(page, name, in: &batch)
        batch.sample(family, set, value, suffix: suffix, timestamp: timestamp)
    }

    private mutating func number(_ page: RawSpan) throws(ExpositionError) -> Double {
        let start = offset
        while offset < page.byteCount {
            let byte = page.byte(at: offset)
            if byte <= 0x20, byte == 0x20 || byte == 0x0a || byte == 0x09 || byte == 0 { break }
            if byte == 0x7b { break }
            offset += 1
        }
        guard offset > start else { throw ExpositionError("a value", in: page, at: start) }
        guard let value = SampleNumber.value(page.slice(start, offset)) else {
            throw ExpositionError("a number", in: page, at: start, to: offset)
        }
        return value
    }

    /// Returns false where a NUL ends the page.
    private mutating func comment(
        _ page: RawSpan, into batch: inout SampleBatch
    ) throws(ExpositionError) -> Bool {
        offset += 1
        let end = page.firstIndex(of: 0x0a, from: offset) ?? page.byteCount
        let blank = offset
        while offset < end, isBlank(page.byte(at: offset)) { offset += 1 }
        guard offset > blank else {
            if let nul = page.firstIndex(of: 0, from: offset), nul < end { return false }
            offset = end
            return true
        }
        let rest = page.slice(offset, end)
        let isHelp = rest.hasPrefix("HELP" as StaticString)
        guard isHelp || rest.hasPrefix("TYPE" as StaticString), rest.byteCount > 4, isBlank(rest.byte(at: 4)) else {
            offset = end
            return true
        }
        offset += 4
        while offset < end, isBlank(page.byte(at: offset)) { offset += 1 }
        let name = try metadataName(page, end)
        let text = textRange(page, min(page.firstIndex(of: 0x0a, from: offset) ?? page.byteCount, page.byteCount))
        let family = families.declared(page, name, in: &batch)
        if isHelp {
            guard page.slice(text.lowerBound, text.upperBound).isUTF8 else {
                throw ExpositionError("help in UTF-8", in: page, at: text.lowerBound, to: text.upperBound)
            }
            scratch.removeAll()
            HelpText.unescape(page, text, keepsQuotes: true, into: &scratch)
            batch.set(help: scratch.bytes, of: family)
        } else {
            guard let type = Self.type(page.slice(text.lowerBound, text.upperBound)) else {
                throw ExpositionError(
                    "counter, gauge, histogram, summary or untyped", in: page, at: text.lowerBound, to: text.upperBound)
            }
            families.set(type: type, of: family, page, name, in: &batch)
        }
        offset = text.upperBound
        return true
    }

    private mutating func metadataName(_ page: RawSpan, _ end: Int) throws(ExpositionError) -> Range<Int> {
        guard offset < end else { throw ExpositionError("a metric's name", in: page, at: offset) }
        if page.byte(at: offset) == 0x22 {
            let name = try LabelReader.quoted(
                page, &offset, allowsNUL: false, allowsLineFeed: true, "a metric's name")
            try checkName(page, name)
            return name
        }
        guard Self.isNameStart(page.byte(at: offset)) else {
            throw ExpositionError("a metric's name", in: page, at: offset)
        }
        return takeName(page)
    }

    /// What stands behind a name up to `end`, without the one byte between them.
    private func textRange(_ page: RawSpan, _ end: Int) -> Range<Int> {
        var index = offset
        while index < end, isBlank(page.byte(at: index)) { index += 1 }
        return index == end ? end..<end : (offset + 1)..<end
    }

    private func checkName(_ page: RawSpan, _ name: Range<Int>) throws(ExpositionError) {
        guard !name.isEmpty, page.slice(name.lowerBound, name.upperBound).isUTF8 else {
            throw ExpositionError("a metric's name in UTF-8", in: page, at: name.lowerBound, to: name.upperBound)
        }
    }

    private static func type(_ word: RawSpan) -> MetricType? {
        switch String(lossy: word) {
        case "counter": .counter
        case "gauge": .gauge
        case "histogram": .histogram
        case "summary": .summary
        case "untyped": .untyped
        default: nil
        }
    }

    // MARK: Tokens

    private mutating func takeName(_ page: RawSpan) -> Range<Int> {
        let start = offset
        while offset < page.byteCount,
            Self.isNameStart(page.byte(at: offset)) || page.byte(at: offset) &- 0x30 < 10
        {
            offset += 1
        }
        return start..<offset
    }

    private mutating func skipBlanks(_ page: RawSpan) {
        while offset < page.byteCount, isBlank(page.byte(at: offset)) { offset += 1 }
    }

    private func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    @inline(__always)
    static func isNameStart(_ byte: UInt8) -> Bool {
        (0x61...0x7a).contains(byte) || (0x41...0x5a).contains(byte) || byte == 0x5f || byte == 0x3a
    }
}

/// Help as it is written.
enum HelpText {
    /// `\\` and `\n` become what they stand for, and `\"` where it does not keep it as it is.
    static func unescape(_ page: RawSpan, _ range: Range<Int>, keepsQuotes: Bool, into buffer: inout ByteBuffer) {
        var index = range.lowerBound
        while index < range.upperBound {
            let byte = page.byte(at: index)
            index += 1
            guard byte == 0x5c, index < range.upperBound else {
                buffer.append(byte)
                continue
            }
            switch page.byte(at: index) {
            case 0x5c: buffer.append(0x5c)
            case 0x6e: buffer.append(0x0a)
            case 0x22 where !keepsQuotes: buffer.append(0x22)
            case let other:
                buffer.append(0x5c)
                buffer.append(other)
            }
            index += 1
        }
    }
}
