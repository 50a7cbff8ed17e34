/// When times that come again and again begin and end. In seconds since 1970; what lies more than a year away is not found.
extension [TimeInterval] {
    /// The first time after `seconds` at which what `contains` says changes.
    package func nextChange(after seconds: Int64) -> Int64? {
        let isInside = contains(time: seconds)
        let minutes = minutesOfChange
        var hour = Self.hour(seconds)
        while hour <= seconds + Self.year {
            for minute in minutes {
                let time = hour + Int64(minute) * 60
                if time > seconds, contains(time: time) != isInside { return time }
            }
            hour += 3600
        }
        return nil
    }

    /// The last time up to `seconds` at which it changed to what it is.
    package func lastChange(before seconds: Int64) -> Int64? {
        let isInside = contains(time: seconds)
        let minutes = minutesOfChange
        var hour = Self.hour(seconds)
        while hour >= seconds - Self.year {
            for minute in minutes.reversed() {
                let time = hour + Int64(minute) * 60
                if time <= seconds, contains(time: time - 1) != isInside { return time }
            }
            hour -= 3600
        }
        return nil
    }

    private static var year: Int64 { 366 * 86_400 }

    private static func hour(_ seconds: Int64) -> Int64 { seconds - (seconds % 3600 + 3600) % 3600 }

    /// Minutes of an hour, in UTC, at which something may begin or end: at midnight or at the times of an interval, in zones
    /// whose clocks differ from UTC by quarters of an hour, and where clocks are set.
    private var minutesOfChange: [Int] {
        let minutes = flatMap(\.times).flatMap { [$0.lowerBound, $0.upperBound] } + [0]
        return Set(minutes.flatMap { minute in [0, 15, 30, 45].map { (minute + $0) % 60 } }).sorted()
    }
}
