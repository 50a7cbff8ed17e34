import Bytes

/// A native jail's filter at work that reads JSON lines, and lines of text where it has patterns too.
final class NativeLineFilter: LineFilter {
    private(set) var outcome = Filter.Outcome.missed
    let textFilter: Filter?
    private let json: [JSONLineFilter]
    /// Of JSON lines; those of text are the text filter's.
    private let ignored: [TextMatcher]

    init(text: Filter?, json: [JSONLineFilter], ignored: [TextMatcher]) {
        textFilter = text
        self.json = json
        self.ignored = ignored
    }

    func read(_ line: RawSpan, time: Double?, now: Double, _ body: (Failure) -> Void) {
        outcome = .missed
        var start = 0
        let isObject = JSONScanner.next(line, &start) == 0x7b
        if let start = isObject ? start : embeddedObject(line) {
            let cut = line.slice(0, min(line.byteCount, Filter.longestLine))
            if let failure = jsonFailure(cut, start, time, now) { body(failure) }
            if isObject || outcome != .missed { return }
        }
        guard let textFilter else { return }
        textFilter.read(line, time: time, now: now, body)
        outcome = textFilter.outcome
    }

    /// Where an object begins behind a prefix such as `host program[pid]: `, or behind any where there are no patterns.
    private func embeddedObject(_ line: RawSpan) -> Int? {
        guard let brace = line.firstIndex(of: 0x7b) else { return nil }
        return textFilter == nil || brace >= 2 && line.slice(brace - 2, brace).equals(": ") ? brace : nil
    }

    private func jsonFailure(_ line: RawSpan, _ start: Int, _ time: Double?, _ now: Double) -> Failure? {
        guard start < line.byteCount else { return nil }
        for rule in json {
            guard let failure = rule.failure(in: line, from: start, time: time, now: now) else { continue }
            if !ignored.isEmpty, isIgnored(failure.matches.first ?? "") {
                outcome = .ignored
                return nil
            }
            outcome = .matched
            return failure
        }
        return nil
    }

    private func isIgnored(_ line: String) -> Bool {
        let bytes = [UInt8](line)
        return ignored.contains { $0.match(bytes.span.bytes) }
    }
}
