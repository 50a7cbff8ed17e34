import Bytes

/// Who is and was banned, in memory: 56 bytes for each jail of each target, and an index over the targets. Names of jails and origins
/// are kept once each.
///
/// Nothing is taken out one by one: what is forgotten is marked and goes with the next `purge`. Finding is O(1), and O(jails
/// that banned the target) behind it.
struct RememberedBans: ~Copyable {
    private struct Entry {
        var target: BanTarget
        var flags: UInt8
        var jail: UInt16
        var origin: UInt16
        var count: UInt32
        var failures: UInt32
        var time: Double
        var duration: Double
        /// Where its groups are on disk; 0 where it has none.
        var place: UInt32 = 0
        /// The next entry of the same target; -1 at the end.
        var next: Int32 = -1

        static let active: UInt8 = 1
        static let dead: UInt8 = 2
        static let originShift: UInt8 = 4

        var isActive: Bool { flags & (Entry.active | Entry.dead) == Entry.active }
        var isDead: Bool { flags & Entry.dead != 0 }
    }

    /// Distinct names at most; a manual ban's text that would be one more is not kept.
    private static let mostNames = 16_384

    private var entries: [Entry] = []
    /// Open addressing: the number of a target's first entry plus one, or 0. Its count is a power of two, at most 3/4 of it used.
    private var slots: [Int32] = []
    private var targets = 0
    private var symbols = SymbolTable()
    private var names: [String] = []
    private(set) var dead = 0
    private(set) var active = 0

    init() {}

    /// All entries, ended ones among them.
    var count: Int { entries.count - dead }
    var numbers: Range<Int> { entries.indices }
    /// Bytes allocated.
    var byteCount: Int {
        entries.capacity * MemoryLayout<Entry>.stride + slots.capacity * 4 + symbols.byteCount + names.count * 24
    }

    // MARK: Changing

    /// Puts in a ban, or puts it in place of the one that is there; nil where there is no more room for names.
    @discardableResult
    mutating func set(_ ban: Ban, isActive: Bool, keepsGroups: Bool = false) -> Int? {
        guard let jail = name(BanTextLimit.cut(ban.jail, BanTextLimit.jail)) else { return nil }
        let origin = ban.origin.text.flatMap { name(BanTextLimit.cut($0, BanTextLimit.origin)) }
        return set(
            ban.target, jail: jail, origin: origin ?? .max, kind: ban.origin.number, isActive: isActive,
            keepsGroups: keepsGroups, count: UInt32(clamping: ban.count), failures: UInt32(clamping: ban.failures),
            time: ban.time,
            duration: ban.duration)
    }

    private mutating func set(
        _ target: BanTarget, jail: UInt16, origin: UInt16, kind: UInt8, isActive: Bool, keepsGroups: Bool,
        count: UInt32, failures: UInt32, time: Double, duration: Double
    ) -> Int {
        let number = find(target, jail) ?? add(target, jail)
        if entries[number].isDead { dead -= 1 }
        if entries[number].isActive { active -= 1 }
        entries[number].flags = (isActive ? Entry.active : 0) | kind << Entry.originShift
        entries[number].origin = origin
        entries[number].count = count
        entries[number].failures = failures
        entries[number].time = time
        entries[number].duration = duration
        if !keepsGroups { entries[number].place = 0 }
        if isActive { active += 1 }
        return number
    }

    /// The ban is over, its count stays; false where there is none.
    mutating func end(_ target: BanTarget, in jail: String) -> Bool {
        guard let number = find(target, in: jail), entries[number].isActive else { return false }
        entries[number].flags &= ~Entry.active
        active -= 1
        return true
    }

    /// Forgets a target in one jail or in all; false where there is nothing.
    mutating func forget(_ target: BanTarget, in jail: String?) -> Bool {
        var isFound = false
        var number = first(target)
        while number >= 0 {
            if !entries[number].isDead, jail.map({ names[Int(entries[number].jail)] == $0 }) ?? true {
                kill(number)
                isFound = true
            }
            number = Int(entries[number].next)
        }
        return isFound
    }

    private mutating func kill(_ number: Int) {
        if entries[number].isActive { active -= 1 }
        entries[number].flags = Entry.dead
        dead += 1
    }

