/// The records that are not acknowledged, by sequence number: what they hold, and the sum of it.
struct RecordLedger: Sendable {
    struct Entry: Sendable {
        var sequence: UInt64
        var samples: UInt32
        var exemplars: UInt32
        /// Milliseconds since 1970.
        var arrived: Int64
    }

    private var entries: [Entry] = []
    private var first = 0
    private(set) var samples = 0

    /// Of the oldest record.
    var oldestArrival: Int64? { first < entries.count ? entries[first].arrived : nil }
    /// Of the newest record.
    var lastSequence: UInt64? { first < entries.count ? entries[entries.count - 1].sequence : nil }

    /// Adds a record that is newer than all others.
    mutating func append(_ header: QueueRecordHeader) {
        // Damage may show an older number behind a newer one.
        guard header.sequence > lastSequence ?? 0 else { return }
        entries.append(
            Entry(
                sequence: header.sequence, samples: UInt32(clamping: header.summary.samples),
                exemplars: UInt32(clamping: header.summary.exemplars), arrived: header.arrived))
        samples += header.summary.samples
    }

    /// Removes all up to `sequence`; returns what they held. Amortised O(1) a record.
    mutating func remove(through sequence: UInt64) -> (samples: Int, exemplars: Int) {
        var held = (samples: 0, exemplars: 0)
        while first < entries.count, entries[first].sequence <= sequence {
            held.samples += Int(entries[first].samples)
            held.exemplars += Int(entries[first].exemplars)
            first += 1
        }
        if first > 1000, first * 2 > entries.count {
            entries.removeFirst(first)
            first = 0
        }
        samples -= held.samples
        return held
    }

    /// Takes out what one record held, wherever it stands. O(log n).
    mutating func empty(_ sequence: UInt64) -> (samples: Int, exemplars: Int) {
        var low = first
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].sequence < sequence { low = middle + 1 } else { high = middle }
        }
        guard low < entries.count, entries[low].sequence == sequence else { return (0, 0) }
        let held = (samples: Int(entries[low].samples), exemplars: Int(entries[low].exemplars))
        entries[low].samples = 0
        entries[low].exemplars = 0
        samples -= held.samples
        return held
    }
}
