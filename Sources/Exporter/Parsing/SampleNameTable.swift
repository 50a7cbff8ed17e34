import Bytes
import Telemetry

/// Of one page, which family a name belongs to: names of families as `TYPE` and `HELP` declare them, names of samples as
/// they were found to belong. Keys are bytes of the page. Kept from page to page, it allocates nothing for a page with no
/// more names than the last.
struct SampleNameTable: ~Copyable {
    struct Entry {
        fileprivate var start: Int32 = 0
        fileprivate var length: Int32 = 0
        fileprivate var generation: UInt32 = 0
        /// The family declared under this name, or -1.
        var declared: Int32 = -1
        /// The family that samples of this name belong to, or -1 where none has been seen.
        var family: Int32 = -1
        var suffix = SampleSuffix.none
    }

    private var entries: [Entry] = Array(repeating: Entry(), count: 64)
    private var generation: UInt32 = 1
    private var count = 0

    /// Forgets all names.
    mutating func removeAll() {
        count = 0
        generation &+= 1
        if generation == 0 {
            for index in entries.indices { entries[index] = Entry() }
            generation = 1
        }
    }

    subscript(slot: Int) -> Entry {
        get { entries[slot] }
        set { entries[slot] = newValue }
    }

    /// The slot of the name that stands in `page` from `start` to `end`, or nil.
    func find(_ page: RawSpan, _ start: Int, _ end: Int) -> Int? {
        let slot = place(page, start, end)
        return entries[slot].generation == generation ? slot : nil
    }

    /// As `find`, and makes one where there is none. Slots are valid until the next call.
    mutating func slot(_ page: RawSpan, _ start: Int, _ end: Int) -> Int {
        let slot = place(page, start, end)
        if entries[slot].generation == generation { return slot }
        if count * 2 >= entries.count {
            grow(page)
            return self.slot(page, start, end)
        }
        count += 1
        entries[slot] = Entry(start: Int32(start), length: Int32(end - start), generation: generation)
        return slot
    }

    private func place(_ page: RawSpan, _ start: Int, _ end: Int) -> Int {
        let name = page.slice(start, end)
        let mask = entries.count - 1
        var slot = Int(truncatingIfNeeded: name.fnv1a) & mask
        while entries[slot].generation == generation {
            let entry = entries[slot]
            if Int(entry.length) == end - start,
                page.slice(Int(entry.start), Int(entry.start &+ entry.length)).equals(name)
            {
                break
            }
            slot = (slot + 1) & mask
        }
        return slot
    }

    private mutating func grow(_ page: RawSpan) {
        let old = entries
        entries = Array(repeating: Entry(), count: old.count * 2)
        for entry in old where entry.generation == generation {
            let slot = place(page, Int(entry.start), Int(entry.start &+ entry.length))
            entries[slot] = entry
        }
    }
}
