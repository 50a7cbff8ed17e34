import Bytes
import Telemetry

/// A `JSONRule` at work. A line that is no failure allocates nothing in the steady state.
final class JSONLineFilter {
    private let rule: JSONRule
    private let zone: ZoneFile
    private var finder: FieldFinder
    private let addresses: [Int]
    private let user: Int?
    private let time: Int?
    private let conditions: [Condition]
    private let cases: [(conditions: [Condition], score: Int)]
    private let dates: DateDetector?
    // Reused from line to line.
    private var scratch = ByteBuffer()
    private var repaired = ByteBuffer()

    private struct Condition {
        var field: Int
        var test: FieldCondition.Test
        var matcher: TextMatcher?
        var isNegated: Bool
    }

    init(_ rule: JSONRule, zone: ZoneFile) throws(PatternError) {
        self.rule = rule
        self.zone = zone
        let paths = rule.paths
        finder = FieldFinder(paths)
        func field(_ path: String) -> Int { paths.firstIndex(of: path) ?? 0 }
        addresses = rule.addresses.map(field)
        user = rule.user.map(field)
        time = rule.time.map(field)
        dates = rule.time == nil ? nil : DateDetector(try DateTemplates.make([], decades: 0...9))
        func compile(_ conditions: [FieldCondition]) throws(PatternError) -> [Condition] {
            var result: [Condition] = []
            for condition in conditions {
                var matcher: TextMatcher?
                if case .regex(let pattern) = condition.test { matcher = try TextMatcher(pattern) }
                result.append(
                    Condition(
                        field: field(condition.path), test: condition.test, matcher: matcher,
                        isNegated: condition.isNegated))
            }
            return result
        }
        conditions = try compile(rule.conditions)
        var cases: [(conditions: [Condition], score: Int)] = []
        for one in rule.cases { cases.append((try compile(one.conditions), one.score)) }
        self.cases = cases
    }

    /// Who failed, if the object that begins at `start` is a failure.
    func failure(in line: RawSpan, from start: Int, time given: Double?, now: Double) -> Failure? {
        var text = ByteBuffer()
        swap(&text, &scratch)
        defer { swap(&text, &scratch) }
        // What was found before a line breaks off stands.
        _ = finder.find(in: line, from: start)
        guard areMet(conditions, line, &text) else { return nil }
        var pattern = 0
        var score = 1
        if !cases.isEmpty {
            while pattern < cases.count, !areMet(cases[pattern].conditions, line, &text) { pattern += 1 }
            guard pattern < cases.count else { return nil }
            score = cases[pattern].score
        }
        guard let address = address(line, &text) else { return nil }
        var failure = Failure(time: given ?? date(line, now, &text) ?? now, groups: [:], pattern: pattern)
        failure.weight = score
        failure.id = address.addressText
        failure.groups[address.isIPv4 ? "ip4" : "ip6"] = .text(address.addressText)
        if let user, read(user, line, &text) { failure.groups["user"] = .text(String(lossy: text.bytes)) }
        failure.matches = [String(lossy: line)]
        return failure
    }

    /// Puts a field into `text`: a string decoded, the first element of an array, anything else as it stands. False where it is
    /// missing or null.
    private func read(_ field: Int, _ line: RawSpan, _ text: inout ByteBuffer) -> Bool {
        let range = finder.values[field]
        guard !range.isEmpty else { return false }
        text.removeAll()
        var offset = range.lowerBound
        var end = range.upperBound
        if line.byte(at: offset) == 0x5b {
            offset += 1
            guard JSONScanner.next(line, &offset) != 0x5d else { return false }
            end = offset
            guard JSONScanner.skipValue(line, &end) else { return false }
        }
        if line.byte(at: offset) == 0x22 {
            offset += 1
            return text.append(jsonString: line, from: &offset)
        }
        let value = line.slice(offset, end)
        text.append(value)
        return !value.equals("null")
    }

    private func areMet(_ conditions: [Condition], _ line: RawSpan, _ text: inout ByteBuffer) -> Bool {
        for condition in conditions where !isMet(condition, line, &text) { return false }
        return true
    }

    private func isMet(_ condition: Condition, _ line: RawSpan, _ text: inout ByteBuffer) -> Bool {
        guard read(condition.field, line, &text) else { return condition.isNegated }
        var isMet = false
        switch condition.test {
        case .values(let texts, let ranges):
            for value in texts where text.bytes.equals(value.span.bytes) { isMet = true }
            if !isMet, !ranges.isEmpty, let number = text.bytes.signed {
                isMet = ranges.contains { $0.contains(number) }
            }
        case .regex:
            if !text.bytes.isUTF8 {
                repaired.removeAll()
                _ = repaired.append(repairing: text.bytes)
                swap(&text, &repaired)
            }
            if let matcher = condition.matcher { isMet = matcher.match(text.bytes) }
        }
        return isMet != condition.isNegated
    }

    /// The first of the address fields that the line has; nil where that is no address.
    private func address(_ line: RawSpan, _ text: inout ByteBuffer) -> IPNetwork? {
        for field in addresses where read(field, line, &text) && !text.isEmpty {
            return text.count > 64 ? nil : Self.address(String(lossy: text.bytes))
        }
        return nil
    }

    /// `192.0.2.1`, `192.0.2.1:4711`, `[2001:db8::1]:4711`, `fe80::1%eth0`
    static func address(_ text: String) -> IPNetwork? {
        if let address = IPNetwork(text) { return address.isAddress ? address : nil }
        var bytes = [UInt8](text)
        if bytes.first == 0x5b, let close = bytes.firstIndex(of: 0x5d) {
            bytes = Array(bytes[1..<close])
        } else if let colon = bytes.lastIndex(of: 0x3a), bytes.firstIndex(of: 0x3a) == colon {
            bytes.removeSubrange(colon...)
        }
        if let zone = bytes.firstIndex(of: 0x25) { bytes.removeSubrange(zone...) }
        return IPNetwork(String(bytes)).flatMap { $0.isAddress ? $0 : nil }
    }

    private func date(_ line: RawSpan, _ now: Double, _ text: inout ByteBuffer) -> Double? {
        guard let time, read(time, line, &text) else { return nil }
        if let number = Double(String(lossy: text.bytes)) {
            // Today has 10 digits in seconds, 13 in milliseconds, 16 in microseconds, 19 in nanoseconds.
            let divisor = number >= 1e17 ? 1e9 : number >= 1e14 ? 1e6 : number >= 1e11 ? 1e3 : 1
            return number.isFinite && number > 0 ? number / divisor : nil
        }
        guard text.bytes.isUTF8, let dates, let found = dates.match(text.bytes, now: now), !found.cut.isEmpty else {
            return nil
        }
        return dates.templates[found.template].time(text.bytes, DateClock(now: now, zone: zone))
    }
}
