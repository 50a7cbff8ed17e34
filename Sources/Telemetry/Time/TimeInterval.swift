/// Times that come again and again, as Alertmanager's `time_intervals` have them: every field that says something must hold,
/// and within a field any one of its ranges.
package struct TimeInterval: Sendable, Equatable {
    /// Minutes of the day, from 0; the end is 1440 at most and no longer part of it.
    package var times: [Range<Int>] = []
    /// 0 is Sunday.
    package var weekdays: [ClosedRange<Int>] = []
    /// 1 to 31 from the beginning of the month, -1 to -31 from its end.
    package var daysOfMonth: [DayRange] = []
    /// 1 to 12.
    package var months: [ClosedRange<Int>] = []
    package var years: [ClosedRange<Int>] = []
    /// As it was written, for people.
    package var location = "UTC"
    package var zone = ZoneFile.utc

    /// Days of a month; either end may count from the end of the month.
    package struct DayRange: Sendable, Equatable {
        package var first: Int
        package var last: Int

        package init(first: Int, last: Int) {
            self.first = first
            self.last = last
        }

        /// Days that a month does not have are cut off; a range that lies outside of it as a whole takes no day.
        func contains(_ day: Int, monthLength: Int) -> Bool {
            let begin = first < 0 ? monthLength + first + 1 : first
            let end = last < 0 ? monthLength + last + 1 : last
            guard begin <= monthLength else { return false }
            return day >= max(begin, 1) && day <= min(end, monthLength)
        }
    }

    package init() {}

    /// Whether a time, in seconds since 1970, is inside.
    package func contains(_ seconds: Int64) -> Bool {
        let now = zone.calendar(at: seconds)
        func holds<Ranges: Collection>(_ ranges: Ranges, _ test: (Ranges.Element) -> Bool) -> Bool {
            ranges.isEmpty || ranges.contains(where: test)
        }
        return holds(times) { $0.contains(now.minuteOfDay) }
            && holds(weekdays) { $0.contains(now.weekday) }
            && holds(daysOfMonth) { $0.contains(now.day, monthLength: now.lengthOfMonth) }
            && holds(months) { $0.contains(now.month) } && holds(years) { $0.contains(now.year) }
    }
}

extension [TimeInterval] {
    /// Whether any of them contains the time, in seconds since 1970.
    package func contains(time seconds: Int64) -> Bool { contains { $0.contains(seconds) } }
}
