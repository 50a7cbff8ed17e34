/// What the named groups of a failure's patterns took, by their names in small letters: `user`, `ip4`, `fport`.
///
/// A dictionary in all but its making: the names of a filter's groups are known beforehand, so a failure has a row of values.
package struct FailureGroups: Sendable {
    private(set) var names: GroupNames
    /// By the places of `names`.
    var values: [GroupValue]

    init(_ names: GroupNames) {
        self.names = names
        values = [GroupValue](repeating: .none, count: names.all.count)
    }

    /// Nil for what took no part.
    package subscript(name: String) -> GroupValue? {
        get {
            guard let slot = names.all.firstIndex(of: name), values[slot] != .none else { return nil }
            return values[slot]
        }
        set {
            if let slot = names.all.firstIndex(of: name) {
                values[slot] = newValue ?? .none
            } else if let newValue {
                names = GroupNames(names.all + [name])
                values.append(newValue)
            }
        }
    }

    /// Takes over what took part in `other`.
    mutating func merge(_ other: FailureGroups) {
        guard names === other.names else {
            for (name, value) in other { self[name] = value }
            return
        }
        for slot in other.values.indices where other.values[slot] != .none { values[slot] = other.values[slot] }
    }
}

extension FailureGroups: Sequence {
    package func makeIterator() -> IndexingIterator<[(key: String, value: GroupValue)]> {
        zip(names.all, values).filter { $0.1 != .none }.map { (key: $0.0, value: $0.1) }.sorted { $0.key < $1.key }
            .makeIterator()
    }
}

extension FailureGroups: Equatable {
    package static func == (a: FailureGroups, b: FailureGroups) -> Bool { a.elementsEqual(b, by: ==) }
}

extension FailureGroups: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (String, GroupValue)...) {
        self.init(.common)
        for (name, value) in elements { self[name] = value }
    }
}

/// Names of the groups of a filter's patterns, each once. Those that mean something stand at fixed places.
final class GroupNames: Sendable {
    let all: [String]

    static let common = GroupNames([])

    private static let known = [
        "fid", "ip4", "ip6", "dns", "cidr", "mlfid", "mlfgained", "mlfforget", "nofail", "user",
    ]
    static let (fid, ip4, ip6, dns, cidr) = (0, 1, 2, 3, 4)
    static let (mlfid, gained, forget, noFail, user) = (5, 6, 7, 8, 9)

    init(_ names: [String]) {
        var all = Self.known
        for name in names where !all.contains(name) { all.append(name) }
        self.all = all
    }
}
