/// Who failed how often: fail2ban's estimate of a rate, not a window that slides (`failmanager.py`, `ticket.py`).
///
/// Where more than the find time lies between somebody's first failure and this one, the failures counted so far are cut to what the
/// find time had at their rate, rounded half to even, and the first failure moves up. So five failures 170 s apart reach 5 within
/// 600 s, and any number of them 180 s apart saturates at 4.
///
/// Bounded: at most `capacity` targets, some 130 bytes each, and `matchCapacity` bytes of lines, what it takes to keep them counted; whoever failed longest ago goes first and is counted.
struct FailureTable {
    /// What is known of somebody.
    struct Ticket {
        /// Seconds since 1970.
        fileprivate(set) var first: Double
        fileprivate(set) var last: Double
        /// Estimated within the find time.
        fileprivate(set) var retries: Int
        /// All of them.
        fileprivate(set) var failures: Int
        fileprivate(set) var matches: [String]
        // Neighbours in the order of their last failure; -1 for none.
        fileprivate var older: Int32 = -1
        fileprivate var newer: Int32 = -1
    }

    let findTime: Double
    let maximumMatches: Int
    let capacity: Int
    let matchCapacity: Int
    /// Those that went before their time.
    private(set) var evicted = 0
    /// All failures that were ever counted.
    private(set) var total = 0

    private var index = TargetIndex()
    /// By number; one whose number is free has no matches.
    private var tickets: [Ticket] = []
    private var oldest: Int32 = -1
    private var newest: Int32 = -1
    private var matchBytes = 0

    /// Lines are kept so far, in bytes.
    static let longestMatch = 4096

    init(findTime: Double, maximumMatches: Int, capacity: Int = 100_000, matchCapacity: Int = 32 << 20) {
        self.findTime = findTime
        self.maximumMatches = max(maximumMatches, 0)
        self.capacity = max(capacity, 1)
        self.matchCapacity = matchCapacity
    }

    var count: Int { index.count }

    subscript(target: BanTarget) -> Ticket? { index.number(of: target).map { tickets[$0] } }

    /// Counts a failure. Returns how many there are within the find time. O(1); allocates for kept lines only.
    mutating func add(_ target: BanTarget, time: Double, matches: [String]) -> Int {
        total &+= 1
        let number: Int
        if let known = index.number(of: target) {
            number = known
            adjust(number, to: time)
            tickets[number].retries &+= 1
            tickets[number].failures &+= 1
            unlink(number)
        } else {
            if index.count >= capacity { evictOldest() }
            number = index.insert(target)
            let ticket = Ticket(first: time, last: time, retries: 1, failures: 1, matches: [])
            if number == tickets.count { tickets.append(ticket) } else { tickets[number] = ticket }
        }
        link(number)
        keep(matches, number)
        let retries = tickets[number].retries
        while matchBytes > matchCapacity, index.count > 1 { evictOldest() }
        return retries
    }

    /// Counts `extra` more for a failure that `add` has counted, as those of known offenders weigh more. Nil for who is not in the table.
    mutating func add(extra: Int, to target: BanTarget) -> Int? {
        guard let number = index.number(of: target) else { return nil }
        tickets[number].retries &+= extra
        return tickets[number].retries
    }

    /// Takes somebody out, to be banned or forgotten.
    mutating func remove(_ target: BanTarget) -> Ticket? {
        guard let number = index.number(of: target) else { return nil }
        let ticket = tickets[number]
        remove(number)
        return ticket
    }

    /// Forgets those whose last failure is the find time ago, or longer. O(n).
    mutating func cleanUp(now: Double) {
        guard index.count > 0 else { return }
        let limit = now - findTime
        for number in tickets.indices where tickets[number].last <= limit && index.targets[number] != nil {
            remove(number)
        }
    }

    private mutating func adjust(_ number: Int, to time: Double) {
        let ticket = tickets[number]
        guard time > ticket.last else { return }
        if ticket.first < time - findTime {
            let estimate = (Double(ticket.retries) / (time - ticket.first) * findTime).rounded(.toNearestOrEven)
            tickets[number].retries = Int(exactly: estimate) ?? ticket.retries
            tickets[number].first = time - findTime
        }
        tickets[number].last = time
    }

    private mutating func keep(_ lines: [String], _ number: Int) {
        guard maximumMatches > 0 else { return }
        for line in lines.suffix(maximumMatches) {
            if tickets[number].matches.count >= maximumMatches {
                matchBytes -= Self.cost(tickets[number].matches.removeFirst())
            }
            let isLong = line.utf8.count > Self.longestMatch
            let kept = isLong ? String(decoding: line.utf8.prefix(Self.longestMatch), as: UTF8.self) : line
            matchBytes += Self.cost(kept)
            tickets[number].matches.append(kept)
        }
    }

    /// With its place in an array, and what the heap adds to both.
    private static func cost(_ line: String) -> Int { line.utf8.count + 96 }

    private mutating func evictOldest() {
        guard oldest >= 0 else { return }
        remove(Int(oldest))
        evicted &+= 1
    }

    private mutating func remove(_ number: Int) {
        unlink(number)
        for line in tickets[number].matches { matchBytes -= Self.cost(line) }
        tickets[number].matches = []
        index.remove(number)
    }

    private mutating func link(_ number: Int) {
        tickets[number].older = newest
        tickets[number].newer = -1
        if newest >= 0 { tickets[Int(newest)].newer = Int32(number) } else { oldest = Int32(number) }
        newest = Int32(number)
    }

    private mutating func unlink(_ number: Int) {
        let (older, newer) = (tickets[number].older, tickets[number].newer)
        if older >= 0 { tickets[Int(older)].newer = newer } else { oldest = newer }
        if newer >= 0 { tickets[Int(newer)].older = older } else { newest = older }
    }
}