    /// Drops what is over for longer than three times its duration and `leastAge` seconds, and more of what is over, the
    /// oldest first, where more than `most` are left. O(count).
    mutating func purge(now: Double, leastAge: Double, most: Int) {
        for number in entries.indices where !entries[number].isDead {
            let entry = entries[number]
            // Nobody ends bans of a jail that is no longer there.
            guard !entry.isActive || (entry.duration >= 0 && entry.time + entry.duration < now) else { continue }
            if entry.time + max(3 * entry.duration, leastAge) < now { kill(number) }
        }
        if count > most {
            // Some more, so that this does not come again at once.
            let excess = count - most + most / 16
            let over = entries.indices.filter { !entries[$0].isDead && !entries[$0].isActive }
                .sorted { entries[$0].time < entries[$1].time }
            for number in over.prefix(excess) { kill(number) }
        }
        guard dead > 0 else { return }
        let kept = entries.filter { !$0.isDead }
        entries = []
        slots = []
        targets = 0
        entries.reserveCapacity(kept.count + kept.count / 8)
        for entry in kept {
            let number = add(entry.target, entry.jail)
            let next = entries[number].next
            entries[number] = entry
            entries[number].next = next
        }
        dead = 0
    }

    // MARK: Asking

    func record(of target: BanTarget, in jail: String?) -> BanRecord? {
        var result: BanRecord?
        var number = first(target)
        while number >= 0 {
            let entry = entries[number]
            if !entry.isDead, entry.count > 0, jail.map({ names[Int(entry.jail)] == $0 }) ?? true {
                let record = BanRecord(
                    count: Int(entry.count), lastTime: entry.time, lastDuration: entry.duration)
                result = result?.joined(with: record) ?? record
            }
            number = Int(entry.next)
        }
        return result
    }

    /// A ban without its groups and matches, and whether it stands; nil for one that is forgotten.
    func ban(_ number: Int) -> (ban: Ban, isActive: Bool)? {
        let entry = entries[number]
        guard !entry.isDead else { return nil }
        var ban = Ban(jail: names[Int(entry.jail)], target: entry.target, time: entry.time, duration: entry.duration)
        ban.count = Int(entry.count)
        ban.failures = Int(entry.failures)
        let text = Int(entry.origin) < names.count ? names[Int(entry.origin)] : ""
        ban.origin = Ban.Origin(number: entry.flags >> Entry.originShift, text: text) ?? .failures
        return (ban, entry.isActive)
    }

    /// The numbers of a target's entries.
    func numbers(of target: BanTarget) -> [Int] {
        var result: [Int] = []
        var number = first(target)
        while number >= 0 {
            result.append(number)
            number = Int(entries[number].next)
        }
        return result
    }

    func place(_ number: Int) -> UInt32 { entries[number].place }
    mutating func setPlace(_ number: Int, _ place: UInt32) { entries[number].place = place }

    func find(_ target: BanTarget, in jail: String) -> Int? {
        var number = first(target)
        while number >= 0 {
            if names[Int(entries[number].jail)] == jail { return number }
            number = Int(entries[number].next)
        }
        return nil
    }

    private func find(_ target: BanTarget, _ jail: UInt16) -> Int? {
        var number = first(target)
        while number >= 0 {
            if entries[number].jail == jail { return number }
            number = Int(entries[number].next)
        }
        return nil
    }

    // MARK: The index

    private func first(_ target: BanTarget) -> Int {
        guard !slots.isEmpty else { return -1 }
        return Int(slots[slot(target)]) - 1
    }

    /// Where the target is, or where it would be.
    private func slot(_ target: BanTarget) -> Int {
        var slot = target.hashValue & (slots.count - 1)
        while slots[slot] != 0, entries[Int(slots[slot]) - 1].target != target { slot = (slot + 1) & (slots.count - 1) }
        return slot
    }

    private mutating func add(_ target: BanTarget, _ jail: UInt16) -> Int {
        if (targets + 1) * 4 > slots.count * 3 { grow() }
        let number = entries.count
        var entry = Entry(
            target: target, flags: Entry.dead, jail: jail, origin: .max, count: 0, failures: 0, time: 0, duration: 0)
        let slot = slot(target)
        if slots[slot] == 0 {
            slots[slot] = Int32(number + 1)
            targets += 1
        } else {
            // Behind the first, whose place in the index stays.
            let first = Int(slots[slot]) - 1
            entry.next = entries[first].next
            entries[first].next = Int32(number)
        }
        entries.append(entry)
        dead += 1
        return number
    }

