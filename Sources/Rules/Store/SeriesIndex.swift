import Telemetry

/// Which series carry which label: for each name its values, for each value the series.
///
/// Series are places in the store's arrays. Adding or removing one is O(labels · (log n + moves of 4 bytes)).
struct SeriesIndex: ~Copyable {
    struct Value: Sendable {
        var text: String
        /// The first of its series where there is one, `SeriesState.none` for none.
        var first: UInt32
        /// All of them, ascending, where there are more.
        var all: [UInt32] = []

        var isEmpty: Bool { first == SeriesState.none }

        @inline(__always)
        func forEach(_ body: (UInt32) -> Void) {
            if !all.isEmpty {
                for series in all { body(series) }
            } else if first != SeriesState.none {
                body(first)
            }
        }
    }

    struct Name {
        var values: [Value] = []
        var table = IndexTable()
        var emptyValues = 0
        /// Changes when a value is added or places change.
        var version: UInt64 = 0

        func find(_ text: String) -> Int? { table.find(text.hashValue) { values[$0].text == text } }
    }

    private(set) var names: [String: Name] = [:]
    /// All series in the order of their label sets, but for `unordered`.
    private var order: [UInt32] = []
    private var unordered: [UInt32] = []
    /// By place.
    private var labels: [LabelSet] = []
    /// The place of each series in `order`.
    private var rank: [UInt32] = []
    private var versions: UInt64 = 0
    /// Places of values that a regular expression matches.
    private var matched: [MatcherKey: (version: UInt64, values: [UInt32])] = [:]

    static let mostCached = 256

    struct MatcherKey: Hashable {
        var name: String
        var operation: LabelMatcher.Operation
        var value: String

        init(_ matcher: LabelMatcher) {
            name = matcher.name
            operation = matcher.operation
            value = matcher.value
        }
    }

    init() {}

    var count: Int { order.count + unordered.count }
    /// More than any series' place.
    var capacity: Int { labels.count }

    /// Bytes, about.
    var byteCount: Int {
        names.values.reduce(
            (order.capacity + unordered.capacity + rank.capacity) * 4 + labels.capacity * 8
        ) { sum, name in
            sum + name.table.byteCount + name.values.capacity * MemoryLayout<Value>.stride
                + name.values.reduce(0) { $0 + ($1.all.isEmpty ? 0 : 48 + $1.all.capacity * 4) }
        }
    }

    // MARK: Series

    /// Takes an equal set in the place of the one there, so that its memory is shared.
    mutating func replace(_ series: UInt32, _ labels: LabelSet) { self.labels[Int(series)] = labels }

    mutating func insert(_ series: UInt32, _ labels: LabelSet) {
        for label in labels.labels { Self.insert(series, label, &names[label.name, default: Name()], &versions) }
        unordered.append(series)
        while self.labels.count <= Int(series) { self.labels.append(LabelSet()) }
        self.labels[Int(series)] = labels
    }

    private static func insert(
        _ series: UInt32, _ label: Label, _ name: inout Name, _ versions: inout UInt64
    ) {
        let hash = label.value.hashValue
        guard let place = name.table.find(hash, { name.values[$0].text == label.value }) else {
            name.table.insert(name.values.count, hash: hash)
            name.values.append(Value(text: label.value, first: series))
            versions += 1
            name.version = versions
            return
        }
        if name.values[place].isEmpty {
            name.values[place].first = series
            name.emptyValues -= 1
            return
        }
        if name.values[place].all.isEmpty { name.values[place].all = [name.values[place].first] }
        if name.values[place].all.last.map({ $0 < series }) ?? true {
            name.values[place].all.append(series)
        } else {
            name.values[place].all.insert(series, at: lowerBound(name.values[place].all, series))
        }
        name.values[place].first = name.values[place].all[0]
    }

    mutating func remove(_ series: UInt32, _ labels: LabelSet) {
        self.labels[Int(series)] = LabelSet()
        for label in labels.labels {
            guard var name = names.removeValue(forKey: label.name) else { continue }
            remove(series, label, &name)
            if name.emptyValues < name.values.count { names[label.name] = name }
        }
    }

