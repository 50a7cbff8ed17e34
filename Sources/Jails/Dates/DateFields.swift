import Bytes
import Telemetry

/// What dates in lines are completed with.
package struct DateClock: Sendable {
    /// Seconds since 1970.
    package var now: Double
    package var zone: ZoneFile

    package init(now: Double, zone: ZoneFile) {
        self.now = now
        self.zone = zone
    }
}

/// The groups of a date's pattern that hold its fields; 0 for what it does not have.
struct DateFieldGroups {
    private var groups = [Int](repeating: 0, count: 128)

    init(_ regex: Regex) {
        for (name, number) in regex.groupNames where name.utf8.count == 1 {
            if let letter = name.utf8.first, letter < 128 { groups[Int(letter)] = number }
        }
    }

    /// Nil where a field has no meaning, such as the zone XYZ.
    func read(_ line: RawSpan, _ matcher: TextMatcher) -> DateFields? {
        var fields = DateFields()
        func range(_ letter: Unicode.Scalar) -> Range<Int>? {
            let group = groups[Int(letter.value)]
            guard group > 0, let range = matcher.range(of: group), !range.isEmpty else { return nil }
            return range
        }
        func number(_ letter: Unicode.Scalar) -> Int? {
            guard let range = range(letter) else { return nil }
            var value = 0
            // Patterns let digits through and a space before them.
            for index in range where ASCII.isDigit(line.byte(at: index)) && value < 1_000_000 {
                value = value * 10 + Int(line.byte(at: index)) - 0x30
            }
            return value
        }
        // Of names of three letters in a row; longer ones begin with them.
        func name(_ letter: Unicode.Scalar, _ names: StaticString) -> Int? {
            guard let range = range(letter), range.count >= 3 else { return nil }
            var index = 0
            while index + 3 <= names.utf8CodeUnitCount {
                var place = 0
                while place < 3, line.byte(at: range.lowerBound + place) | 0x20 == names.utf8Start[index + place] {
                    place += 1
                }
                if place == 3 { return index / 3 }
                index += 3
            }
            return nil
        }
        let months: StaticString = "janfebmaraprmayjunjulaugsepoctnovdec"
        let weekdays: StaticString = "montuewedthufrisatsun"
        fields.year = number("Y") ?? number("y").map { $0 + 2000 }
        fields.month =
            number("m") ?? name("b", months).map { $0 + 1 } ?? name("B", months).map { $0 + 1 }
        fields.day = number("d")
        fields.hour = number("H") ?? 0
        if let hour = number("I") {
            // Without am or pm it is taken as it is.
            let isAfternoon = range("p").map { line.byte(at: $0.lowerBound) | 0x20 == 0x70 }
            fields.hour = isAfternoon.map { hour % 12 + ($0 ? 12 : 0) } ?? hour
        }
        fields.minute = number("M") ?? 0
        fields.second = number("S") ?? 0
        fields.dayOfYear = number("j")
        // 0 is Monday.
        fields.weekday =
            name("a", weekdays) ?? name("A", weekdays) ?? number("w").map { ($0 + 6) % 7 }
            ?? number("u").map { $0 - 1 }
        fields.weekFromSunday = number("U")
        fields.weekFromMonday = number("W")
        if let range = range("z") ?? range("Z") {
            guard let offset = ZoneAbbreviations.offset(line.slice(range.lowerBound, range.upperBound)) else {
                return nil
            }
            fields.offset = offset
        }
        return fields
    }
}

/// The fields of a date, as far as a line has them.
struct DateFields: Equatable {
    var year: Int?
    var month: Int?
    var day: Int?
    var hour = 0
    var minute = 0
    var second = 0
    var dayOfYear: Int?
    /// 0 is Monday.
    var weekday: Int?
    var weekFromSunday: Int?
    var weekFromMonday: Int?
    /// Seconds east of Greenwich.
    var offset: Int?

    /// Seconds since 1970; nil for a date that no calendar has. A missing year is this one, or the last where that would be more than a
    /// day ahead; a missing date today's, or yesterday's where that would be ahead.
    func time(_ clock: DateClock) -> Double? {
        guard hour < 24, minute < 60, second < 60 else { return nil }
        let now = clock.zone.calendar(at: Int64(clamping: Int(clock.now.rounded(.down).clamped)))
        var year = self.year ?? now.year
        guard (1...9999).contains(year) else { return nil }
        var month = self.month
        var day = self.day
        let ordinal = dayOfYear ?? dayOfWeek(year)
        if month == nil || day == nil, let ordinal {
            guard ordinal >= 1 else { return nil }
            let date = CalendarTime(
                seconds: CalendarTime.seconds(year: year, month: 1, day: 1) + Int64(ordinal - 1) * 86_400)
            (year, month, day) = (date.year, date.month, date.day)
        }
        // One without the other says nothing.
        guard (month == nil) == (day == nil) else { return nil }
        let isToday = month == nil
        let date = (month: month ?? now.month, day: day ?? now.day)
        guard (1...12).contains(date.month), date.day >= 1 else { return nil }
        func seconds(_ year: Int) -> Double? {
            guard date.day <= CalendarTime.length(ofMonth: date.month, year: year) else { return nil }
            let local =
                CalendarTime.seconds(year: year, month: date.month, day: date.day)
                + Int64(hour * 3600 + minute * 60 + second)
            if let offset { return Double(local - Int64(offset)) }
            return Double(clock.zone.seconds(local: local))
        }
        guard let time = seconds(year) ?? (self.year == nil ? seconds(year - 1) : nil) else { return nil }
        if isToday, self.year == nil { return time > clock.now ? time - 86_400 : time }
        if self.year == nil, time > clock.now + 86_400 { return seconds(year - 1) ?? time }
        return time
    }

    /// From the number of a week and a day of it.
    private func dayOfWeek(_ year: Int) -> Int? {
        guard let weekday, let week = weekFromSunday ?? weekFromMonday else { return nil }
        // CalendarTime counts from Sunday.
        let first = (CalendarTime(seconds: CalendarTime.seconds(year: year, month: 1, day: 1)).weekday + 6) % 7
        if weekFromSunday != nil {
            let shift = (7 - (first + 1) % 7) % 7
            let inWeek = (weekday + 1) % 7
            return week == 0 ? inWeek - (first + 1) % 7 + 1 : 1 + shift + 7 * (week - 1) + inWeek
        }
        let shift = (7 - first) % 7
        return week == 0 ? weekday - first + 1 : 1 + shift + 7 * (week - 1) + weekday
    }
}

extension Double {
    /// Within what a calendar can show.
    fileprivate var clamped: Double { isFinite ? Swift.min(Swift.max(self, -6e10), 2.5e11) : 0 }
}
