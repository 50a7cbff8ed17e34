/// Finds places in an array by hash: open addressing, three quarters full at most. Who asks compares what is there.
struct IndexTable {
    /// The upper half of the hash and the place plus one; 0 is free.
    private var slots: [UInt64] = Array(repeating: 0, count: 16)
    private var count = 0

    var byteCount: Int { slots.count * 8 }

    @inline(__always)
    private static func tag(_ hash: Int) -> UInt64 { UInt64(truncatingIfNeeded: hash) & 0xffff_ffff_0000_0000 }

    @inline(__always)
    private func first(_ tag: UInt64) -> Int { Int(tag >> 32) & (slots.count - 1) }

    /// The place with this hash for which `isIt` holds, or nil.
    @inline(__always)
    func find(_ hash: Int, _ isIt: (Int) -> Bool) -> Int? {
        let tag = Self.tag(hash)
        var slot = first(tag)
        while slots[slot] != 0 {
            let content = slots[slot]
            if content & 0xffff_ffff_0000_0000 == tag {
                let place = Int(content & 0xffff_ffff) - 1
                if isIt(place) { return place }
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    mutating func insert(_ place: Int, hash: Int) {
        if (count + 1) * 4 > slots.count * 3 { grow() }
        put(Self.tag(hash) | UInt64(place + 1))
        count += 1
    }

    /// Takes `place` out, which was put in with this hash.
    mutating func remove(_ place: Int, hash: Int) {
        let tag = Self.tag(hash)
        let content = tag | UInt64(place + 1)
        var slot = first(tag)
        while slots[slot] != content {
            if slots[slot] == 0 { return }
            slot = (slot + 1) & (slots.count - 1)
        }
        count -= 1
        // What comes behind moves up where it may, so that no search ends early.
        var hole = slot
        slots[hole] = 0
        while true {
            slot = (slot + 1) & (slots.count - 1)
            let moved = slots[slot]
            if moved == 0 { return }
            let home = first(moved)
            let mask = slots.count - 1
            if (slot - home) & mask >= (slot - hole) & mask {
                slots[hole] = moved
                slots[slot] = 0
                hole = slot
            }
        }
    }

    private mutating func put(_ content: UInt64) {
        var slot = first(content)
        while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
        slots[slot] = content
    }

    private mutating func grow() {
        let old = slots
        slots = Array(repeating: 0, count: old.count * 2)
        for content in old where content != 0 { put(content) }
    }
}