    /// After `remove` of each of them.
    mutating func drop(_ gone: SeriesSet) {
        order.removeAll { gone.contains($0) }
        unordered.removeAll { gone.contains($0) }
        rank = []
    }

    private mutating func remove(_ series: UInt32, _ label: Label, _ name: inout Name) {
        guard let place = name.find(label.value) else { return }
        if name.values[place].all.isEmpty {
            name.values[place].first = SeriesState.none
        } else {
            let position = Self.lowerBound(name.values[place].all, series)
            if position < name.values[place].all.count, name.values[place].all[position] == series {
                name.values[place].all.remove(at: position)
            }
            name.values[place].first = name.values[place].all.first ?? SeriesState.none
            if name.values[place].all.count == 1 { name.values[place].all = [] }
        }
        guard name.values[place].isEmpty else { return }
        name.emptyValues += 1
        guard name.emptyValues > 32, name.emptyValues * 2 > name.values.count else { return }
        var kept = Name()
        for value in name.values where !value.isEmpty {
            kept.table.insert(kept.values.count, hash: value.text.hashValue)
            kept.values.append(value)
        }
        versions += 1
        kept.version = versions
        name = kept
    }

    private static func lowerBound(_ list: [UInt32], _ series: UInt32) -> Int {
        var low = 0
        var high = list.count
        while low < high {
            let middle = (low + high) / 2
            if list[middle] < series { low = middle + 1 } else { high = middle }
        }
        return low
    }

    // MARK: Order

    /// Brings all series into order. O(n + new ones · log n comparisons).
    mutating func settle() {
        guard !unordered.isEmpty || rank.isEmpty else { return }
        unordered.sort { LabelSet.isOrdered(labels[Int($0)], labels[Int($1)]) }
        if order.isEmpty {
            order = unordered
        } else if !unordered.isEmpty {
            order = merged()
        }
        unordered = []
        rank = Array(repeating: 0, count: capacity)
        for (place, series) in order.enumerated() { rank[Int(series)] = UInt32(place) }
    }

    private func merged() -> [UInt32] {
        var result: [UInt32] = []
        result.reserveCapacity(order.count + unordered.count)
        var taken = 0
        for series in unordered {
            var low = taken
            var high = order.count
            while low < high {
                let middle = (low + high) / 2
                if LabelSet.isOrdered(labels[Int(order[middle])], labels[Int(series)]) {
                    low = middle + 1
                } else {
                    high = middle
                }
            }
            result.append(contentsOf: order[taken..<low])
            result.append(series)
            taken = low
        }
        result.append(contentsOf: order[taken...])
        return result
    }

    /// The series of a set, in order. After `settle`.
    func ordered(_ set: SeriesSet) -> [UInt32] {
        var result = set.members
        if result.count * 8 > order.count { return order.filter { set.contains($0) } }
        result.sort { rank[Int($0)] < rank[Int($1)] }
        return result
    }

    /// All series. After `settle`.
    var all: [UInt32] { order }

    // MARK: Matches

    func matches(of key: MatcherKey, version: UInt64) -> [UInt32]? {
        guard let found = matched[key], found.version == version else { return nil }
        return found.values
    }

    mutating func keep(_ values: [UInt32], of key: MatcherKey, version: UInt64) {
        if matched.count >= Self.mostCached { matched.removeAll() }
        matched[key] = (version, values)
    }
}

extension LabelSet {
    /// Whether `a` comes before `b`: by the bytes of the first name or value in which they differ, the shorter set first.
    static func isOrdered(_ a: LabelSet, _ b: LabelSet) -> Bool {
        for (x, y) in zip(a.labels, b.labels) {
            if x.name != y.name { return x.name.utf8.lexicographicallyPrecedes(y.name.utf8) }
            if x.value != y.value { return x.value.utf8.lexicographicallyPrecedes(y.value.utf8) }
        }
        return a.count < b.count
    }
}
