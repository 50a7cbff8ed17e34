import Glibc

/// Which entries a configuration asks for: what libsystemd finds by its index, and what the reader leaves out.
struct JournalFilter: Sendable, Equatable {
    /// All of these; each is an OR of groups of terms that libsystemd matches by itself.
    private(set) var pushed: [[[String]]] = []
    /// Units and identifiers as globs; empty for any.
    private(set) var units: [String] = []
    private(set) var identifiers: [String] = []
    private(set) var excludedUnits: [String]
    private(set) var excludedIdentifiers: [String]
    /// Field and value.
    private(set) var excludedMatches: [(field: String, value: String)]

    /// The fields by which an entry belongs to a unit.
    static let unitFields = ["_SYSTEMD_UNIT", "COREDUMP_UNIT", "OBJECT_SYSTEMD_UNIT", "UNIT", "_SYSTEMD_SLICE"]
    static let identifierField = "SYSLOG_IDENTIFIER"

    init(_ configuration: JournalConfiguration) throws(JournalMatchError) {
        let units = configuration.units.map(Self.unitName)
        if units.contains(where: Self.isGlob) {
            self.units = units
        } else if !units.isEmpty {
            pushed.append(units.flatMap(Self.groups(ofUnit:)))
        }
        if configuration.identifiers.contains(where: Self.isGlob) {
            identifiers = configuration.identifiers
        } else if !configuration.identifiers.isEmpty {
            pushed.append(configuration.identifiers.map { ["\(Self.identifierField)=\($0)"] })
        }
        guard (0...7).contains(configuration.maxPriority) else {
            throw JournalMatchError(
                description: "priority: expected 0 (emerg) to 7 (debug), found \(configuration.maxPriority)")
        }
        if configuration.maxPriority < 7 {
            pushed.append([(0...configuration.maxPriority).map { "PRIORITY=\($0)" }])
        }
        let matches = try JournalMatches(configuration.matches)
        if !matches.groups.isEmpty { pushed.append(matches.groups) }
        excludedUnits = configuration.excludeUnits.map(Self.unitName)
        excludedIdentifiers = configuration.excludeIdentifiers
        excludedMatches = []
        for word in configuration.excludeMatches {
            let term = try JournalMatches.term(word)
            let separator = term.firstIndex(of: "=") ?? term.endIndex
            excludedMatches.append((String(term[..<separator]), String(term[separator...].dropFirst())))
        }
    }

    /// Whether the reader has to look at units or identifiers at all.
    var readsUnits: Bool { !units.isEmpty || !excludedUnits.isEmpty }
    var readsIdentifiers: Bool { !identifiers.isEmpty || !excludedIdentifiers.isEmpty }

    /// Whether an entry that belongs to these units and has this identifier is wanted.
    func accepts(units found: [String], identifier: String) -> Bool {
        if !units.isEmpty, !found.contains(where: { unit in units.contains { Self.matches($0, unit) } }) {
            return false
        }
        if found.contains(where: { unit in excludedUnits.contains { Self.matches($0, unit) } }) { return false }
        if !identifiers.isEmpty, !identifiers.contains(where: { Self.matches($0, identifier) }) { return false }
        return !excludedIdentifiers.contains { Self.matches($0, identifier) }
    }

    /// `ssh` means `ssh.service`, as it does to journalctl.
    static func unitName(_ name: String) -> String { name.contains(".") || isGlob(name) ? name : name + ".service" }

    /// The groups by which `journalctl -u` finds a unit's messages: its own, those of the service manager about it,
    /// its core dumps and what others log about it.
    static func groups(ofUnit unit: String) -> [[String]] {
        var groups = [
            ["_SYSTEMD_UNIT=\(unit)"],
            ["MESSAGE_ID=fc2e22bc6ee647b6b90729ab34a250b1", "_UID=0", "COREDUMP_UNIT=\(unit)"],
            ["_PID=1", "UNIT=\(unit)"],
            ["_UID=0", "OBJECT_SYSTEMD_UNIT=\(unit)"],
        ]
        if unit.hasSuffix(".slice") { groups.append(["_SYSTEMD_SLICE=\(unit)"]) }
        return groups
    }

    static func isGlob(_ text: String) -> Bool { text.utf8.contains { $0 == 0x2a || $0 == 0x3f || $0 == 0x5b } }

    static func matches(_ pattern: String, _ text: String) -> Bool { fnmatch(pattern, text, 0) == 0 }

    static func == (a: JournalFilter, b: JournalFilter) -> Bool {
        a.pushed == b.pushed && a.units == b.units && a.identifiers == b.identifiers
            && a.excludedUnits == b.excludedUnits && a.excludedIdentifiers == b.excludedIdentifiers
            && a.excludedMatches.elementsEqual(b.excludedMatches) { $0 == $1 }
    }
}

extension Journal {
    /// Adds what libsystemd can match by itself.
    func add(_ filter: JournalFilter) throws(JournalError) {
        for groups in filter.pushed {
            for (index, group) in groups.enumerated() {
                if index > 0 { try addDisjunction() }
                for term in group { try add(match: Array(term.utf8)) }
            }
            try addConjunction()
        }
    }
}
