import Bytes
import Telemetry

/// What systemd said for one page; its memory serves the next one too.
struct SystemdReading {
    struct Listed {
        /// In the table.
        var unit: Int
        var kind: UnitKind
        /// Nil for a state that has no series.
        var state: UnitState?
    }

    struct Question {
        /// Among `listed`.
        var listed: Int
        var property: UnitProperty
        /// Nil until answered, or where systemd has none.
        var answer: UInt64?
    }

    /// The manager's property; empty where it has none.
    var version = ""
    var versionNumber = 0.0
    var virtualization: String?
    /// Nil where systemd is too old to say.
    var isRunning: Bool?
    var loadTime = ""
    /// Units by state, all of them.
    var counts = InlineArray<5, Int>(repeating: 0)
    var otherCounts: [(state: String, count: Int)] = []
    /// Those that are loaded and wanted, by name.
    var listed: [Listed] = []
    var questions: [Question] = []

    mutating func removeAll() {
        version = ""
        versionNumber = 0
        virtualization = nil
        isRunning = nil
        loadTime = ""
        for state in UnitState.allCases { counts[state.rawValue] = 0 }
        otherCounts.removeAll()
        listed.removeAll(keepingCapacity: true)
        questions.removeAll(keepingCapacity: true)
    }

    /// Takes the answer to ListUnits; false where it is none.
    mutating func take(_ listing: RawSpan, filter: NameFilter, table: UnitTable) -> Bool {
        var units = UnitListing(listing)
        while units.next() {
            let state = UnitState(units.activeState)
            count(state, units.activeState)
            guard units.loadState.equals("loaded" as StaticString), filter.allows(units.name) else { continue }
            let unit = table.number(of: units.name, path: units.path)
            listed.append(Listed(unit: unit, kind: UnitKind(name: units.name), state: state))
        }
        listed.sort { table.rank($0.unit) < table.rank($1.unit) }
        return !units.isTorn
    }

    private mutating func count(_ state: UnitState?, _ text: RawSpan) {
        if let state {
            counts[state.rawValue] += 1
        } else if let index = otherCounts.firstIndex(where: { text.equals($0.state) }) {
            otherCounts[index].count += 1
        } else {
            otherCounts.append((String(lossy: text), 1))
        }
    }
}
