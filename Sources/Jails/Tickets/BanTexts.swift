/// Lines and groups of the latest bans of a table, in memory of at most `capacity` bytes: those of older bans are on disk, in the history
/// of bans.
struct BanTexts {
    private struct Texts {
        let matches: [String]
        let groups: [String: String]
        let size: Int
        let serial: Int
    }

    private let capacity: Int
    private(set) var byteCount = 0
    /// By the ban's number in its table.
    private var texts: [Int32: Texts] = [:]
    /// Oldest first; some are gone meanwhile.
    private var order: [(number: Int32, serial: Int)] = []
    private var first = 0
    private var serial = 0

    init(capacity: Int) { self.capacity = capacity }

    /// Bytes that lines and groups take, their overhead among them.
    static func size(matches: [String], groups: [String: String]) -> Int {
        if matches.isEmpty, groups.isEmpty { return 0 }
        return matches.reduce(200) { $0 + $1.utf8.count + 64 }
            + groups.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count + 128 }
    }

    mutating func keep(_ ban: Ban, _ number: Int) {
        let size = Self.size(matches: ban.matches, groups: ban.groups)
        guard size > 0, size <= capacity else { return }
        remove(number)
        serial &+= 1
        texts[Int32(number)] = Texts(matches: ban.matches, groups: ban.groups, size: size, serial: serial)
        order.append((Int32(number), serial))
        byteCount += size
        while byteCount > capacity, first < order.count {
            let (oldest, serial) = order[first]
            first += 1
            if texts[oldest]?.serial == serial { remove(Int(oldest)) }
        }
        if order.count > 4 * texts.count + 64 {
            order = order[first...].filter { texts[$0.number]?.serial == $0.serial }
            first = 0
        }
    }

    mutating func remove(_ number: Int) {
        if let gone = texts.removeValue(forKey: Int32(number)) { byteCount -= gone.size }
    }

    /// Gives a ban what is kept of it.
    func fill(_ ban: inout Ban, _ number: Int) {
        guard let kept = texts[Int32(number)] else { return }
        ban.matches = kept.matches
        ban.groups = kept.groups
    }
}
