import Bytes

/// What the named groups of a failure's patterns took, by their names in small letters: `user`, `ip4`, `fport`.
///
/// A dictionary in all but its making: the names of a filter's groups are known beforehand, their texts stand one behind the other, and
/// become strings for who asks.
package struct FailureGroups: Sendable {
    private(set) var names: GroupNames
    /// By the places of `names`: where in `text`.
    private var places: [Place]
    private var text: [UInt8] = []
    /// What `<F-TUPLE_ID>` put together.
    private var lists: [Int: [String]]?

    private struct Place {
        var lower: Int32 = -1
        var upper: Int32 = -1
    }

    /// Texts that are no longer any group's are dropped when so many bytes have gathered.
    private static let roomyText = 4096

    init(_ names: GroupNames) {
        self.names = names
        places = [Place](repeating: Place(), count: names.all.count)
    }

    /// Nil for what took no part.
    package subscript(name: String) -> GroupValue? {
        get { names.all.firstIndex(of: name).flatMap { self[$0] } }
        set {
            var slot = names.all.firstIndex(of: name)
            if slot == nil, newValue != nil {
                slot = names.all.count
                names = GroupNames(names.all + [name])
                places.append(Place())
            }
            guard let slot else { return }
            remove(slot)
            switch newValue {
            case .text(let text): set(slot, Array(text.utf8).span.bytes)
            case .list(let parts): lists = (lists ?? [:]).merging([slot: parts]) { $1 }
            case nil: break
            }
        }
    }

    subscript(slot: Int) -> GroupValue? {
        if let list = lists?[slot] { return .list(list) }
        let place = places[slot]
        guard place.lower >= 0 else { return nil }
        return .text(String(decoding: text[Int(place.lower)..<Int(place.upper)], as: UTF8.self))
    }

    /// Bytes of text.
    var size: Int { text.count }

    /// Whether a group took some text.
    func isFilled(_ slot: Int) -> Bool { places[slot].upper > places[slot].lower || lists?[slot]?.isEmpty == false }

    /// What it took, where that is some text and no list.
    func text(_ slot: Int) -> String? {
        guard places[slot].upper > places[slot].lower, case .text(let text)? = self[slot] else { return nil }
        return text
    }

    mutating func removeAll() {
        for slot in places.indices { places[slot] = Place() }
        text.removeAll(keepingCapacity: true)
        lists = nil
    }

    mutating func remove(_ slot: Int) {
        places[slot] = Place()
        if lists != nil { lists?[slot] = nil }
    }

    mutating func set(_ slot: Int, _ value: RawSpan) {
        if lists != nil { lists?[slot] = nil }
        let place = places[slot]
        // The lines of a session say the same again and again.
        if place.lower >= 0, text.span.bytes.slice(Int(place.lower), Int(place.upper)).equals(value) { return }
        let lower = text.count
        value.withUnsafeBytes { text.append(contentsOf: $0) }
        places[slot] = Place(lower: Int32(truncatingIfNeeded: lower), upper: Int32(truncatingIfNeeded: text.count))
        if text.count > Self.roomyText { compact() }
    }

    /// Adds to a list; what was text is its first part.
    mutating func append(_ slot: Int, _ part: String) {
        var list: [String] = []
        switch self[slot] {
        case .text(let first): list = [first]
        case .list(let parts): list = parts
        case nil: break
        }
        remove(slot)
        lists = (lists ?? [:]).merging([slot: list + [part]]) { $1 }
    }

    /// Takes over what took part in `other`.
    mutating func merge(_ other: FailureGroups) {
        guard names === other.names, other.lists == nil else {
            for (name, value) in other { self[name] = value }
            return
        }
        for slot in places.indices where other.places[slot].lower >= 0 {
            let place = other.places[slot]
            set(slot, other.text.span.bytes.slice(Int(place.lower), Int(place.upper)))
        }
    }

    private mutating func compact() {
        let old = text
        text = []
        for slot in places.indices where places[slot].lower >= 0 {
            let lower = text.count
            text += old[Int(places[slot].lower)..<Int(places[slot].upper)]
            places[slot] = Place(lower: Int32(truncatingIfNeeded: lower), upper: Int32(truncatingIfNeeded: text.count))
        }
    }
}

/// What a named group of a failure holds.
package enum GroupValue: Equatable, Sendable {
    case text(String)
    case list([String])
}

extension FailureGroups: Sequence {
    package func makeIterator() -> IndexingIterator<[(key: String, value: GroupValue)]> {
        var all: [(key: String, value: GroupValue)] = []
        for (slot, name) in names.all.enumerated() {
            if let value = self[slot] { all.append((name, value)) }
        }
        return all.sorted { $0.key < $1.key }.makeIterator()
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
