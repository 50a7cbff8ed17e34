/// Distinct byte strings, numbered in the order in which they came: 0, 1, …
///
/// Finding or adding one is O(its length). The table's order is seeded anew in each process, so that nobody who
/// chooses the strings can make it slow.
package struct SymbolTable: ~Copyable {
    private var text = ByteBuffer()
    /// Where each symbol ends in `text`.
    private var ends: [Int32] = []
    /// Open addressing: a symbol's number plus one, or 0. Its count is a power of two, at most half of it used.
    private var slots: [Int32] = []

    package init() {}

    package var count: Int { ends.count }

    /// The bytes of all symbols together.
    package var byteCount: Int { text.count }

    @_lifetime(borrow self)
    package func symbol(_ number: Int) -> RawSpan {
        text.bytes.extracting((number == 0 ? 0 : Int(ends[number - 1]))..<Int(ends[number]))
    }

    /// The number of `symbol`, which is added where it is new.
    package mutating func number(of symbol: RawSpan) -> Int {
        if (ends.count + 1) * 2 > slots.count { grow() }
        var slot = Self.hash(symbol) & (slots.count - 1)
        while slots[slot] != 0 {
            let number = Int(slots[slot]) - 1
            if self.symbol(number).equals(symbol) { return number }
            slot = (slot + 1) & (slots.count - 1)
        }
        text.append(symbol)
        precondition(text.count < Int32.max, "a symbol table of 2 GiB")
        ends.append(Int32(text.count))
        slots[slot] = Int32(ends.count)
        return ends.count - 1
    }

    package mutating func number(of symbol: String) -> Int {
        var copy = symbol
        return copy.withUTF8 { number(of: UnsafeRawBufferPointer($0).bytes) }
    }

    /// Empties it, keeping the memory.
    package mutating func removeAll() {
        text.removeAll()
        ends.removeAll(keepingCapacity: true)
        for slot in slots.indices { slots[slot] = 0 }
    }

    /// Empties it, giving the memory back.
    package mutating func release() {
        text.removeAll()
        text.release()
        ends = []
        slots = []
    }

    private mutating func grow() {
        slots = Array(repeating: 0, count: max(64, slots.count * 2))
        for number in ends.indices {
            var slot = Self.hash(symbol(number)) & (slots.count - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = Int32(number + 1)
        }
    }

    private static func hash(_ symbol: RawSpan) -> Int {
        var hasher = Hasher()
        symbol.withUnsafeBytes { hasher.combine(bytes: $0) }
        return hasher.finalize()
    }
}
