import Bytes

/// Finds the date of a line, as fail2ban does: the template that served last is asked first, the others in an order that follows
/// their success in this log. One for each filter, as its answers depend on the lines before.
final class DateDetector {
    /// Where a line's date was found.
    struct Found: Equatable {
        /// What is to be cut out of the line.
        var cut: Range<Int>
        var template: Int
    }

    @exclusivity(unchecked) private(set) var templates: [DateTemplate]
    @exclusivity(unchecked) private var last: Int?
    @exclusivity(unchecked) private var lastStart = Edge()
    @exclusivity(unchecked) private var lastEnd = Edge()
    /// The last line up to the second byte behind its date, where no more decides what its date is.
    @exclusivity(unchecked) private var known = ByteBuffer(capacity: 64)
    /// The first template that was never used.
    @exclusivity(unchecked) private var firstUnused = 0

    /// A template that was not used for so many seconds gives way.
    private static let unusedTime = 300.0

    /// An end of the last date, with the bytes beside it; -1 where the line ends there.
    private struct Edge {
        var offset = 0
        var before = -1
        var after = -1

        init() {}

        init(_ line: RawSpan, _ offset: Int) {
            self.offset = offset
            before = offset > 0 ? Int(line.byte(at: offset - 1)) : -1
            after = offset < line.byteCount ? Int(line.byte(at: offset)) : -1
        }
    }

    init(_ templates: [DateTemplate]) { self.templates = templates }

    /// - Parameter now: seconds since 1970.
    func match(_ line: RawSpan, now: Double) -> Found? {
        if let last, !known.isEmpty, line.byteCount >= known.count, line.slice(0, known.count).equals(known.bytes),
            let cut = templates[last].cut
        {
            count(last, lastStart.offset..<lastEnd.offset, now)
            return Found(cut: cut, template: last)
        }
        known.removeAll()
        var reserve: Place?
        var skipped: Int?
        if let last {
            switch matchAgain(last, line) {
            case .same(let range):
                count(last, range, now)
                return found(last, range, line)
            case .elsewhere(let place): (reserve, skipped) = (place, last)
            case .nowhere(let isCertain): skipped = isCertain ? last : nil
            }
        }
        guard let place = search(line, skipped, reserve) else { return nil }
        count(place.template, place.range, now)
        let index = place.template > 0 && place.template != last ? moved(place.template, now) : place.template
        last = index
        return found(index, place.range, line)
    }

    private struct Place {
        var template: Int
        var range: Range<Int>
    }

    private enum Again {
        case same(Range<Int>)
        /// Another form may be meant.
        case elsewhere(Place)
        /// With certainty it is not in the line at all.
        case nowhere(isCertain: Bool)
    }

    private func count(_ index: Int, _ range: Range<Int>, _ now: Double) {
        let template = templates[index]
        template.hits &+= 1
        template.lastUsed = now
        template.distance = range.lowerBound
        if firstUnused == index { firstUnused += 1 }
    }

    private func found(_ index: Int, _ range: Range<Int>, _ line: RawSpan) -> Found? {
        let template = templates[index]
        lastStart = Edge(line, range.lowerBound)
        lastEnd = Edge(line, range.upperBound)
        if line.byteCount > range.upperBound + 1,
            template.endsBefore(line.byte(at: range.upperBound), line.byte(at: range.upperBound + 1))
        {
            known.append(line.slice(0, range.upperBound + 2))
        }
        guard let cut = template.cut else { return nil }
        return Found(cut: cut, template: index)
    }

    /// Looks for the template that served last at the place where it did.
    private func matchAgain(_ index: Int, _ line: RawSpan) -> Again {
        let template = templates[index]
        let (lower, upper) = (lastStart.offset, lastEnd.offset)
        var isWhole = template.isAnchored
        if !isWhole {
            // Outside the same, or inside the same where that is no letter or digit: else it may be another form.
            let (start, end) = (Edge(line, min(lower, line.byteCount)), Edge(line, min(upper, line.byteCount)))
            isWhole =
                upper > line.byteCount || !Self.isBoundary(line, lower) || !Self.isBoundary(line, upper)
                || !(start.before == lastStart.before
                    || start.after == lastStart.after && !Self.isWordy(lastStart.after))
                || !(end.after == lastEnd.after || end.before == lastEnd.before && !Self.isWordy(lastEnd.before))
        }
        guard template.match(line, from: isWhole ? 0 : lower, to: isWhole ? line.byteCount : upper) else {
            return .nowhere(isCertain: isWhole)
        }
        let range = template.range
        if template.isAnchored || templates.count == 1 || range == lower..<upper { return .same(range) }
        return .elsewhere(Place(template: index, range: range))
    }

    private func search(_ line: RawSpan, _ skipped: Int?, _ found: Place?) -> Place? {
        var reserve = found
        for index in templates.indices where index != skipped {
            let template = templates[index]
            guard template.match(line, from: 0, to: line.byteCount) else { continue }
            let place = Place(template: index, range: template.range)
            if template.isAnchored || templates.count == 1 || place.range.lowerBound <= template.distance {
                return place
            }
            // Further right than it used to be: another may be meant.
            if let best = reserve, best.range.lowerBound <= place.range.lowerBound { continue }
            reserve = place
        }
        // What it matched was forgotten when others were tried.
        guard let reserve, templates[reserve.template].match(line, from: 0, to: line.byteCount) else { return nil }
        return Place(template: reserve.template, range: templates[reserve.template].range)
    }

    /// Moves a template forward as it has earned; returns its new place.
    private func moved(_ index: Int, _ now: Double) -> Int {
        let template = templates[index]
        let weight = template.weight
        let unused = now - Self.unusedTime
        func givesWay(_ place: Int) -> Bool { weight > templates[place].weight || unused > templates[place].lastUsed }
        var place = firstUnused < index ? firstUnused : index / 2
        if !givesWay(place) {
            guard place != index - 1 else { return index }
            place = index - 1
            guard givesWay(place) else { return index }
        }
        templates.remove(at: index)
        templates.insert(template, at: place)
        while firstUnused < templates.count, templates[firstUnused].hits > 0 { firstUnused += 1 }
        return place
    }

    /// Letters and digits; what is not ASCII counts as such.
    private static func isWordy(_ byte: Int) -> Bool {
        byte >= 0x80 || byte >= 0 && (ASCII.isDigit(UInt8(byte)) || ASCII.isLetter(UInt8(byte)))
    }

    /// Whether a code point begins or the line ends there.
    private static func isBoundary(_ line: RawSpan, _ offset: Int) -> Bool {
        offset >= line.byteCount || line.byte(at: offset) & 0xc0 != 0x80
    }
}
