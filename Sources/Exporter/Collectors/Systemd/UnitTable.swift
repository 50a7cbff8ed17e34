import Bytes
import Telemetry

/// What is remembered of units from page to page: the type of services, which systemd tells only when asked for each
/// one, and which changes only when it reads its units anew.
final class UnitTable {
    struct Unit {
        /// What D-Bus calls it.
        var path: String
        /// The label `type`; nil while it is not known.
        var type: String?
        /// The page on which it was last listed.
        fileprivate var page = 0
    }

    private var names = SymbolTable()
    private var units: [Unit] = []
    private var page = 0
    private var listed = 0
    /// When systemd last read its units, as it writes it; empty where it is too old to say.
    private var loadTime = ""
    private var forgotten = Timestamp.monotonic

    /// Seconds after which types are asked for again where systemd does not say whether it read its units anew.
    private static let longest = 300.0

    subscript(unit: Int) -> Unit {
        get { units[unit] }
        set { units[unit] = newValue }
    }

    /// Writes a unit's name as a label of the set begun.
    func label(_ unit: Int, into batch: inout SampleBatch) { Self.label(names, unit, into: &batch) }

    private static func label(_ names: borrowing SymbolTable, _ unit: Int, into batch: inout SampleBatch) {
        batch.label("name", names.symbol(unit))
    }

    /// A set of that label alone.
    func labels(_ unit: Int, into batch: inout SampleBatch) -> SampleBatch.Labels {
        batch.startLabels()
        label(unit, into: &batch)
        return batch.endLabels()
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
