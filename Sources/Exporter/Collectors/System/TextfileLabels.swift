import Bytes
import Telemetry

/// The labels that samples of a family lack and others of it have: they get them with empty values, as the page of one
/// program would have them.
struct LabelPadding {
    /// By family whose samples differ: all names of labels but `le` and `quantile`.
    private var names: [Int32: Set<String>] = [:]
    /// Whether a sample has a label twice.
    private(set) var hasRepetition = false

    init(_ batch: borrowing SampleBatch) {
        var hashes: [Int32: UInt64] = [:]
        var uneven: Set<Int32> = []
        for sample in batch.samples {
            let hash = Self.nameHash(batch.bytes(sample.labels.text), &hasRepetition)
            if let first = hashes[sample.family.index] {
                if first != hash { uneven.insert(sample.family.index) }
            } else {
                hashes[sample.family.index] = hash
            }
        }
        guard !uneven.isEmpty else { return }
        for sample in batch.samples where uneven.contains(sample.family.index) {
            for label in SeriesText.pairs(batch.bytes(sample.labels.text)) ?? [] where !Self.isBound(label.name) {
                names[sample.family.index, default: []].insert(label.name)
            }
        }
    }

    /// The labels of a sample, filled up; `withoutBound` leaves out `le` and `quantile`.
    func labels(
        of sample: SampleBatch.Sample, withoutBound: Bool = false, in batch: borrowing SampleBatch,
        into page: inout SampleBatch
    ) -> SampleBatch.Labels {
        let text = batch.bytes(sample.labels.text)
        let names = names[sample.family.index] ?? []
        guard withoutBound || !names.isEmpty, var labels = SeriesText.pairs(text) else {
            return page.labels(verbatim: text, hasQuotedName: sample.labels.hasQuotedName)
        }
        if withoutBound { labels.removeAll { Self.isBound($0.name) } }
        for name in names where !labels.contains(where: { $0.name == name }) { labels.append(Label(name, "")) }
        page.startLabels()
        for label in labels.sorted(by: { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }) {
            page.label(label.name, label.value)
        }
        return page.endLabels()
    }

    private static func isBound(_ name: String) -> Bool { name == "le" || name == "quantile" }

    /// The same for label texts of the same names; `le` and `quantile` do not count.
    private static func nameHash(_ text: RawSpan, _ hasRepetition: inout Bool) -> UInt64 {
        var hash: UInt64 = 0
        var last = 0..<0
        var index = 0
        while index < text.byteCount {
            let start = index
            if text.byte(at: index) == 0x22 { index = end(ofStringIn: text, at: index) }
            while index < text.byteCount, text.byte(at: index) != 0x3d { index += 1 }
            let name = text.slice(start, index)
            // Labels come sorted.
            if name.equals(text.slice(last.lowerBound, last.upperBound)) { hasRepetition = true }
            last = start..<index
            if !name.equals("le" as StaticString), !name.equals("quantile" as StaticString) {
                hash = hash &* 31 &+ name.fnv1a
            }
            // The equals sign, the string, the comma.
            index = end(ofStringIn: text, at: index + 1) + 1
        }
        return hash
    }

    /// Behind the string in quotes that begins at `start`.
    fileprivate static func end(ofStringIn text: RawSpan, at start: Int) -> Int {
        var index = start + 1
        while index < text.byteCount, text.byte(at: index) != 0x22 { index += text.byte(at: index) == 0x5c ? 2 : 1 }
        return min(index + 1, text.byteCount)
    }
}

/// `_sum` and `_count` that a file has not for a summary or histogram: they are written as 0, as Go's client does.
enum MissingParts {
    struct Part {
        /// One that has the labels.
        var sample: Int
        var suffix: SampleSuffix
    }

    static func of(_ batch: borrowing SampleBatch) -> [Part] {
        var groups: [UInt64: (sample: Int, hasSum: Bool, hasCount: Bool)] = [:]
        for (index, sample) in batch.samples.enumerated() {
            switch batch.families[Int(sample.family.index)].type {
            case .summary, .histogram: break
            default: continue
            }
            let hash = hash(batch.bytes(sample.labels.text), family: sample.family.index)
            var group = groups[hash] ?? (index, false, false)
            if sample.suffix == .sum { group.hasSum = true }
            if sample.suffix == .count { group.hasCount = true }
            groups[hash] = group
        }
        var parts: [Part] = []
        for group in groups.values.sorted(by: { $0.sample < $1.sample }) {
            if !group.hasSum { parts.append(Part(sample: group.sample, suffix: .sum)) }
            if !group.hasCount { parts.append(Part(sample: group.sample, suffix: .count)) }
        }
        return parts
    }

    /// Of the labels but `le` and `quantile`.
    private static func hash(_ text: RawSpan, family: Int32) -> UInt64 {
        var hash = UInt64(truncatingIfNeeded: family)
        var index = 0
        while index < text.byteCount {
            let start = index
            if text.byte(at: index) == 0x22 { index = LabelPadding.end(ofStringIn: text, at: index) }
            while index < text.byteCount, text.byte(at: index) != 0x3d { index += 1 }
            let name = text.slice(start, index)
            let end = LabelPadding.end(ofStringIn: text, at: index + 1)
            if !name.equals("le" as StaticString), !name.equals("quantile" as StaticString) {
                hash = hash &* 31 &+ text.slice(start, end).fnv1a
            }
            index = end + 1
        }
        return hash
    }
}
