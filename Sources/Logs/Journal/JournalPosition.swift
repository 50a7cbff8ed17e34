/// A journal source's saved place: the cursor of the last entry that is dealt with, and for every join still pending
/// then, the cursor of its first piece.
///
/// A restart reads again from the earliest pending piece, takes what belongs to those joins and passes over the
/// rest until it has seen the last entry: nothing is repeated and nothing skipped.
struct JournalPosition: Sendable, Equatable {
    var cursor: String
    /// First pieces of pending joins, in the order of the journal.
    var joins: [String] = []

    /// Where reading has to go on from.
    var start: String { joins.first ?? cursor }

    private static let version = "journal 1"

    var encoded: [UInt8] { Array(([Self.version, cursor] + joins).joined(separator: "\n").utf8) }

    init(cursor: String, joins: [String] = []) {
        self.cursor = cursor
        self.joins = joins
    }

    /// Nil where the bytes are damaged. A bare cursor is taken too: that is what promtail's positions file holds.
    init?(decoding bytes: [UInt8]) {
        guard bytes.count <= 1 << 20 else { return nil }
        var lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
            .map(String.init)
        if lines.first == Self.version { lines.removeFirst() }
        guard !lines.isEmpty, lines.allSatisfy({ JournalCursor($0) != nil }) else { return nil }
        cursor = lines.removeFirst()
        joins = lines
    }
}
