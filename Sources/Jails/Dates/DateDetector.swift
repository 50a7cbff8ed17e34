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

    private(set) var templates: [DateTemplate]
    private var last: Int?
    private var lastStart = Edge()
    private var lastEnd = Edge()
    /// The first template that was never used.
    private var firstUnused = 0

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
        if let last, let range = matchAgain(templates[last], line) {
            count(last, range, now)
            return found(last, range, line)
        }
        guard let (index, range) = search(line) else {
            last = nil
            return nil
        }
        count(index, range, now)
        let place = index > 0 && index != last ? moved(index, now) : index
        last = place
        return found(place, range, line)
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
        guard let cut = template.cut else { return nil }
        return Found(cut: cut, template: index)
    }

    /// The template that served last, at the place where it did.
    private func matchAgain(_ template: DateTemplate, _ line: RawSpan) -> Range<Int>? {
        if template.isAnchored { return template.match(line, from: 0, to: line.byteCount) ? template.range : nil }
        let (lower, upper) = (lastStart.offset, lastEnd.offset)
        guard upper <= line.byteCount else { return nil }
        let (start, end) = (Edge(line, lower), Edge(line, upper))
        // Outside the same, or inside the same where that is no letter or digit: else it may be another form.
        guard start.before == lastStart.before || start.after == lastStart.after && !Self.isWordy(lastStart.after),
            end.after == lastEnd.after || end.before == lastEnd.before && !Self.isWordy(lastEnd.before),
            Self.isBoundary(line, lower), Self.isBoundary(line, upper),
            template.match(line, from: lower, to: upper), template.range == lower..<upper
        else { return nil }
        return template.range
    }

    private func search(_ line: RawSpan) -> (Int, Range<Int>)? {
        var reserve: (index: Int, range: Range<Int>)?
        for index in templates.indices {
            let template = templates[index]
            guard template.match(line, from: 0, to: line.byteCount) else { continue }
            let range = template.range
            if template.isAnchored || templates.count == 1 || range.lowerBound <= template.distance {
                return (index, range)
            }
            // Further right than it used to be: another may be meant.
            if reserve == nil || range.lowerBound < reserve?.range.lowerBound ?? 0 { reserve = (index, range) }
        }
        guard let reserve, templates[reserve.index].match(line, from: 0, to: line.byteCount) else { return nil }
        return reserve
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
