import Configuration

extension AlertFunctions {
    /// Numbers made readable, times and durations.
    static var numbers: [Function] {
        [
            onNumber("humanize") { value in
                guard value != 0, value.isFinite else { return short(value) }
                return value.magnitude >= 1
                    ? scaled(value, by: 1000, ["k", "M", "G", "T", "P", "E", "Z", "Y"]) : small(value)
            },
            onNumber("humanize1024") { value in
                guard value.magnitude > 1, value.isFinite else { return short(value) }
                return scaled(value, by: 1024, ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"])
            },
            onNumber("humanizeDuration", duration),
            onNumber("humanizePercentage") { short($0 * 100) + "%" },
            Function("humanizeTimestamp", [.any]) { arguments, _ throws(TemplateFunctionError) in
                let value = try number(arguments[0])
                guard value.isFinite else { return .string(short(value)) }
                return .string(GoTime.text(try time(value)))
            },
            Function("toTime", [.any]) { arguments, _ throws(TemplateFunctionError) in
                .time(try time(number(arguments[0])))
            },
            Function("toDuration", [.any]) { arguments, _ throws(TemplateFunctionError) in
                .integer(try nanoseconds(number(arguments[0]), "duration"), .duration)
            },
            Function("now", []) { _, environment in .float(Double(environment.now) / 1000) },
            Function("parseDuration", [.string]) { arguments, _ throws(TemplateFunctionError) in
                let text = string(arguments[0])
                if text.isEmpty { throw TemplateFunctionError("empty duration string") }
                guard let seconds = promDuration(text) else {
                    throw TemplateFunctionError(
                        "not a valid duration string: \(GoPrinter.format("%q", [arguments[0]]))")
                }
                return .float(seconds)
            },
        ]
    }

    private static func onNumber(_ name: String, _ text: @escaping @Sendable (Double) -> String) -> Function {
        Function(name, [.any]) { arguments, _ throws(TemplateFunctionError) in .string(text(try number(arguments[0]))) }
    }

    /// What a template calls a number: also text that reads as one.
    private static func number(_ value: TemplateValue) throws(TemplateFunctionError) -> Double {
        switch value {
        case .float(let number): return number
        case .integer(let number, .int), .integer(let number, .int64): return Double(number)
        case .integer(let number, .duration): return Double(number) / 1e9
        case .string(let text):
            let special: [String: Double] = ["inf": .infinity, "infinity": .infinity, "nan": .nan]
            let isNegative = text.utf8.first == UInt8(ascii: "-")
            let bare = isNegative || text.utf8.first == UInt8(ascii: "+") ? String(text.dropFirst()) : text
            if let number = special[bare.lowercased()] { return isNegative ? -number : number }
            if let number = GoLiteral.float(text) { return number }
            let problem = Double(text)?.isInfinite ?? false ? "value out of range" : "invalid syntax"
            throw TemplateFunctionError(
                "strconv.ParseFloat: parsing \(GoPrinter.format("%q", [value])): \(problem)")
        default: throw TemplateFunctionError("can't convert \(value.typeName ?? "<nil>") to float")
        }
    }

    /// `1d 2h 3m 4s` of a number of seconds, or of text that reads as one.
    package static func humanizedDuration(_ value: TemplateValue) throws(TemplateFunctionError) -> String {
        duration(try number(value))
    }

    private static func short(_ value: Double) -> String { GoFloat.text(value, "g", precision: 4) }

    private static func scaled(_ value: Double, by factor: Double, _ prefixes: [String]) -> String {
        var value = value
        var prefix = ""
        for candidate in prefixes where value.magnitude >= factor {
            prefix = candidate
            value /= factor
        }
        return short(value) + prefix
    }

    private static func small(_ value: Double) -> String {
        var value = value
        var prefix = ""
        for candidate in ["m", "u", "n", "p", "f", "a", "z", "y"] where value.magnitude < 1 {
            prefix = candidate
            value *= 1000
        }
        return short(value) + prefix
    }

    @Sendable private static func duration(_ value: Double) -> String {
        guard value.isFinite else { return short(value) }
        if value == 0 { return short(value) + "s" }
        guard value.magnitude >= 1 else { return small(value) + "s" }
        let sign = value < 0 ? "-" : ""
        // Beyond 64 bits nothing is worth a day's precision.
        let seconds = Int64(exactly: value.magnitude.rounded(.towardZero)) ?? .max
        let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60)
        if days != 0 { return "\(sign)\(days)d \(hours)h \(minutes)m \(seconds % 60)s" }
        if hours != 0 { return "\(sign)\(hours)h \(minutes)m \(seconds % 60)s" }
        if minutes != 0 { return "\(sign)\(minutes)m \(seconds % 60)s" }
        return sign + short(value.magnitude) + "s"
    }

    /// To the millisecond, as Prometheus has times.
    private static func time(_ seconds: Double) throws(TemplateFunctionError) -> Int64 {
        try nanoseconds(seconds, "timestamp") / 1_000_000 * 1_000_000
    }

    private static func nanoseconds(_ seconds: Double, _ what: String) throws(TemplateFunctionError) -> Int64 {
        guard seconds.isFinite else { throw TemplateFunctionError("value is NaN or Inf") }
        guard let value = Int64(exactly: (seconds * 1e9).rounded(.towardZero)) else {
            throw TemplateFunctionError(
                "\(GoFloat.text(seconds, "g", precision: nil)) cannot be represented as a nanoseconds \(what) since it "
                    + "overflows int64")
        }
        return value
    }

    /// A duration as Prometheus writes them: whole numbers, units from long to short.
    private static func promDuration(_ text: String) -> Double? {
        if text == "0" { return 0 }
        let units: [(String, Double)] = [
            ("y", 31_536_000), ("w", 604_800), ("d", 86_400), ("h", 3600), ("m", 60), ("s", 1), ("ms", 0.001),
        ]
        var rest = text[...]
        var next = 0
        var total = 0.0
        while !rest.isEmpty {
            let digits = rest.prefix { ("0"..."9").contains($0) }
            let unit = rest.dropFirst(digits.count).prefix { !("0"..."9").contains($0) }
            guard let number = Int64(digits), let place = units.firstIndex(where: { $0.0 == unit }), place >= next
            else {
                return nil
            }
            total += Double(number) * units[place].1
            next = place + 1
            rest = rest.dropFirst(digits.count + unit.count)
        }
        return text.isEmpty || total > 9_223_372_036 ? nil : total
    }
}
