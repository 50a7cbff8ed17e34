import Bytes

/// Whom one jail bans at present, in memory of at most `capacity` bans: at the bound the ban that ends first ends at once and is counted. 80 to
/// 110 bytes each; lines and groups are kept of the latest only (`BanTexts`).
struct BanTable {
    enum Outcome: Equatable {
        /// New, and perhaps another that had to make room.
        case added(lifted: Ban?)
        /// Was there, ends later now.
        case prolonged(Ban)
        /// Was there, and ends no sooner.
        case standing(Ban)
        /// It would be over already.
        case expired
        /// There is no room: all bans are for ever.
        case full
    }

    let capacity: Int
    /// Bits of the networks whose banned members are counted; nil for none.
    let countsMembers: Bool
    /// All bans that were ever added, without restored ones.
    private(set) var total = 0
    /// Those that ended before their time.
    private(set) var evicted = 0

    private var index = TargetIndex()
    /// By number.
    private var records: [Record] = []
    private var texts = BanTexts(capacity: 1 << 20)
    /// Of all bans.
    private var jail = ""
    /// Where bans came from, each once.
    private var origins: [Ban.Origin] = [.failures, .manual("")]
    private var originNumbers: [Ban.Origin: UInt16] = [.failures: 0, .manual(""): 1]
    /// A heap by end. A ban that was lifted or prolonged leaves its place behind, which is passed over when its time comes.
    private var ends: [End] = []
    /// How many bans there are of each length of prefix: 0...32 of IPv4, then 0...128 of IPv6.
    private var lengths = [Int](repeating: 0, count: 33 + 129)
    private var members: [IPNetwork: Int] = [:]

    /// A ban but for its target, which the index has. One whose number is free is not looked at.
    private struct Record {
        var time: Double
        var duration: Double
        var count: UInt32
        var failures: UInt32
        var origin: UInt16
        var isRestored: Bool
    }

    /// Distinct origins at most: what people say about bans by hand is left out beyond.
    private static let mostOrigins = 16_384

    private struct End {
        let time: Double
        let number: Int32
    }

    /// Bits of the networks that a scope's promotion bans.
    static func promotedBits(_ network: IPNetwork) -> Int { network.isIPv4 ? 24 : 48 }

    init(capacity: Int = 1_000_000, countsMembers: Bool = false) {
        self.capacity = max(capacity, 1)
        self.countsMembers = countsMembers
    }

    var count: Int { index.count }

    /// All of them, in no order.
    var all: [Ban] { records.indices.compactMap { ban($0) } }

    subscript(target: BanTarget) -> Ban? { index.number(of: target).flatMap { ban($0) } }

    private func ban(_ number: Int) -> Ban? {
        guard let target = index.targets[number] else { return nil }
        let record = records[number]
        var ban = Ban(jail: jail, target: target, time: record.time, duration: record.duration)
        ban.count = Int(record.count)
        ban.failures = Int(record.failures)
        ban.origin = origins[Int(record.origin)]
        ban.isRestored = record.isRestored
        texts.fill(&ban, number)
        return ban
    }

    private mutating func put(_ ban: Ban, _ number: Int) {
        let record = Record(
            time: ban.time, duration: ban.duration, count: UInt32(clamping: ban.count),
            failures: UInt32(clamping: ban.failures), origin: self.number(of: ban.origin), isRestored: ban.isRestored)
        if number == records.count { records.append(record) } else { records[number] = record }
        texts.keep(ban, number)
    }

    private mutating func number(of origin: Ban.Origin) -> UInt16 {
        if let known = originNumbers[origin] { return known }
        guard origins.count < Self.mostOrigins else { return 1 }
        origins.append(origin)
        originNumbers[origin] = UInt16(origins.count - 1)
        return UInt16(origins.count - 1)
    }

    /// The ban of a network in which this one lies. One look-up for each length of prefix that is banned.
    func covering(_ network: IPNetwork) -> Ban? {
        for bits in 0..<Int(network.length) where lengths[Self.place(network.isIPv4, bits)] > 0 {
            if let ban = self[.network(network.network(bits))] { return ban }
        }
        return nil
    }

