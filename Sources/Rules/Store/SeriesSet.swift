/// A set of series, as bits.
struct SeriesSet {
    private var words: [UInt64]

    init(capacity: Int) { words = Array(repeating: 0, count: (capacity + 63) / 64) }

    mutating func insert(_ series: UInt32) {
        let word = Int(series >> 6)
        if word < words.count { words[word] |= 1 << UInt64(series & 63) }
    }

    func contains(_ series: UInt32) -> Bool {
        let word = Int(series >> 6)
        return word < words.count && words[word] >> UInt64(series & 63) & 1 == 1
    }

    mutating func formIntersection(_ other: SeriesSet) {
        for word in words.indices { words[word] &= other.words[word] }
    }

    mutating func subtract(_ other: SeriesSet) {
        for word in words.indices { words[word] &= ~other.words[word] }
    }

    /// Ascending.
    var members: [UInt32] {
        var result: [UInt32] = []
        for (index, word) in words.enumerated() {
            var rest = word
            while rest != 0 {
                result.append(UInt32(index * 64 + rest.trailingZeroBitCount))
                rest &= rest - 1
            }
        }
        return result
    }
}