    private mutating func grow() {
        let old = slots
        slots = Array(repeating: 0, count: max(64, old.count * 2))
        for value in old where value != 0 { slots[slot(entries[Int(value) - 1].target)] = value }
    }

    private mutating func name(_ text: String) -> UInt16? {
        var copy = text
        return copy.withUTF8 { name(UnsafeRawBufferPointer($0).bytes) }
    }

    private mutating func name(_ text: RawSpan) -> UInt16? {
        if names.count >= Self.mostNames { return names.firstIndex { text.equals($0) }.map { UInt16($0) } }
        let number = symbols.number(of: text)
        if number == names.count { names.append(String(lossy: text)) }
        return UInt16(number)
    }
}

/// Changes as they stand on disk; each says how things are, not what is to be added, so that it may be read twice.
extension RememberedBans {
    enum Kind {
        static let ban: UInt8 = 1
        static let ended: UInt8 = 2
        static let forgotten: UInt8 = 3
        static let position: UInt8 = 4
        static let positionForgotten: UInt8 = 5
    }

    /// - Parameter keepsGroups: those of the record before this one are this ban's.
    static func write(_ ban: Ban, isActive: Bool, keepsGroups: Bool = false, into buffer: inout ByteBuffer) {
        buffer.append(Kind.ban)
        buffer.append(field: BanTextLimit.cut(ban.jail, BanTextLimit.jail))
        buffer.append(ban.target)
        buffer.append((isActive ? 1 : 0) | (keepsGroups ? 2 : 0))
        buffer.append(field: ban.time)
        buffer.append(field: ban.duration)
        buffer.append(varint: UInt64(clamping: ban.count))
        buffer.append(varint: UInt64(clamping: ban.failures))
        var origin = ban.origin
        if let text = origin.text, text.utf8.count > BanTextLimit.origin {
            origin = Ban.Origin(number: origin.number, text: BanTextLimit.cut(text, BanTextLimit.origin)) ?? origin
        }
        buffer.append(origin)
        buffer.append(BanTextLimit.cut(ban.groups))
    }

    static func write(_ kind: UInt8, _ target: BanTarget, in jail: String, into buffer: inout ByteBuffer) {
        buffer.append(kind)
        buffer.append(field: BanTextLimit.cut(jail, BanTextLimit.jail))
        buffer.append(target)
    }

    /// Does what a record says, which lies at `place`; false for a damaged one.
    mutating func apply(_ record: RawSpan, at place: UInt64) -> Bool {
        var reader = BanRecordReader(record)
        guard let kind = reader.byte(), let jail = reader.range(), let target = reader.target() else { return false }
        guard kind == Kind.ban else {
            guard reader.isAtEnd else { return false }
            let name = String(lossy: record.extracting(jail))
            switch kind {
            case Kind.ended: _ = end(target, in: name)
            case Kind.forgotten: _ = forget(target, in: name.isEmpty ? nil : name)
            default: return false
            }
            return true
        }
        guard let flags = reader.byte(), flags < 4, let time = reader.number(), let duration = reader.number(),
            let count = reader.varint(), let failures = reader.varint(), let originKind = reader.byte(), originKind < 4
        else { return false }
        var origin = UInt16.max
        if originKind != 0 {
            guard let range = reader.range() else { return false }
            origin = name(record.extracting(range)) ?? .max
        }
        guard let groups = reader.varint() else { return false }
        guard let jail = name(record.extracting(jail)) else { return true }
        let number = set(
            target, jail: jail, origin: origin, kind: originKind, isActive: flags & 1 != 0,
            keepsGroups: flags & 2 != 0, count: UInt32(clamping: count), failures: UInt32(clamping: failures),
            time: time, duration: duration)
        if groups > 0, flags & 1 != 0 { setPlace(number, UInt32(exactly: place) ?? 0) }
        return true
    }

    /// The groups of a record, where it is that of this ban.
    static func groups(in record: RawSpan, of ban: Ban) -> [String: String]? {
        var reader = BanRecordReader(record)
        guard reader.byte() == Kind.ban, reader.text() == ban.jail, reader.target() == ban.target, reader.byte() != nil,
            reader.number() != nil, reader.number() != nil, reader.varint() != nil, reader.varint() != nil,
            reader.origin() != nil
        else { return nil }
        return reader.groups()
    }
}
