/// A relabeler that remembers its results, for a source whose lines come with labels of their own.
///
/// At most twice `capacity` results are held: when the newer half is full the older half goes, so what is in use stays.
package struct CachedRelabeler {
    package let relabeler: Relabeler
    private let capacity: Int
    private var newer: [LabelSet: LabelSet?] = [:]
    private var older: [LabelSet: LabelSet?] = [:]
    package private(set) var hits = 0
    package private(set) var misses = 0

    package init(_ relabeler: Relabeler, capacity: Int = 1024) {
        self.relabeler = relabeler
        self.capacity = max(capacity, 1)
    }

    /// Results held.
    package var count: Int { newer.count + older.count }

    /// As `Relabeler.apply`.
    package mutating func apply(_ labels: LabelSet) -> LabelSet? {
        if let known = newer[labels] {
            hits += 1
            return known
        }
        let result: LabelSet?
        if let known = older.removeValue(forKey: labels) {
            hits += 1
            result = known
        } else {
            misses += 1
            result = relabeler.apply(labels)
        }
        if newer.count >= capacity {
            older = newer
            newer = [:]
        }
        newer.updateValue(result, forKey: labels)
        return result
    }
}
