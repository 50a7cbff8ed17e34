/// A POSIX `TZ` text: `CET-1CEST,M3.5.0,M10.5.0/3`, which says for every year when clocks change.
struct ZoneRule: Sendable, Equatable {
    /// Seconds east of Greenwich.
    private var standard: Int
    private var summer: (offset: Int, begins: Change, ends: Change)?

    /// When clocks change within a year.
    private struct Change: Sendable, Equatable {
        enum Day: Sendable, Equatable {
            /// 1 to 365; 29 February is never counted.
            case julian(Int)
            /// 0 to 365.
            case ofYear(Int)
            /// The week'th (5: last) weekday (0: Sunday) of a month.
            case weekday(month: Int, week: Int, day: Int)
        }

        var day: Day
        /// Seconds after midnight by the clocks until then.
        var time = 2 * 3600

        /// Seconds since 1970 by the clocks until then, as if they were Greenwich's.
        func local(in year: Int) -> Int64 {
            let start = CalendarTime.seconds(year: year, month: 1, day: 1)
            let days: Int
            switch day {
            case .julian(let number):
                days = number - 1 + (CalendarTime.isLeap(year) && number >= 60 ? 1 : 0)
            case .ofYear(let number): days = number
            case .weekday(let month, let week, let weekday):
                let first = CalendarTime.seconds(year: year, month: month, day: 1)
                var date = (weekday - CalendarTime(seconds: first).weekday + 7) % 7 + (week - 1) * 7
                while date >= CalendarTime.length(ofMonth: month, year: year) { date -= 7 }
                return first + Int64(date * 86_400 + time)
            }
            return start + Int64(days * 86_400 + time)
        }
    }

    init?(_ text: String) {
        var rest = text.utf8[...]
        guard Self.skipName(&rest), let west = Self.time(&rest, limit: 24) else { return nil }
        standard = -west
        if rest.isEmpty { return }
        guard Self.skipName(&rest) else { return nil }
        var offset = standard + 3600
        if let next = rest.first, next != UInt8(ascii: ",") {
            guard let west = Self.time(&rest, limit: 24) else { return nil }
            offset = -west
        }
        guard let begins = Self.change(&rest), let ends = Self.change(&rest), rest.isEmpty else { return nil }
        summer = (offset, begins, ends)
    }

    static func == (a: ZoneRule, b: ZoneRule) -> Bool {
        a.standard == b.standard && a.summer?.offset == b.summer?.offset && a.summer?.begins == b.summer?.begins
            && a.summer?.ends == b.summer?.ends
    }

    func offset(at seconds: Int64) -> Int {
        guard let summer else { return standard }
        let year = CalendarTime(seconds: seconds, offset: standard).year
        let begin = summer.begins.local(in: year) - Int64(standard)
        let end = summer.ends.local(in: year) - Int64(summer.offset)
        let isSummer =
            begin < end ? seconds >= begin && seconds < end : seconds >= begin || seconds < end
        return isSummer ? summer.offset : standard
    }

    private typealias Text = Substring.UTF8View

    /// `CET`, `<-03>`.
    private static func skipName(_ rest: inout Text) -> Bool {
        if rest.first == UInt8(ascii: "<") {
            guard let end = rest.firstIndex(of: UInt8(ascii: ">")) else { return false }
            rest = rest[rest.index(after: end)...]
            return true
        }
        let name = rest.prefix { (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0) }
        rest = rest[name.endIndex...]
        return name.count >= 3
    }

    private static func number(_ rest: inout Text) -> Int? {
        let digits = rest.prefix { (0x30...0x39).contains($0) }
        guard !digits.isEmpty, digits.count <= 3 else { return nil }
        rest = rest[digits.endIndex...]
        return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    /// `[+-]hh[:mm[:ss]]`, as seconds.
    private static func time(_ rest: inout Text, limit: Int) -> Int? {
        var sign = 1
        if let first = rest.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") {
            sign = first == UInt8(ascii: "-") ? -1 : 1
            rest = rest.dropFirst()
        }
        guard let hours = number(&rest), hours <= limit else { return nil }
        var seconds = hours * 3600
        for unit in [60, 1] where rest.first == UInt8(ascii: ":") {
            rest = rest.dropFirst()
            guard let value = number(&rest), value < 60 else { return nil }
            seconds += value * unit
        }
        return sign * seconds
    }

    /// `,M3.5.0/2`
    private static func change(_ rest: inout Text) -> Change? {
        guard rest.popFirst() == UInt8(ascii: ",") else { return nil }
        var change: Change
        switch rest.first {
        case UInt8(ascii: "M"):
            rest = rest.dropFirst()
            guard let month = number(&rest), (1...12).contains(month), rest.popFirst() == UInt8(ascii: "."),
                let week = number(&rest), (1...5).contains(week), rest.popFirst() == UInt8(ascii: "."),
                let day = number(&rest), (0...6).contains(day)
            else { return nil }
            change = Change(day: .weekday(month: month, week: week, day: day))
        case UInt8(ascii: "J"):
            rest = rest.dropFirst()
            guard let day = number(&rest), (1...365).contains(day) else { return nil }
            change = Change(day: .julian(day))
        default:
            guard let day = number(&rest), (0...365).contains(day) else { return nil }
            change = Change(day: .ofYear(day))
        }
        if rest.first == UInt8(ascii: "/") {
            rest = rest.dropFirst()
            guard let time = time(&rest, limit: 167) else { return nil }
            change.time = time
        }
        return change
    }
}
