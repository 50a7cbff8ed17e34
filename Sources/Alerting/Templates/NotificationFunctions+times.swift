import Rules

extension NotificationFunctions {
    static var times: [Function] {
        [
            Function("now", []) { _, environment in environment.now.value },
            Function("since", [.type("time.Time")]) { arguments, environment throws(TemplateFunctionError) in
                .integer(environment.now.nanoseconds(since: try time(arguments[0])), .duration)
            },
            Function("date", [.string, .type("time.Time")]) { arguments, _ throws(TemplateFunctionError) in
                .string(try time(arguments[1]).formatted(string(arguments[0])))
            },
            Function("tz", [.string, .type("time.Time")]) { arguments, _ throws(TemplateFunctionError) in
                let name = string(arguments[0])
                guard let moved = try time(arguments[1]).on(zoneNamed: name) else {
                    throw TemplateFunctionError("unknown time zone \(name)")
                }
                return moved.value
            },
            Function("toDate", [.string, .string]) { arguments, _ in
                (parsed(string(arguments[1]), string(arguments[0])) ?? .zero).value
            },
            Function("mustToDate", [.string, .string]) { arguments, _ throws(TemplateFunctionError) in
                guard let time = parsed(string(arguments[1]), string(arguments[0])) else {
                    throw TemplateFunctionError(
                        "parsing time \"\(string(arguments[1]))\": it is not written as \"\(string(arguments[0]))\"")
                }
                return time.value
            },
            Function("humanizeDuration", [.any]) { arguments, _ throws(TemplateFunctionError) in
                .string(try AlertFunctions.humanizedDuration(arguments[0]))
            },
        ]
    }

    private static func parsed(_ text: String, _ layout: String) -> TemplateTime? {
        guard let time = GoTime.parse(text, layout) else { return nil }
        let offset = time.offset ?? 0
        let zone =
            offset == 0
            ? "UTC"
            : GoTime.format(
                CivilTime(seconds: 0, nanosecond: 0), offset: offset, zone: "", "-0700")
        return TemplateTime(seconds: Int64(time.seconds), nanosecond: time.nanosecond, offset: offset, zone: zone)
    }

    static func time(_ value: TemplateValue) throws(TemplateFunctionError) -> TemplateTime {
        guard let time = TemplateTime(value) else {
            throw TemplateFunctionError("expected a time, found \(value.typeName ?? "nil")")
        }
        return time
    }

    private static func method(
        _ name: String, _ result: @escaping @Sendable (TemplateTime) -> TemplateValue
    ) -> Function {
        Function(name, []) { arguments, _ throws(TemplateFunctionError) in result(try time(arguments[0])) }
    }

    private static func comparison(
        _ name: String, _ result: @escaping @Sendable (Int64) -> Bool
    ) -> Function {
        Function(name, [.type("time.Time")]) { arguments, _ throws(TemplateFunctionError) in
            .bool(result(try time(arguments[0]).nanoseconds(since: try time(arguments[1]))))
        }
    }

    static var methodsOfTime: [Function] {
        [
            Function("Format", [.string]) { arguments, _ throws(TemplateFunctionError) in
                .string(try time(arguments[0]).formatted(string(arguments[1])))
            },
            method("String") { .string($0.formatted("2006-01-02 15:04:05.999999999 -0700 MST")) },
            method("UTC") { TemplateTime(seconds: $0.seconds, nanosecond: $0.nanosecond).value },
            method("Local") { ($0.on(zoneNamed: "Local") ?? $0).value },
            method("Unix") { .integer($0.seconds, .int64) },
            method("UnixMilli") { .integer($0.seconds * 1000 + Int64($0.nanosecond / 1_000_000), .int64) },
            method("UnixNano") { .integer($0.nanoseconds(since: TemplateTime(seconds: 0)), .int64) },
            method("Year") { .int($0.civil.year) },
            method("Month") { .integer(Int64($0.civil.month), .month) },
            method("Day") { .int($0.civil.day) },
            method("Hour") { .int($0.civil.hour) },
            method("Minute") { .int($0.civil.minute) },
            method("Second") { .int($0.civil.second) },
            method("Nanosecond") { .int($0.nanosecond) },
            method("YearDay") { .int($0.civil.yearDay) },
            method("Weekday") { .integer(Int64($0.civil.weekday), .weekday) },
            method("IsZero") { .bool($0.seconds == TemplateTime.zero.seconds && $0.nanosecond == 0) },
            comparison("After") { $0 > 0 },
            comparison("Before") { $0 < 0 },
            comparison("Equal") { $0 == 0 },
            Function("Add", [.type("time.Duration")]) { arguments, _ throws(TemplateFunctionError) in
                guard case .integer(let duration, _) = arguments[1] else { return .missing }
                return try time(arguments[0]).adding(nanoseconds: duration).value
            },
            Function("Sub", [.type("time.Time")]) { arguments, _ throws(TemplateFunctionError) in
                .integer(try time(arguments[0]).nanoseconds(since: try time(arguments[1])), .duration)
            },
        ]
    }
}
