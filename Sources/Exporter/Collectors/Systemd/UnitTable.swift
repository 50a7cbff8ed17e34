import Bytes
import Telemetry

/// What is remembered of units from page to page: the type of services, which systemd tells only when asked for each
/// one, and which changes only when it reads its units anew.
final class UnitTable {
    struct Unit {
        /// What D-Bus calls it.
        var path: String
        /// The label `type`, among `types`; nil while it is not known.
        fileprivate var type: Int?
        /// The page on which it was last listed.
        fileprivate var page = 0
    }

    private var names = SymbolTable()
    private var types = SymbolTable()
    private var units: [Unit] = []
    /// Of each unit its place by name; of the first so many.
    private var ranks: [Int32] = []
    private var page = 0
    private var listed = 0
    /// When systemd last read its units, as it writes it; empty where it is too old to say.
    private var loadTime = ""
    private var forgotten = Timestamp.monotonic

    /// Seconds after which types are asked for again where systemd does not say whether it read its units anew.
    private static let longest = 300.0

    func path(_ unit: Int) -> String { units[unit].path }

    func knowsType(_ unit: Int) -> Bool { units[unit].type != nil }

    func setType(_ unit: Int, to type: RawSpan) { units[unit].type = types.number(of: type) }

    /// Writes a unit's name as a label of the set begun.
    func writeName(_ unit: Int, into batch: inout SampleBatch) {
        Self.write("name", names, unit, into: &batch)
    }

    /// Writes a unit's type as a label of the set begun; empty where it is not known.
    func writeType(_ unit: Int, into batch: inout SampleBatch) {
        if let type = units[unit].type {
            Self.write("type", types, type, into: &batch)
        } else {
            batch.label("type", "" as StaticString)
        }
    }

    private static func write(
        _ label: StaticString, _ table: borrowing SymbolTable, _ number: Int, into batch: inout SampleBatch
    ) {
        batch.label(label, table.symbol(number))
    }

    /// A set of the name alone.
    func name(_ unit: Int, into batch: inout SampleBatch) -> SampleBatch.Labels {
        batch.startLabels()
        writeName(unit, into: &batch)
        return batch.endLabels()
    }

    /// A unit's place among all by name: what is written in this order need not be sorted for the page. O(1), O(n log n)
    /// after units came.
    func rank(_ unit: Int) -> Int32 {
        if ranks.count != units.count { ranks = Self.ranks(names) }
        return ranks[unit]
    }

    private static func ranks(_ names: borrowing SymbolTable) -> [Int32] {
        var order = Array(0..<names.count)
        order.sort { names.symbol($0).compare(names.symbol($1)) < 0 }
        var ranks = [Int32](repeating: 0, count: order.count)
        for (rank, unit) in order.enumerated() { ranks[unit] = Int32(rank) }
        return ranks
    }

    /// Begins a page's listing: forgets types that may not hold any more, and units that are gone when they outnumber the
    /// others.
    func begin(loadTime: String, now: Timestamp = .monotonic) {
        let isOld = loadTime.isEmpty && now.seconds(since: forgotten) > Self.longest
        if isOld || loadTime != self.loadTime {
            for index in units.indices { units[index].type = nil }
            forgotten = now
            self.loadTime = loadTime
        }
        if units.count > 2 * listed + 64 {
            names.removeAll()
            types.removeAll()
            ranks.removeAll()
            units.removeAll(keepingCapacity: true)
        }
        page += 1
        listed = 0
    }

    /// The number of a unit that is listed. One that was not on the page before may have been read anew.
    func number(of name: RawSpan, path: RawSpan) -> Int {
        listed += 1
        let number = names.number(of: name)
        if number == units.count {
            units.append(Unit(path: String(lossy: path)))
        } else if units[number].page < page - 1 {
            units[number].type = nil
        }
        units[number].page = page
        return number
    }
}
