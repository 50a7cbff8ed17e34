import Bytes

/// The fields of the current entry that matter, picked by name while libsystemd walks through them all.
///
/// Values are copied once, into a buffer that is reused from entry to entry: libsystemd's own memory is gone with its
/// next call. A field that occurs more than once keeps its last value, as promtail has it.
package struct JournalFields: ~Copyable {
    /// A field of the current entry, as places in the buffer; only where all fields are kept.
    struct Item {
        var name: Range<Int>
        var value: Range<Int>
    }

    /// Free of references: looking at one must not count any.
    private struct Slot {
        /// The name's place in `names`.
        var start: Int
        var length: Int
        /// The next slot with the same hash, or -1.
        var next: Int
        var hasExclusions = false
    }

    /// Names beyond this are not journald's.
    private static let longestName = 64
    private static let retainedCapacity = 256 << 10

    private var slots: [Slot] = []
    private var names = ByteBuffer()
    /// Values that make an entry unwanted, by slot.
    private var exclusions: [Int: [[UInt8]]] = [:]
    private var heads = [Int16](repeating: -1, count: 256)
    private var offsets: [Int] = []
    /// -1 for a field the entry does not have.
    private var lengths: [Int] = []
    private var values = ByteBuffer(capacity: 4 << 10)
    private let keepsAll: Bool
    /// Longest value kept; the rest is cut off.
    private let limit: Int

    /// All fields in the order of the journal, where `keepsAll`.
    private(set) var items: [Item] = []
    /// The entry has a field with a value that was excluded.
    private(set) var isExcluded = false
    /// Bytes of all fields, kept or not.
    private(set) var byteCount = 0
    /// The slots whose value was cut at the limit, as bits of the first 64 slots.
    private var cut: UInt64 = 0

    package init(limit: Int, keepsAll: Bool) {
        self.limit = max(1, limit)
        self.keepsAll = keepsAll
    }

    /// The slot of a field, made if it is not there yet. At most 1000 of them.
    package mutating func slot(_ name: String) -> Int {
        let bytes = Array(name.utf8)
        if let known = index(of: bytes.span.bytes, bytes.count) { return known }
        let bucket = Self.hash(bytes.span.bytes, bytes.count)
        slots.append(Slot(start: names.count, length: bytes.count, next: Int(heads[bucket])))
        names.append(bytes)
        heads[bucket] = Int16(clamping: slots.count - 1)
        offsets.append(0)
        lengths.append(-1)
        return slots.count - 1
    }

    /// Entries in which `name` has this value are marked as excluded.
    mutating func exclude(_ name: String, value: [UInt8]) {
        let index = slot(name)
        slots[index].hasExclusions = true
        exclusions[index, default: []].append(value)
    }

    /// Ready for the next entry.
    @inline(__always)
    package mutating func clear() {
        for index in 0..<lengths.count { lengths[index] = -1 }
        values.removeAll()
        isExcluded = false
        byteCount = 0
        cut = 0
        if keepsAll { items.removeAll(keepingCapacity: true) }
    }

    /// Takes one field, `NAME=value`; the value is bytes, not text, and may hold anything.
    @inline(__always)
    mutating func take(_ field: RawSpan) {
        byteCount &+= field.byteCount
        guard let end = field.firstIndex(of: UInt8(ascii: "=")), end > 0, end <= Self.longestName else { return }
        if keepsAll { return takeItem(field, end) }
        if let index = index(of: field, end) { keep(index, field.slice(end &+ 1, field.byteCount)) }
    }

    /// The slot of the name that ends at `end`.
    @inline(__always)
    private func index(of field: RawSpan, _ end: Int) -> Int? {
        var index = Int(heads[Self.hash(field, end)])
        while index >= 0 {
            let slot = slots[index]
            if slot.length == end,
                names.bytes.slice(slot.start, slot.start &+ end).equals(field.slice(0, end))
            {
                return index
            }
            index = slot.next
        }
        return nil
    }

    /// The value of a slot's field; empty where the entry does not have it.
    @inline(__always)
    @_lifetime(borrow self)
    package func value(_ slot: Int) -> RawSpan {
        let start = offsets[slot]
        return values.bytes.slice(start, start &+ max(0, lengths[slot]))
    }

    /// Bytes of an item's name or value.
    @_lifetime(borrow self)
    func bytes(_ range: Range<Int>) -> RawSpan { values.bytes.slice(range.lowerBound, range.upperBound) }

    @inline(__always)
    package func has(_ slot: Int) -> Bool { lengths[slot] >= 0 }

    func isCut(_ slot: Int) -> Bool { slot < 64 && cut & (1 << UInt64(slot)) != 0 }

    /// Gives memory back after an entry of unusual size.
    package mutating func releaseMemory() {
        guard values.capacity > Self.retainedCapacity else { return }
        clear()
        values.release()
    }

    @inline(__always)
    private mutating func keep(_ index: Int, _ value: RawSpan) {
        let length = min(value.byteCount, limit)
        if length < value.byteCount, index < 64 { cut |= 1 << UInt64(index) }
        offsets[index] = values.count
        lengths[index] = length
        values.append(value.slice(0, length))
        if slots[index].hasExclusions { exclude(index, value) }
    }

    private mutating func exclude(_ index: Int, _ value: RawSpan) {
        for excluded in exclusions[index] ?? [] where value.equals(excluded.span.bytes) { isExcluded = true }
    }

    @inline(never)
    private mutating func takeItem(_ field: RawSpan, _ end: Int) {
        let start = values.count
        values.append(field.slice(0, end))
        let length = min(field.byteCount - end - 1, limit)
        if let index = index(of: field, end) {
            keep(index, field.slice(end + 1, field.byteCount))
        } else {
            values.append(field.slice(end + 1, end + 1 + length))
        }
        items.append(Item(name: start..<start + end, value: start + end..<start + end + length))
    }

    /// First and last four bytes and the length tell journald's own field names apart.
    @inline(__always)
    private static func hash(_ field: RawSpan, _ end: Int) -> Int {
        if end >= 4 {
            let head = field.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt32.self)
            let tail = field.unsafeLoadUnaligned(fromByteOffset: end &- 4, as: UInt32.self)
            let mixed = (head &* 0x9e37_79b1) ^ (tail &* 0x85eb_ca6b) ^ (UInt32(truncatingIfNeeded: end) &* 0xc2b2_ae35)
            return Int((mixed &* 0x9e37_79b1) >> 24)
        }
        var hash = end &* 31
        for offset in 0..<end { hash = (hash &* 31) ^ Int(field.byte(at: offset)) }
        return hash & 0xff
    }
}
