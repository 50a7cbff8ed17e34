import Bytes

/// Whom a jail bans at present, in memory of at most `capacity` bans: at the bound the ban that ends first ends at once and is counted.
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
    private var bans: [Ban?] = []
    /// A heap by end. A ban that was lifted or prolonged leaves its place behind, which is passed over when its time comes.
    private var ends: [End] = []
    /// How many bans there are of each length of prefix: 0...32 of IPv4, then 0...128 of IPv6.
    private var lengths = [Int](repeating: 0, count: 33 + 129)
    private var members: [IPNetwork: Int] = [:]

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
    var all: [Ban] { bans.compactMap { $0 } }

    subscript(target: BanTarget) -> Ban? { index.number(of: target).flatMap { bans[$0] } }

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
        if let number = index.number(of: ban.target), var standing = bans[number] {
            guard ban.end > standing.end else { return .standing(standing) }
            // It counts from where it began.
            standing.duration = ban.duration < 0 ? -1 : ban.duration + max(0, ban.time - standing.time)
            bans[number] = standing
            noteEnd(standing.end, number)
            return .prolonged(standing)
        }
        var lifted: Ban?
        if index.count >= capacity {
            guard let first = removeNext(before: .infinity) else { return .full }
            lifted = first
            evicted &+= 1
        }
        let number = index.insert(ban.target)
        if number == bans.count { bans.append(ban) } else { bans[number] = ban }
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
            if let ban = bans[Int(next.number)], ban.end == next.time { return remove(Int(next.number)) }
        }
        return nil
    }

    private mutating func remove(_ number: Int) -> Ban? {
        guard let ban = bans[number] else { return nil }
        bans[number] = nil
        index.remove(number)
        count(ban.target, by: -1)
        return ban
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
        ends = bans.enumerated().compactMap { number, ban in
            ban.flatMap { $0.end < .infinity ? End(time: $0.end, number: Int32(number)) : nil }
        }
        for parent in stride(from: ends.count / 2 - 1, through: 0, by: -1) { sink(parent) }
    }
}
