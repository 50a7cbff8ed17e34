import Bytes
import Logs

/// `journalmatch` of one or more jails: which entries they want. Terms of the same field are ORed, those of others ANDed; lines, and
/// what `+` separates, are ORed; see journalctl(1).
struct JournalMatcher: Sendable, Equatable {
    /// Groups of terms; none for every entry.
    private(set) var groups: [[String]]

    /// - Throws: a sentence that says which term is wrong.
    init(_ text: String) throws(JournalMatchError) {
        groups = []
        for line in text.lines.map(\.trimmed) where !line.isEmpty { groups += try JournalMatches(line).groups }
    }

    /// For one journal's fields.
    func bound(to fields: inout JournalFields) -> Bound {
        Bound(
            groups: groups.map { group in
                var alternatives: [(name: String, slot: Int, values: [[UInt8]])] = []
                for term in group {
                    guard let mark = term.utf8.firstIndex(of: UInt8(ascii: "=")) else { continue }
                    let name = String(term[..<mark])
                    let value = Array(term.utf8[term.utf8.index(after: mark)...])
                    if let index = alternatives.firstIndex(where: { $0.name == name }) {
                        alternatives[index].values.append(value)
                    } else {
                        alternatives.append((name, fields.slot(name), [value]))
                    }
                }
                return alternatives.map { (slot: $0.slot, values: $0.values) }
            })
    }

    struct Bound {
        fileprivate var groups: [[(slot: Int, values: [[UInt8]])]]

        func matches(_ fields: borrowing JournalFields) -> Bool {
            if groups.isEmpty { return true }
            for group in groups {
                var isWanted = true
                for term in group where !Self.has(fields, term) {
                    isWanted = false
                    break
                }
                if isWanted { return true }
            }
            return false
        }

        private static func has(_ fields: borrowing JournalFields, _ term: (slot: Int, values: [[UInt8]])) -> Bool {
            guard fields.has(term.slot) else { return false }
            for value in term.values where fields.value(term.slot).equals(value.span.bytes) { return true }
            return false
        }
    }
}
