import Bytes
import Telemetry

/// A native jail's filter at work.
final class NativeLineFilter: LineFilter {
    private(set) var outcome = Filter.Outcome.missed
    /// For lines of text.
    let text: Filter?
    private let json: [JSONLineFilter]
    /// Of JSON lines; those of text are the text filter's.
    private let ignored: [TextMatcher]

    init(_ filter: NativeFilter, name: String, path: String, zone: ZoneFile, now: Double)
        throws(JailConfigurationError)
    {
        do {
            let definition = try filter.definition(name: name, path: path)
            text =
                filter.patterns.isEmpty
                ? nil : try Filter(definition, now: now, settings: Filter.Settings(zone: zone))
            var rules: [JSONLineFilter] = []
            for rule in filter.json { rules.append(try JSONLineFilter(rule, zone: zone)) }
            json = rules
            var matchers: [TextMatcher] = []
            for pattern in json.isEmpty ? [] : filter.ignored {
                matchers.append(try TextMatcher(FailureTags.expand(pattern, usesDNS: false)))
            }
            ignored = matchers
        } catch let error as PatternError {
            throw JailConfigurationError(file: path, message: "jail \(name): \(error)")
        } catch let error as JailConfigurationError {
            throw error
        } catch {
            throw JailConfigurationError(file: path, message: "jail \(name): \(error)")
        }
    }

    func failures(in line: RawSpan, time: Double?, now: Double) -> [Failure] {
        outcome = .missed
        if !json.isEmpty, let start = objectStart(line) {
            return jsonFailures(line.slice(0, min(line.byteCount, Filter.longestLine)), start, time, now)
        }
        guard let text else { return [] }
        let found = text.failures(in: line, time: time, now: now)
        outcome = text.outcome
        guard !found.isEmpty else { return found }
        // `999.1.1.1` matches <ip> and is nobody.
        let kept = found.filter { failure in
            failure.groups["fid"] != nil || failure.id.map { IPNetwork($0) != nil } ?? true
        }
        if kept.isEmpty { outcome = .missed }
        return kept
    }

    /// Where the line's object begins: at its first byte, or behind a prefix where no pattern asks for such lines.
    private func objectStart(_ line: RawSpan) -> Int? {
        var start = 0
        if JSONScanner.next(line, &start) == 0x7b { return start }
        return text == nil ? line.firstIndex(of: 0x7b) : nil
    }

    private func jsonFailures(_ line: RawSpan, _ start: Int, _ time: Double?, _ now: Double) -> [Failure] {
        guard start < line.byteCount else { return [] }
        for rule in json {
            guard let failure = rule.failure(in: line, from: start, time: time, now: now) else { continue }
            if !ignored.isEmpty, isIgnored(failure.matches.first ?? "") {
                outcome = .ignored
                return []
            }
            outcome = .matched
            return [failure]
        }
        return []
    }

    private func isIgnored(_ line: String) -> Bool {
        let bytes = [UInt8](line)
        return ignored.contains { $0.match(bytes.span.bytes) }
    }
}
