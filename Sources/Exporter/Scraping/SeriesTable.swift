import Bytes
import Telemetry

/// The series of a cache, found by the bytes they have in a batch and by their labels. Places are given in the order in
/// which series come and stay until `kept`.
struct SeriesTable: ~Copyable {
    struct Entry {
        fileprivate var keyStart: Int
        fileprivate var keyLength: Int32
        fileprivate var hash: UInt32
        /// Nil for one that relabelling drops.
        var series: Series?
        /// The place of the entry that has the state of the series: another one where its labels are those of an earlier
        /// entry with other bytes.
        fileprivate(set) var owner: Int32
        var lastSeen: UInt32
        /// The round in which it was seen last without a timestamp of its own; as owner.
        var trackedIn: UInt32 = 0
        /// Whether its last sample is not a stale marker and asks for one; as owner.
        var isLive = false
        /// Milliseconds since 1970 of its last sample; as owner.
        var lastTime = Int64.min
    }

    var entries: [Entry] = []
    /// The bytes of the series in question: its name, 0xff, its labels.
    var key = ByteBuffer()
    private var keys = ByteBuffer()
    // Open addressing with linear probing; -1 is free.
    private var slots: [Int32] = Array(repeating: -1, count: 32)
    private var labelSlots: [Int32] = Array(repeating: -1, count: 32)

    /// The place of the entry whose bytes are `key`, or -1. `expected` is looked at first.
    func find(expected: Int) -> Int {
        let key = key.bytes
        if expected < entries.count, bytes(expected).equals(key) { return expected }
        let hash = Self.hash(key)
        var slot = Int(hash) & (slots.count - 1)
        while slots[slot] >= 0 {
            let place = Int(slots[slot])
            if entries[place].hash == hash, bytes(place).equals(key) { return place }
            slot = (slot + 1) & (slots.count - 1)
        }
        return -1
    }

    /// The place of the owner of these labels, or nil.
    func find(_ labels: LabelSet) -> Int? {
        var slot = labels.hashValue & (labelSlots.count - 1)
        while labelSlots[slot] >= 0 {
            let place = Int(labelSlots[slot])
            if entries[place].series?.labels == labels { return place }
            slot = (slot + 1) & (labelSlots.count - 1)
        }
        return nil
    }

    /// Adds an entry whose bytes are `key`; without `owner` it is its own.
    mutating func append(series: Series?, owner: Int? = nil, round: UInt32) -> Int {
        let place = entries.count
        entries.append(
            Entry(
                keyStart: keys.count, keyLength: Int32(key.count), hash: Self.hash(key.bytes), series: series,
                owner: Int32(owner ?? place), lastSeen: round))
        Self.copy(key, to: &keys)
        if entries.count * 2 > slots.count {
            let count = slots.count * 2
            slots = Array(repeating: -1, count: count)
            labelSlots = Array(repeating: -1, count: count)
            for place in entries.indices { insert(place) }
        } else {
            insert(place)
        }
        return place
    }

    /// Gives back what growing has taken too much.
    mutating func trim() {
        guard entries.capacity > entries.count + entries.count / 4 else { return }
        var exact: [Entry] = []
        exact.reserveCapacity(entries.count)
        exact.append(contentsOf: entries)
        entries = exact
        keys.release()
    }

    /// A table of the entries seen within the last rounds; owners of such ones are kept too.
    func kept(round: UInt32, longestAbsence: UInt32) -> SeriesTable {
        var isKept = entries.map { round &- $0.lastSeen <= longestAbsence }
        for (index, entry) in entries.enumerated() where isKept[index] { isKept[Int(entry.owner)] = true }
        var result = SeriesTable()
        var places: [Int32] = Array(repeating: -1, count: entries.count)
        for (index, entry) in entries.enumerated() where isKept[index] {
            // An owner stands before whoever it owns.
            let owner = Int(entry.owner) == index ? nil : Int(places[Int(entry.owner)])
            result.key.removeAll()
            result.key.append(bytes(index))
            let place = result.append(series: entry.series, owner: owner, round: entry.lastSeen)
            places[index] = Int32(place)
            result.entries[place].trackedIn = entry.trackedIn
            result.entries[place].isLive = entry.isLive
            result.entries[place].lastTime = entry.lastTime
        }
        return result
    }

    private static func copy(_ key: borrowing ByteBuffer, to keys: inout ByteBuffer) { keys.append(key.bytes) }

    @_lifetime(borrow self)
    private func bytes(_ place: Int) -> RawSpan {
        keys.bytes.slice(entries[place].keyStart, entries[place].keyStart + Int(entries[place].keyLength))
    }

    private mutating func insert(_ place: Int) {
        var slot = Int(entries[place].hash) & (slots.count - 1)
        while slots[slot] >= 0 { slot = (slot + 1) & (slots.count - 1) }
        slots[slot] = Int32(place)
        guard entries[place].owner == place, let labels = entries[place].series?.labels else { return }
        slot = labels.hashValue & (labelSlots.count - 1)
        while labelSlots[slot] >= 0 { slot = (slot + 1) & (labelSlots.count - 1) }
        labelSlots[slot] = Int32(place)
    }

    private static func hash(_ key: RawSpan) -> UInt32 {
        let hash = key.fnv1a
        return UInt32(truncatingIfNeeded: hash ^ hash >> 32)
    }
}
