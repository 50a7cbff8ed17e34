import Bytes
import Telemetry

/// In which order a batch is written: families by name, and of each its samples by their labels.
///
/// Families of the same name form one group. Kept from page to page, it allocates nothing for a batch no larger than
/// the last. O(n log n), O(n) where the batch is in order already.
struct ExpositionOrder: ~Copyable {
    /// Families by name.
    private var families: [Int32] = []
    /// Of each family, its group.
    private var groups: [Int32] = []
    /// Of each group, the place of its first family in `families`.
    private var firstFamilies: [Int32] = []
    /// Of each group, where its samples begin in `sampleIndices`; one more for the end.
    private var starts: [Int32] = []
    /// The batch's samples, group by group.
    private(set) var sampleIndices: [Int32] = []
    /// Of each place in `sampleIndices`, whether an equal sample stands before it.
    private var duplicateFlags: [Bool] = []
    private var sorted: [Int32] = []

    var groupCount: Int { firstFamilies.count }

    /// The family whose name, type and help a group goes by.
    func family(of group: Int) -> Int { Int(families[Int(firstFamilies[group])]) }

    /// Places in `sampleIndices`.
    func samples(of group: Int) -> Range<Int> { Int(starts[group])..<Int(starts[group + 1]) }

    func isDuplicate(at position: Int) -> Bool { duplicateFlags[position] }

    mutating func arrange(_ batch: borrowing SampleBatch) {
        orderFamilies(batch)
        distributeSamples(batch)
        for group in 0..<groupCount { orderSamples(of: group, batch) }
    }

    private mutating func orderFamilies(_ batch: borrowing SampleBatch) {
        func order(_ a: Int32, _ b: Int32) -> Int {
            batch.bytes(batch.families[Int(a)].name).compare(batch.bytes(batch.families[Int(b)].name))
        }
        // By place where names are equal, so that the one begun first gives type and help.
        func precedes(_ a: Int32, _ b: Int32) -> Bool {
            let order = order(a, b)
            return order == 0 ? a < b : order < 0
        }
        // From page to page the same families come in the same places: the last order mostly holds.
        var isOrdered = families.count == batch.families.count
        var place = 1
        while isOrdered, place < families.count {
            isOrdered = precedes(families[place - 1], families[place])
            place += 1
        }
        if !isOrdered {
            families.removeAll(keepingCapacity: true)
            for index in 0..<Int32(batch.families.count) { families.append(index) }
            families.sort(by: precedes)
        }
        groups.removeAll(keepingCapacity: true)
        groups.append(contentsOf: repeatElement(0, count: families.count))
        firstFamilies.removeAll(keepingCapacity: true)
        for (place, family) in families.enumerated() {
            if place == 0 || order(families[place - 1], family) != 0 { firstFamilies.append(Int32(place)) }
            groups[Int(family)] = Int32(firstFamilies.count - 1)
        }
    }

    /// A counting sort by group, stable.
    private mutating func distributeSamples(_ batch: borrowing SampleBatch) {
        starts.removeAll(keepingCapacity: true)
        starts.append(contentsOf: repeatElement(0, count: groupCount + 1))
        for sample in batch.samples { starts[Int(groups[Int(sample.family.index)]) + 1] += 1 }
        for group in 0..<groupCount { starts[group + 1] += starts[group] }
        sampleIndices.removeAll(keepingCapacity: true)
        sampleIndices.append(contentsOf: repeatElement(0, count: batch.samples.count))
        for index in batch.samples.indices {
            let group = Int(groups[Int(batch.samples[index].family.index)])
            sampleIndices[Int(starts[group])] = Int32(index)
            starts[group] += 1
        }
        for group in stride(from: groupCount, to: 0, by: -1) { starts[group] = starts[group - 1] }
        starts[0] = 0
        duplicateFlags.removeAll(keepingCapacity: true)
        duplicateFlags.append(contentsOf: repeatElement(false, count: batch.samples.count))
    }

    /// Sorts a group's samples by labels and flags duplicates. Histograms and summaries stay as they were written, bucket after
    /// bucket.
    private mutating func orderSamples(of group: Int, _ batch: borrowing SampleBatch) {
        let range = samples(of: group)
        guard range.count > 1 else { return }
        func order(_ a: Int32, _ b: Int32) -> Int {
            let x = batch.samples[Int(a)]
            let y = batch.samples[Int(b)]
            let order = batch.bytes(x.labels.text).compare(batch.bytes(y.labels.text))
            return order == 0 ? Int(x.suffix.rawValue) - Int(y.suffix.rawValue) : order
        }
        var isSorted = true
        for place in range.dropFirst() where order(sampleIndices[place - 1], sampleIndices[place]) >= 0 {
            isSorted = false
            break
        }
        if isSorted { return }
        sorted.removeAll(keepingCapacity: true)
        sorted.append(contentsOf: sampleIndices[range])
        sorted.sort { a, b in
            let order = order(a, b)
            return order == 0 ? a < b : order < 0
        }
        switch batch.families[family(of: group)].type {
        case .histogram, .summary, .gaugehistogram:
            for index in 1..<sorted.count where order(sorted[index - 1], sorted[index]) == 0 {
                for place in range where sampleIndices[place] == sorted[index] { duplicateFlags[place] = true }
            }
        default:
            for (offset, index) in sorted.enumerated() {
                sampleIndices[range.lowerBound + offset] = index
                if offset > 0, order(sorted[offset - 1], index) == 0 {
                    duplicateFlags[range.lowerBound + offset] = true
                }
            }
        }
    }
}
