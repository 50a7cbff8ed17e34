/// Times and durations as Go's `time` prints them. All times are UTC.
package enum GoTime {
    static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]
    static let weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

    /// `2022-01-25 12:36:43.5 +0000 UTC`
    static func text(_ nanoseconds: Int64) -> String {
        format(nanoseconds, "2006-01-02 15:04:05.999999999 -0700 MST")
    }

    /// What a value of a named integer type prints itself as; nil for plain integers.
    static func name(_ value: Int64, _ type: TemplateIntegerType) -> String? {
        switch type {
        case .int, .int64, .uint8: nil
        case .month: (1...12).contains(value) ? months[Int(value) - 1] : "%!Month(\(value))"
        case .weekday: (0...6).contains(value) ? weekdays[Int(value)] : "%!Weekday(\(value))"
        case .duration: duration(value)
        }
    }

    /// `1h2m3.5s`, `1.5ms`, `0s`
    package static func duration(_ nanoseconds: Int64) -> String {
        let magnitude = nanoseconds.magnitude
        let sign = nanoseconds < 0 ? "-" : ""
        if magnitude == 0 { return "0s" }
        for (unit, size) in [("ns", 1), ("µs", 1000), ("ms", 1_000_000)] as [(String, UInt64)]
        where magnitude < size * 1000 {
            return sign + decimal(magnitude, size) + unit
        }
        let seconds = magnitude / 1_000_000_000
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60)
        var text = sign
        if hours > 0 { text += "\(hours)h" }
        if hours > 0 || minutes > 0 { text += "\(minutes)m" }
        return text + decimal(magnitude % 60_000_000_000, 1_000_000_000) + "s"
    }

    /// `value / size` without zeros at the end.
    private static func decimal(_ value: UInt64, _ size: UInt64) -> String {
        let rest = value % size
        guard rest > 0 else { return "\(value / size)" }
        var digits = String(rest + size).dropFirst()
        while digits.last == "0" { digits.removeLast() }
        return "\(value / size).\(digits)"
    }
}

/// A time's parts in UTC.
package struct CivilTime {
    package var year: Int
    /// From 1.
    package var month: Int
    package var day: Int
    package var hour: Int
    package var minute: Int
    package var second: Int
    package var nanosecond: Int
    /// 0 is Sunday.
    package var weekday: Int
    /// From 1.
    package var yearDay: Int

    init(_ nanoseconds: Int64) {
        let (seconds, fraction) = Self.floored(Int(nanoseconds), 1_000_000_000)
        self.init(seconds: seconds, nanosecond: fraction)
    }

    private static func floored(_ a: Int, _ b: Int) -> (Int, Int) {
        let (quotient, rest) = a.quotientAndRemainder(dividingBy: b)
        return rest < 0 ? (quotient - 1, rest + b) : (quotient, rest)
    }

    /// - Parameter seconds: since 1970, on the clock that is to be shown.
    package init(seconds: Int, nanosecond: Int) {
        let (days, ofDay) = Self.floored(seconds, 86_400)
        self.nanosecond = nanosecond
        (hour, minute, second) = (ofDay / 3600, ofDay / 60 % 60, ofDay % 60)
        weekday = Self.floored(days + 4, 7).1
        // Years that begin in March, in eras of 400 years.
        let (era, dayOfEra) = Self.floored(days + 719_468, 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shifted + 2) / 5 + 1
        month = shifted < 10 ? shifted + 3 : shifted - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334][month - 1]
        yearDay = before + (isLeap && month > 2 ? 1 : 0) + day
    }
}
