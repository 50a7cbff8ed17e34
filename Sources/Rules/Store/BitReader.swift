/// Reads bits, the lowest of each word first. What lies behind the end is 0 and is found out by `isPastEnd`.
struct BitReader {
    private var words: [UInt64] = []
    private(set) var position = 0
    private(set) var bitCount = 0

    /// Begins anew with what `fill` puts into the words, of which there are at least `bitCount` bits.
    mutating func load(bitCount: Int, _ fill: (inout [UInt64]) -> Void) {
        words.removeAll(keepingCapacity: true)
        fill(&words)
        self.bitCount = min(bitCount, words.count * 64)
        // Bits of the last word that are behind the end may be those of a later write.
        if self.bitCount & 63 != 0 { words[self.bitCount >> 6] &= (1 << UInt64(self.bitCount & 63)) - 1 }
        words.append(0)
        words.append(0)
        position = 0
    }

    /// All of the words.
    var content: [UInt64] { Array(words.dropLast(2)) }

    var isAtEnd: Bool { position >= bitCount }
    var isPastEnd: Bool { position > bitCount }

    /// The next 64 bits.
    @inline(__always)
    var peek: UInt64 {
        let index = min(position, bitCount) >> 6
        let offset = UInt64(position & 63)
        return words[index] >> offset | (words[index + 1] << 1) << (63 - offset)
    }

    @inline(__always)
    mutating func skip(_ length: Int) { position &+= length }

    /// The next `length` bits, at most 64.
    @inline(__always)
    mutating func read(_ length: Int) -> UInt64 {
        let bits = length == 64 ? peek : peek & ((1 << UInt64(length)) &- 1)
        position &+= length
        return bits
    }

    /// A number behind its own width of 6 bits.
    @inline(__always)
    mutating func readSized() -> UInt64 { read(Int(read(6))) }
}
