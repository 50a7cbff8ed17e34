extension GoTime {
    /// The pieces of a layout that stand for something, longest first where one begins another.
    static let pieces: [String] = [
        "January", "Jan", "Monday", "Mon", "MST", "2006", "-07:00:00", "-070000", "-07:00", "-0700", "-07",
        "Z07:00:00", "Z070000", "Z07:00", "Z0700", "Z07", "002", "01", "02", "03", "04", "05", "06", "15", "__2", "_2",
        "PM", "pm", "1", "2", "3", "4", "5",
    ]

    /// A time as a layout like `2006-01-02 15:04:05` shows it.
    static func format(_ nanoseconds: Int64, _ layout: String) -> String { format(CivilTime(nanoseconds), layout) }

    /// - Parameters:
    ///   - offset: seconds by which the clock that `time` shows is east of Greenwich.
    ///   - zone: what that clock's time is called.
    package static func format(
        _ time: CivilTime, offset: Int = 0, zone: String = "UTC", _ layout: String
    ) -> String {
        var result = ""
        var rest = layout[...]
        while let first = rest.first {
            if let fraction = takeFraction(&rest, time) {
                result += fraction
            } else if let piece = pieces.first(where: { isPiece($0, of: rest) }) {
                result += text(piece, time, offset, zone)
                rest = rest.dropFirst(piece.count)
            } else {
                result.append(first)
                rest.removeFirst()
            }
        }
        return result
    }

    /// `Jan` and `Mon` do not stand for anything where a small letter follows.
    static func isPiece(_ piece: String, of rest: Substring) -> Bool {
        guard rest.hasPrefix(piece) else { return false }
        // `_2006` is an underscore and the year.
        if piece == "_2", rest.hasPrefix("_2006") { return false }
        guard piece == "Jan" || piece == "Mon" else { return true }
        guard let next = rest.dropFirst(3).unicodeScalars.first else { return true }
        return !("a"..."z").contains(next)
    }

    /// `.000` and `.999`, with a comma too: so many digits, with or without zeros at the end.
    private static func takeFraction(_ rest: inout Substring, _ time: CivilTime) -> String? {
        guard let point = rest.first, point == "." || point == "," else { return nil }
        let digits = rest.dropFirst()
        guard let digit = digits.first, digit == "0" || digit == "9" else { return nil }
        let run = digits.prefix { $0 == digit }
        // More digits behind would make it something else.
        if let next = digits.dropFirst(run.count).first, next.isASCII, next.isNumber { return nil }
        rest = digits.dropFirst(run.count)
        let padded = String(time.nanosecond + 1_000_000_000).dropFirst()
        var shown = padded.prefix(run.count)
        if digit == "9" {
            while shown.last == "0" { shown.removeLast() }
            if shown.isEmpty { return "" }
        }
        return String(point) + shown
    }

    private static func text(_ piece: String, _ time: CivilTime, _ offset: Int, _ zone: String) -> String {
        let hour12 = time.hour % 12 == 0 ? 12 : time.hour % 12
        switch piece {
        case "January": return months[time.month - 1]
        case "Jan": return String(months[time.month - 1].prefix(3))
        case "Monday": return weekdays[time.weekday]
        case "Mon": return String(weekdays[time.weekday].prefix(3))
        case "MST": return zone
        case "2006": return padded(time.year, 4)
        case "06": return padded(time.year % 100, 2)
        case "01": return padded(time.month, 2)
        case "1": return "\(time.month)"
        case "02": return padded(time.day, 2)
        case "_2": return (time.day < 10 ? " " : "") + "\(time.day)"
        case "2": return "\(time.day)"
        case "002": return padded(time.yearDay, 3)
        case "__2":
            return String(repeating: " ", count: time.yearDay < 10 ? 2 : time.yearDay < 100 ? 1 : 0) + "\(time.yearDay)"
        case "15": return padded(time.hour, 2)
        case "03": return padded(hour12, 2)
        case "3": return "\(hour12)"
        case "04": return padded(time.minute, 2)
        case "4": return "\(time.minute)"
        case "05": return padded(time.second, 2)
        case "5": return "\(time.second)"
        case "PM": return time.hour < 12 ? "AM" : "PM"
        case "pm": return time.hour < 12 ? "am" : "pm"
        // What is left are offsets from UTC.
        default: return piece.hasPrefix("Z") && offset == 0 ? "Z" : self.offset(offset, like: piece.dropFirst())
        }
    }

    /// `+02:00` in the manner of `07:00`.
    private static func offset(_ offset: Int, like digits: Substring) -> String {
        let seconds = Int(offset.magnitude)
        let parts = [padded(seconds / 3600, 2), padded(seconds / 60 % 60, 2), padded(seconds % 60, 2)]
        let count = digits.filter { $0 != ":" }.count / 2
        return (offset < 0 ? "-" : "+") + parts.prefix(count).joined(separator: digits.contains(":") ? ":" : "")
    }

    private static func padded(_ value: Int, _ width: Int) -> String {
        let digits = String(value.magnitude)
        return (value < 0 ? "-" : "") + String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
