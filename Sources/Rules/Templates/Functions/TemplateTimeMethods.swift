/// The methods of Go's times and durations that templates use: `(toTime $value).Format "15:04"`.
enum TemplateTimeMethods<Environment> {
    typealias Function = TemplateFunction<Environment>

    static var ofTime: [Function] {
        [
            Function("Format", [.string]) { arguments, _ in
                guard case .string(let layout) = arguments[1] else { return .missing }
                return .string(GoTime.format(time(arguments[0]), layout))
            },
            Function("String", []) { arguments, _ in .string(GoTime.text(time(arguments[0]))) },
            Function("UTC", []) { arguments, _ in arguments[0] },
            Function("Unix", []) { arguments, _ in .integer(floored(time(arguments[0]), 1_000_000_000), .int64) },
            Function("UnixMilli", []) { arguments, _ in .integer(floored(time(arguments[0]), 1_000_000), .int64) },
            Function("UnixNano", []) { arguments, _ in .integer(time(arguments[0]), .int64) },
            Function("Year", []) { arguments, _ in .int(CivilTime(time(arguments[0])).year) },
            Function("Month", []) { arguments, _ in .integer(Int64(CivilTime(time(arguments[0])).month), .month) },
            Function("Day", []) { arguments, _ in .int(CivilTime(time(arguments[0])).day) },
            Function("Hour", []) { arguments, _ in .int(CivilTime(time(arguments[0])).hour) },
            Function("Minute", []) { arguments, _ in .int(CivilTime(time(arguments[0])).minute) },
            Function("Second", []) { arguments, _ in .int(CivilTime(time(arguments[0])).second) },
            Function("Nanosecond", []) { arguments, _ in .int(CivilTime(time(arguments[0])).nanosecond) },
            Function("YearDay", []) { arguments, _ in .int(CivilTime(time(arguments[0])).yearDay) },
            Function("Weekday", []) { arguments, _ in .integer(Int64(CivilTime(time(arguments[0])).weekday), .weekday)
            },
            Function("IsZero", []) { arguments, _ in .bool(false) },
            Function("Add", [.type("time.Duration")]) { arguments, _ in
                guard case .integer(let duration, _) = arguments[1] else { return .missing }
                return .time(time(arguments[0]) &+ duration)
            },
            Function("Sub", [.type("time.Time")]) { arguments, _ in
                let (difference, overflow) = time(arguments[0]).subtractingReportingOverflow(time(arguments[1]))
                guard overflow else { return .integer(difference, .duration) }
                return .integer(time(arguments[0]) < time(arguments[1]) ? .min : .max, .duration)
            },
            Function("After", [.type("time.Time")]) { arguments, _ in .bool(time(arguments[0]) > time(arguments[1])) },
            Function("Before", [.type("time.Time")]) { arguments, _ in .bool(time(arguments[0]) < time(arguments[1])) },
            Function("Equal", [.type("time.Time")]) { arguments, _ in .bool(time(arguments[0]) == time(arguments[1])) },
        ]
    }

    static var ofDuration: [Function] {
        ofNames + [
            Function("Seconds", []) { arguments, _ in .float(Double(integer(arguments[0])) / 1e9) },
            Function("Minutes", []) { arguments, _ in .float(Double(integer(arguments[0])) / 60e9) },
            Function("Hours", []) { arguments, _ in .float(Double(integer(arguments[0])) / 3600e9) },
            Function("Milliseconds", []) { arguments, _ in .integer(integer(arguments[0]) / 1_000_000, .int64) },
            Function("Microseconds", []) { arguments, _ in .integer(integer(arguments[0]) / 1000, .int64) },
            Function("Nanoseconds", []) { arguments, _ in .integer(integer(arguments[0]), .int64) },
            Function("Truncate", [.type("time.Duration")]) { arguments, _ in
                let step = integer(arguments[1])
                let value = integer(arguments[0])
                return .integer(step > 0 ? value - value % step : value, .duration)
            },
        ]
    }

    /// Of the integers that print as names.
    static var ofNames: [Function] {
        [Function("String", []) { arguments, _ in .string(GoPrinter.print([arguments[0]])) }]
    }

    private static func time(_ value: TemplateValue) -> Int64 {
        guard case .time(let nanoseconds) = value else { return 0 }
        return nanoseconds
    }

    private static func integer(_ value: TemplateValue) -> Int64 {
        guard case .integer(let number, _) = value else { return 0 }
        return number
    }

    private static func floored(_ value: Int64, _ size: Int64) -> Int64 {
        value >= 0 || value % size == 0 ? value / size : value / size - 1
    }
}
