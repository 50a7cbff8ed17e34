import Bytes
import Telemetry

/// Sorts what a page says into the families of a batch: which family a line of metadata or a sample belongs to.
///
/// In a batch a counter's family is named with its `_total` and its samples have no suffix, whatever the format.
struct FamilyTable: ~Copyable {
    private var names = SampleNameTable()
    /// OpenMetrics' rules for suffixes, else the text format's.
    private let isOpenMetrics: Bool
    // The name of the last sample and what it belongs to: pages have their samples family by family.
    private var last = 0..<0
    private var lastFamily = SampleBatch.FamilyID(index: 0)
    private var lastSuffix = SampleSuffix.none
    private var scratch = ByteBuffer()

    init(isOpenMetrics: Bool) { self.isOpenMetrics = isOpenMetrics }

    /// Begins a page.
    mutating func removeAll() {
        names.removeAll()
        last = 0..<0
    }

    /// The family that metadata of `name` belongs to.
    mutating func declared(
        _ page: RawSpan, _ name: Range<Int>, in batch: inout SampleBatch
    ) -> SampleBatch.FamilyID {
        let slot = names.slot(page, name.lowerBound, name.upperBound)
        if names[slot].declared < 0 {
            names[slot].declared = newFamily(page, name, in: &batch).index
            // A name may belong to another family from here on: `a_count`, declared after samples of `a`.
            last = 0..<0
        }
        return SampleBatch.FamilyID(index: names[slot].declared)
    }

    /// Takes a family's type. The first one counts where a later one would give the samples before it other names.
    mutating func set(
        type: MetricType, of family: SampleBatch.FamilyID, _ page: RawSpan, _ name: Range<Int>,
        in batch: inout SampleBatch
    ) {
        last = 0..<0
        let known = batch.families[Int(family.index)].type
        guard isOpenMetrics, type == .counter || known == .counter else {
            return batch.set(type: type, of: family)
        }
        let slot = names.slot(page, name.lowerBound, name.upperBound)
        guard known == .untyped, names[slot].family != family.index else { return }
        scratch.removeAll()
        LabelReader.unescape(page, name, into: &scratch)
        scratch.append("_total" as StaticString)
        batch.set(name: scratch.bytes, of: family)
        batch.set(type: .counter, of: family)
    }

    /// The family and the suffix of a sample's name.
    mutating func member(
        _ page: RawSpan, _ name: Range<Int>, in batch: inout SampleBatch
    ) -> (family: SampleBatch.FamilyID, suffix: SampleSuffix) {
        if last.count == name.count,
            page.slice(last.lowerBound, last.upperBound).equals(page.slice(name.lowerBound, name.upperBound))
        {
            return (lastFamily, lastSuffix)
        }
        let slot = names.slot(page, name.lowerBound, name.upperBound)
        if names[slot].family < 0 {
            let found = resolve(page, name, declared: names[slot].declared, in: &batch)
            names[slot].family = found.family.index
            names[slot].suffix = found.suffix
        }
        last = name
        lastFamily = SampleBatch.FamilyID(index: names[slot].family)
        lastSuffix = names[slot].suffix
        return (lastFamily, lastSuffix)
    }

    private mutating func resolve(
        _ page: RawSpan, _ name: Range<Int>, declared: Int32, in batch: inout SampleBatch
    ) -> (family: SampleBatch.FamilyID, suffix: SampleSuffix) {
        if declared >= 0 {
            // An OpenMetrics counter's family is `a_total`; a sample `a` is a stranger.
            let isStranger = isOpenMetrics && batch.families[Int(declared)].type == .counter
            if !isStranger { return (SampleBatch.FamilyID(index: declared), .none) }
        } else {
            for suffix in SampleSuffix.allCases where suffix != .none {
                let length = suffix.text.utf8CodeUnitCount
                guard name.count > length,
                    page.slice(name.upperBound - length, name.upperBound).equals(suffix.text),
                    let slot = names.find(page, name.lowerBound, name.upperBound - length)
                else { continue }
                let family = names[slot].declared
                guard family >= 0, takes(suffix, batch.families[Int(family)].type) else { continue }
                return (SampleBatch.FamilyID(index: family), suffix == .total ? .none : suffix)
            }
        }
        let family = newFamily(page, name, in: &batch)
        if declared < 0 {
            let slot = names.slot(page, name.lowerBound, name.upperBound)
            names[slot].declared = family.index
        }
        return (family, .none)
    }

    private func takes(_ suffix: SampleSuffix, _ type: MetricType) -> Bool {
        switch (type, suffix) {
        case (.summary, .sum), (.summary, .count), (.histogram, .sum), (.histogram, .count), (.histogram, .bucket):
            true
        case (.summary, .created), (.histogram, .created), (.counter, .created), (.counter, .total), (.info, .info),
            (.gaugehistogram, .bucket), (.gaugehistogram, .gsum), (.gaugehistogram, .gcount),
            (.gaugehistogram, .sum), (.gaugehistogram, .count):
            isOpenMetrics
        default: false
        }
    }

    private mutating func newFamily(
        _ page: RawSpan, _ name: Range<Int>, in batch: inout SampleBatch
    ) -> SampleBatch.FamilyID {
        scratch.removeAll()
        LabelReader.unescape(page, name, into: &scratch)
        return batch.family(named: scratch.bytes)
    }
}
