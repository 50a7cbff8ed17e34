import Bytes

/// The last lines that a filter with `maxlines` matches together.
struct LineWindow {
    /// Lines without their dates.
    private(set) var lines: [[UInt8]] = []
    let capacity: Int

    init(capacity: Int) { self.capacity = capacity }

    /// - Parameter line: with its line feed.
    mutating func append(_ line: borrowing ByteBuffer) {
        lines.append([UInt8](line.bytes.slice(0, max(0, line.count - 1))))
        if lines.count > capacity { lines.removeFirst(lines.count - capacity) }
    }

    /// All lines, each with its line feed.
    func write(into buffer: inout ByteBuffer) {
        for line in lines {
            buffer.append(line)
            buffer.append(0x0a)
        }
    }

    /// Takes the lines of a match out, but for those that `<SKIPLINES>` let pass, and returns them.
    ///
    /// - Parameters:
    ///   - match: in what `write` wrote.
    ///   - skipped: what the groups of `<SKIPLINES>` took.
    mutating func remove(_ match: Range<Int>, skipped: [Range<Int>]) -> [String] {
        var start = 0
        var kept: [[UInt8]] = []
        var taken: [String] = []
        for line in lines {
            // The line feed is the line's.
            let end = start + line.count + 1
            let isMatched = start < max(match.upperBound, match.lowerBound + 1) && end > match.lowerBound
            let isSkipped = skipped.contains { $0.lowerBound <= start && end <= $0.upperBound }
            if isMatched, !isSkipped { taken.append(String(line)) } else { kept.append(line) }
            start = end
        }
        lines = kept
        return taken
    }
}
