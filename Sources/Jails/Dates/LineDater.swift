import Bytes
import Telemetry

/// Dates the lines of a log and takes the dates out of them, for all filters with the same forms of dates.
final class LineDater {
    /// What was read last without its date, with a line feed behind it.
    @exclusivity(unchecked) private(set) var subject = ByteBuffer(capacity: 1024)
    /// Of what was read last, seconds since 1970; nil where nothing tells.
    @exclusivity(unchecked) private(set) var time: Double?

    private let detector: DateDetector
    private let zone: ZoneFile
    // The date read last: most lines have that of the line before.
    @exclusivity(unchecked) private var date = ByteBuffer()
    @exclusivity(unchecked) private var dateTemplate: DateTemplate?
    @exclusivity(unchecked) private var dateTime: Double?
    @exclusivity(unchecked) private var dateReadAt = 0.0
    @exclusivity(unchecked) private var lastTime: Double?

    /// So long the date of a line serves those after it that have none; seconds.
    private static let lifetime = 60.0

    init(_ templates: [DateTemplate], zone: ZoneFile) {
        detector = DateDetector(templates)
        self.zone = zone
    }

    /// The forms of dates, and how often each was found.
    var templates: [(name: String, hits: Int)] { detector.templates.map { ($0.name, $0.hits) } }

    /// - Parameters:
    ///   - line: UTF-8.
    ///   - given: the time where the line's source knows it.
    ///   - cuts: then, too, takes a date out of the line.
    func read(_ line: RawSpan, given: Double?, cuts: Bool, now: Double) {
        subject.removeAll()
        time = given
        if given == nil || cuts, let found = detector.match(line, now: now) {
            subject.append(line.slice(0, found.cut.lowerBound))
            subject.append(line.slice(found.cut.upperBound, line.byteCount))
            time = given ?? value(line, found, now)
        } else {
            subject.append(line)
        }
        subject.append(0x0a)
        if time == nil, let lastTime, lastTime > now - Self.lifetime { time = lastTime }
    }

    /// What a line's date says; nil where it has none.
    func time(of line: RawSpan, now: Double) -> Double? {
        guard line.isUTF8, let found = detector.match(line, now: now) else { return nil }
        return value(line, found, now)
    }

    /// What a found date says.
    private func value(_ line: RawSpan, _ found: DateDetector.Found, _ now: Double) -> Double? {
        guard !found.cut.isEmpty else { return nil }
        let template = detector.templates[found.template]
        let text = line.slice(found.cut.lowerBound, found.cut.upperBound)
        // A date without a day or a year means another one later.
        if template === dateTemplate, abs(now - dateReadAt) < 1, date.bytes.equals(text) { return dateTime }
        date.removeAll()
        date.append(text)
        dateTemplate = template
        dateReadAt = now
        dateTime = template.time(line, DateClock(now: now, zone: zone))
        if let dateTime { lastTime = dateTime }
        return dateTime
    }
}