    /// How many addresses or networks within this one are banned by themselves; 0 where members are not counted.
    func members(of network: IPNetwork) -> Int { members[network] ?? 0 }

    /// O(log n).
    mutating func add(_ ban: Ban, now: Double) -> Outcome {
        guard ban.end >= now else { return .expired }
        if let number = index.number(of: ban.target), var standing = self.ban(number) {
            guard ban.end > standing.end else { return .standing(standing) }
            // It counts from where it began.
            standing.duration = ban.duration < 0 ? -1 : ban.duration + max(0, ban.time - standing.time)
            records[number].duration = standing.duration
            noteEnd(standing.end, number)
            return .prolonged(standing)
        }
        var lifted: Ban?
        if index.count >= capacity {
            guard let first = removeNext(before: .infinity) else { return .full }
            lifted = first
            evicted &+= 1
        }
        jail = ban.jail
        let number = index.insert(ban.target)
        put(ban, number)
        if !ban.isRestored { total &+= 1 }
        noteEnd(ban.end, number)
        count(ban.target, by: 1)
        return .added(lifted: lifted)
    }

    mutating func remove(_ target: BanTarget) -> Ban? {
        guard let number = index.number(of: target) else { return nil }
        return remove(number)
    }

    /// Those that have ended, at most so many of them, the first first. O(log n) each.
    mutating func removeEnded(now: Double, limit: Int = .max) -> [Ban] {
        var ended: [Ban] = []
        while ended.count < limit, let ban = removeNext(before: now) { ended.append(ban) }
        return ended
    }

    /// When the next one ends, at the earliest.
    var nextEnd: Double? { ends.first?.time }

    private mutating func removeNext(before now: Double) -> Ban? {
        while let next = ends.first, next.time < now {
            popEnd()
            // Else it was lifted or prolonged since.
            if let end = end(Int(next.number)), end == next.time { return remove(Int(next.number)) }
        }
        return nil
    }

    private mutating func remove(_ number: Int) -> Ban? {
        guard let ban = ban(number) else { return nil }
        texts.remove(number)
        index.remove(number)
        count(ban.target, by: -1)
        return ban
    }

    /// When a ban ends; nil for a number that is free.
    private func end(_ number: Int) -> Double? {
        guard index.targets[number] != nil else { return nil }
        return records[number].duration < 0 ? .infinity : records[number].time + records[number].duration
    }

    private static func place(_ isIPv4: Bool, _ bits: Int) -> Int { isIPv4 ? bits : 33 + bits }

    private mutating func count(_ target: BanTarget, by change: Int) {
        guard let network = target.network else { return }
        lengths[Self.place(network.isIPv4, Int(network.length))] += change
        guard countsMembers, Int(network.length) > Self.promotedBits(network) else { return }
        let parent = network.network(Self.promotedBits(network))
        let number = (members[parent] ?? 0) + change
        members[parent] = number > 0 ? number : nil
    }

    // MARK: The heap

    private mutating func noteEnd(_ time: Double, _ number: Int) {
        guard time < .infinity else { return }
        if ends.count > 2 * index.count + 64 { rebuildEnds() }
        ends.append(End(time: time, number: Int32(number)))
        var child = ends.count - 1
        while child > 0, ends[(child - 1) / 2].time > ends[child].time {
            ends.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    private mutating func popEnd() {
        ends.swapAt(0, ends.count - 1)
        ends.removeLast()
        sink(0)
    }

    private mutating func sink(_ start: Int) {
        var parent = start
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < ends.count && ends[child].time < ends[least].time {
                least = child
            }
            guard least != parent else { return }
            ends.swapAt(parent, least)
            parent = least
        }
    }

    /// Without the places left behind.
    private mutating func rebuildEnds() {
        ends = records.indices.compactMap { number in
            end(number).flatMap { $0 < .infinity ? End(time: $0, number: Int32(number)) : nil }
        }
        for parent in stride(from: ends.count / 2 - 1, through: 0, by: -1) { sink(parent) }
    }
}
