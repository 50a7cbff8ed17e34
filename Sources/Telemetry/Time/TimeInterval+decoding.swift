import Configuration

extension TimeInterval: ConfigurationSection {
    package static let configurationKeys = [
        ConfigurationKey(
            "times", "list of {start_time, end_time}",
            "Times of the day as `HH:MM`; the end is no longer part of it and may be `24:00`."),
        ConfigurationKey("weekdays", "list of strings", "`monday`, `'monday:friday'`."),
        ConfigurationKey(
            "days_of_month", "list of strings", "`'1'`, `'1:5'`, `'-3:-1'`: negative days count from the month's end."),
        ConfigurationKey("months", "list of strings", "`january`, `'1:3'`, `'may:august'`."),
        ConfigurationKey("years", "list of strings", "`'2026'`, `'2026:2028'`."),
        ConfigurationKey(
            "location", "string", default: "UTC", "A time zone such as `Europe/Oslo`, `Local` (the host's) or `UTC`."),
    ]

    private static let timeKeys = [
        ConfigurationKey("start_time", "time of day", "`HH:MM`."),
        ConfigurationKey("end_time", "time of day", "`HH:MM`, up to `24:00`."),
    ]

    static let dayNames = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"]
    static let monthNames = [
        "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
        "december",
    ]

    package init(_ reader: MappingReader) {
        self.init()
        for item in reader.value("times")?.items() ?? [] {
            if let range = Self.times(item) { times.append(range) }
        }
        weekdays = Self.ranges(reader.value("weekdays"), "a weekday such as monday or 'monday:friday'") { text in
            Self.dayNames.firstIndex(of: text)
        }
        daysOfMonth = Self.days(reader.value("days_of_month"))
        months = Self.ranges(reader.value("months"), "a month such as may, 5 or '1:3'") { text in
            if let index = Self.monthNames.firstIndex(of: text) { return index + 1 }
            return Int(text).flatMap { (1...12).contains($0) ? $0 : nil }
        }
        years = Self.ranges(reader.value("years"), "a year such as '2026' or '2026:2028'") { text in
            Int(text).flatMap { (0...9999).contains($0) ? $0 : nil }
        }
        if let value = reader.value("location"), let name = value.string() {
            location = name
            if let found = TimeZones.zone(named: name) {
                zone = found
            } else {
                value.report(
                    "this host knows no time zone \"\(name)\"; expected UTC, Local or one of \(TimeZones.directory)")
            }
        }
        reader.finish()
    }

    private static func times(_ item: ValueReader) -> Range<Int>? {
        guard let mapping = item.mapping(timeKeys) else { return nil }
        func time(_ key: String) -> Int? {
            guard let value = mapping.requiredValue(key), let text = value.string() else { return nil }
            guard let minutes = minutes(text) else {
                value.report("expected a time such as 08:30, found \"\(text)\"")
                return nil
            }
            return minutes
        }
        let start = time("start_time")
        let end = time("end_time")
        mapping.finish()
        guard let start, let end else { return nil }
        guard start < end else {
            item.report("expected start_time before end_time; a night is two ranges, up to 24:00 and from 00:00")
            return nil
        }
        return start..<end
    }

    /// `HH:MM` as minutes.
    private static func minutes(_ text: String) -> Int? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2,
            parts.allSatisfy({ $0.count == 2 && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
            let hours = Int(parts[0]), let minutes = Int(parts[1]), minutes < 60, hours * 60 + minutes <= 1440
        else { return nil }
        return hours * 60 + minutes
    }

    private static func ends(_ text: String) -> (Substring, Substring)? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map { $0.drop { $0 == " " } }
        switch parts.count {
        case 1: return (parts[0], parts[0])
        case 2: return (parts[0], parts[1])
        default: return nil
        }
    }

    private static func ranges(
        _ value: ValueReader?, _ expected: String, _ parse: (String) -> Int?
    ) -> [ClosedRange<Int>] {
        var result: [ClosedRange<Int>] = []
        for item in value?.items() ?? [] {
            guard let text = item.string() else { continue }
            guard let (first, last) = ends(text.lowercased()), let lower = parse(String(first)),
                let upper = parse(String(last))
            else {
                item.report("expected \(expected), found \"\(text)\"")
                continue
            }
            guard lower <= upper else {
                let hint = expected.hasPrefix("a weekday") ? "; weeks begin on sunday" : ""
                item.report("expected the earlier end first, found \"\(text)\"\(hint)")
                continue
            }
            result.append(lower...upper)
        }
        return result
    }

    private static func days(_ value: ValueReader?) -> [DayRange] {
        var result: [DayRange] = []
        for item in value?.items() ?? [] {
            guard let text = item.string() else { continue }
            guard let (first, last) = ends(text), let lower = Int(first), let upper = Int(last), lower != 0, upper != 0,
                (-31...31).contains(lower), (-31...31).contains(upper)
            else {
                item.report("expected a day such as '1', '1:5' or '-3:-1', found \"\(text)\"")
                continue
            }
            // With both ends on the same side the order shows; across it, as Alertmanager has it, in the longest month.
            let begin = lower < 0 ? 32 + lower : lower
            let end = upper < 0 ? 32 + upper : upper
            guard begin <= end, !(lower < 0 && upper > 0) else {
                item.report("expected the earlier day first, found \"\(text)\"")
                continue
            }
            result.append(DayRange(first: lower, last: upper))
        }
        return result
    }
}
