import Bytes

/// One array of `/proc/mdstat` (md(4)): a line that names it, indented lines that say how it is.
struct MDArray: ~Copyable {
    enum Activity {
        case active, inactive, recovering, resyncing, checking
        /// Reshaping, broken and what may come.
        case other
    }

    private(set) var activity: Activity = .other
    private(set) var failed = 0
    private(set) var spare = 0
    private(set) var active = 0
    /// Disks that it needs.
    private(set) var required = 0
    private(set) var blocks: Double?
    private(set) var syncedBlocks = 0.0
    private var isStriped = false
    private var isInactive = false
    private var hasStatus = false

    /// From the line that names it, `md0 : active raid1 sdi1[0] sdj1[1](F)`; nil for any other line.
    init?(_ line: RawSpan) {
        var fields = FieldCursor(line)
        guard line.byteCount > 0, line.byte(at: 0) > 0x20, fields.next(), fields.next(),
            fields.field.equals(":" as StaticString), fields.next(), !line.hasPrefix("Personalities" as StaticString)
        else { return nil }
        if fields.field.equals("active" as StaticString) { activity = .active }
        if fields.field.equals("inactive" as StaticString) { activity = .inactive }
        isInactive = line.contains("inactive")
        isStriped = line.contains("raid0") || line.contains("linear")
        failed = line.count(of: "(F)")
        spare = line.count(of: "(S)")
        if isStriped {
            required = line.count(of: "[")
            active = required
        }
    }

    /// Takes an indented line that follows.
    mutating func take(_ line: RawSpan) {
        if !hasStatus { return takeStatus(line) }
        // `bitmap: 0/30 pages [0KB]`
        if line.trimmed.hasPrefix("bitmap" as StaticString) { return }
        let activity: Activity
        if line.contains("recovery") {
            activity = .recovering
        } else if line.contains("reshape") {
            activity = .other
        } else if line.contains("check") {
            activity = .checking
        } else if line.contains("resync") {
            activity = .resyncing
        } else {
            return
        }
        self.activity = activity
        if line.contains("PENDING") || line.contains("DELAYED") {
            syncedBlocks = 0
        } else if let pair = Self.pair(in: line, open: 0x28, close: 0x29) {
            syncedBlocks = Double(pair.first)
        }
    }

    /// `248896 blocks super 1.2 [2/1] [U_]`
    private mutating func takeStatus(_ line: RawSpan) {
        hasStatus = true
        var fields = FieldCursor(line)
        blocks = fields.nextInteger().map { Double($0) }
        syncedBlocks = blocks ?? 0
        guard !isStriped, !isInactive, let pair = Self.pair(in: line, open: 0x5b, close: 0x5d) else { return }
        required = pair.first
        active = pair.second
    }

    /// The first two numbers with a slash between, within `open` and `close`.
    private static func pair(in line: RawSpan, open: UInt8, close: UInt8) -> (first: Int, second: Int)? {
        var start = 0
        while let begin = line.firstIndex(of: open, from: start), let end = line.firstIndex(of: close, from: begin) {
            let inner = line.extracting((begin + 1)..<end)
            if let slash = inner.firstIndex(of: 0x2f),
                let first = inner.extracting(0..<slash).unsigned.flatMap({ Int(exactly: $0) }),
                let second = inner.extracting((slash + 1)..<inner.byteCount).unsigned.flatMap({ Int(exactly: $0) })
            {
                return (first, second)
            }
            start = begin + 1
        }
        return nil
    }
}

extension RawSpan {
    fileprivate func contains(_ text: StaticString) -> Bool { count(of: text) > 0 }

    fileprivate func count(of text: StaticString) -> Int {
        var count = 0
        var start = 0
        while let found = firstIndex(of: text.utf8Start.pointee, from: start) {
            if extracting(found..<byteCount).hasPrefix(text) { count += 1 }
            start = found + 1
        }
        return count
    }
}
