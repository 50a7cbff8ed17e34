import Bytes

/// The filters of the jails that read the same lines.
final class JailSet {
    /// The jails, by their number in the crew.
    let jails: [Int]
    /// fail2ban's filters, which read together, and the places of their jails in `jails`.
    private let group: FilterGroup
    private let places: [Int]
    private let others: [(jail: Int, filter: any LineFilter)]

    init(_ filters: [(jail: Int, filter: any LineFilter)]) {
        jails = filters.map(\.jail)
        var together: [Filter] = []
        var places: [Int] = []
        var others: [(jail: Int, filter: any LineFilter)] = []
        for entry in filters {
            if let filter = entry.filter as? Filter {
                together.append(filter)
                places.append(entry.jail)
            } else {
                others.append(entry)
            }
        }
        group = FilterGroup(together)
        self.places = places
        self.others = others
    }

    /// Reads a line; `body` gets the jail's number and what failed in it.
    ///
    /// - Parameter dateNow: what dates without a year count from, where that is another time than `now`.
    func read(
        _ line: RawSpan, time: Double?, now: Double, dateNow: Double? = nil, _ body: (Int, Failure) -> Void
    ) {
        if !places.isEmpty {
            group.read(line, time: time, now: now, dateNow: dateNow) { body(places[$0], $1) }
        }
        for (jail, filter) in others {
            filter.read(line, time: time, now: now) { body(jail, $0) }
        }
    }

    /// Lines read since the last time that should have had a date, by their jail.
    func takeUndated(_ body: (Int, Int) -> Void) { group.takeUndated { body(places[$0], $1) } }

    /// What time a line has by its date; nil where it has none.
    func time(of line: RawSpan, now: Double) -> Double? { group.filters.first?.time(of: line, now: now) }
}
