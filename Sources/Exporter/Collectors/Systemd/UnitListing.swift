import Bytes

/// Walks the answer to systemd's ListUnits: of each unit its name, description, how it was loaded, its state, the state
/// in its kind's own words, the unit it follows, its path, then a job's number, kind and path.
struct UnitListing: ~Escapable {
    private var values: BusValues
    private(set) var name: RawSpan
    private(set) var loadState: RawSpan
    private(set) var activeState: RawSpan
    private(set) var path: RawSpan
    /// Whether the answer ended within a unit.
    private(set) var isTorn = false

    @_lifetime(copy text)
    init(_ text: RawSpan) {
        values = BusValues(text)
        let empty = text.slice(0, 0)
        name = empty
        loadState = empty
        activeState = empty
        path = empty
    }

    mutating func next() -> Bool {
        guard values.next() else { return false }
        name = values.value
        isTorn = true
        guard values.skip(2) else { return false }
        loadState = values.value
        guard values.next() else { return false }
        activeState = values.value
        guard values.skip(3) else { return false }
        path = values.value
        guard values.skip(3) else { return false }
        isTorn = false
        return true
    }
}

/// The states that node_exporter gives a series each, in the order in which a page has them; systemd has more
/// (`reloading`, `maintenance`).
enum UnitState: Int, CaseIterable {
    case activating, active, deactivating, failed, inactive

    var name: StaticString {
        switch self {
        case .active: "active"
        case .activating: "activating"
        case .deactivating: "deactivating"
        case .inactive: "inactive"
        case .failed: "failed"
        }
    }

    init?(_ text: RawSpan) {
        guard let state = Self.allCases.first(where: { text.equals($0.name) }) else { return nil }
        self = state
    }
}

/// What a unit is, as far as questions depend on it.
enum UnitKind {
    case service, socket, timer, mount, other

    init(name: RawSpan) {
        switch name.slice((name.lastIndex(of: 0x2e) ?? name.byteCount), name.byteCount) {
        case let suffix where suffix.equals(".service" as StaticString): self = .service
        case let suffix where suffix.equals(".socket" as StaticString): self = .socket
        case let suffix where suffix.equals(".timer" as StaticString): self = .timer
        case let suffix where suffix.equals(".mount" as StaticString): self = .mount
        default: self = .other
        }
    }
}

/// systemd's version, which distributions write as they like: `252.39-1~deb12u2`, `v255`.
enum SystemdVersion {
    /// The first number of three digits or more, with its decimals.
    static func number(in text: RawSpan) -> Double? {
        func isDigit(_ offset: Int) -> Bool {
            offset < text.byteCount && (0x30...0x39).contains(text.byte(at: offset))
        }
        var start = 0
        while start < text.byteCount {
            var end = start
            while isDigit(end) { end += 1 }
            guard end - start >= 3 else {
                start = end + 1
                continue
            }
            if end < text.byteCount, text.byte(at: end) == 0x2e, isDigit(end + 1) {
                end += 1
                while isDigit(end) { end += 1 }
            }
            return text.slice(start, end).number
        }
        return nil
    }
}
