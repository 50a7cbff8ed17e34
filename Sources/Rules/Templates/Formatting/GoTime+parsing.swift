extension GoTime {
    /// A time read by a layout, or nil: seconds since 1970, the fraction, and seconds east of Greenwich where it says so.
    package static func parse(_ text: String, _ layout: String) -> (seconds: Int, nanosecond: Int, offset: Int?)? {
        var reader = LayoutReader(rest: text[...])
        guard reader.read(layout) else { return nil }
        return reader.result
    }
}

private struct LayoutReader {
    var rest: Substring
    private var year = 1
    private var month = 1
    private var day = 1
    private var hour = 0
    private var minute = 0
    private var second = 0
    private var nanosecond = 0
    private var yearDay: Int?
    private var isAfternoon: Bool?
    private var offset: Int?

    init(rest: Substring) { self.rest = rest }

    mutating func read(_ layout: String) -> Bool {
        var layout = layout[...]
        while let first = layout.first {
            if let piece = GoTime.pieces.first(where: { GoTime.isPiece($0, of: layout) }) {
                guard take(piece) else { return false }
                layout = layout.dropFirst(piece.count)
                // A fraction may follow the seconds, named in the layout or not.
                if piece == "05" || piece == "5" {
                    if let point = layout.first, point == "." || point == ",",
                        layout.dropFirst().first == "0" || layout.dropFirst().first == "9"
                    {
                        layout = layout.dropFirst()
                        layout = layout.drop { $0 == "0" || $0 == "9" }
                    }
                    takeFraction()
                }
            } else {
                guard rest.first == first else { return false }
                rest.removeFirst()
                layout.removeFirst()
            }
        }
        return rest.isEmpty
    }

    var result: (seconds: Int, nanosecond: Int, offset: Int?)? {
        var hour = hour
        if let isAfternoon {
            guard (1...12).contains(hour) else { return nil }
            hour = hour % 12 + (isAfternoon ? 12 : 0)
        }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        guard (1...12).contains(month), (1...lengths[month - 1]).contains(day), hour < 24, minute < 60, second < 60
        else { return nil }
        let before = lengths[..<(month - 1)].reduce(0, +)
        let dayOfYear = yearDay.map { $0 - 1 } ?? before + day - 1
        guard (0..<(isLeap ? 366 : 365)).contains(dayOfYear) else { return nil }
        let past = year - 1
        // Days from the year 1 to 1970: 719,162.
        let days = past * 365 + past / 4 - past / 100 + past / 400 + dayOfYear - 719_162
        return (days * 86_400 + hour * 3600 + minute * 60 + second - (offset ?? 0), nanosecond, offset)
    }

    private mutating func take(_ piece: String) -> Bool {
        switch piece {
        case "2006": return number(4, 4) { $0.year = $1 }
        case "06": return number(2, 2) { $0.year = $1 + ($1 >= 69 ? 1900 : 2000) }
        case "01": return number(2, 2) { $0.month = $1 }
        case "1": return number(1, 2) { $0.month = $1 }
        case "02": return number(2, 2) { $0.day = $1 }
        case "_2", "2":
            if rest.first == " " { rest.removeFirst() }
            return number(1, 2) { $0.day = $1 }
        case "002": return number(3, 3) { $0.yearDay = $1 }
        case "__2":
            rest = rest.drop { $0 == " " }
            return number(1, 3) { $0.yearDay = $1 }
        case "15", "03": return number(2, 2) { $0.hour = $1 }
        case "3": return number(1, 2) { $0.hour = $1 }
        case "04": return number(2, 2) { $0.minute = $1 }
        case "4": return number(1, 2) { $0.minute = $1 }
        case "05": return number(2, 2) { $0.second = $1 }
        case "5": return number(1, 2) { $0.second = $1 }
        case "January": return name(GoTime.months) { $0.month = $1 + 1 }
        case "Jan": return name(GoTime.months.map { String($0.prefix(3)) }) { $0.month = $1 + 1 }
        case "Monday": return name(GoTime.weekdays) { _, _ in }
        case "Mon": return name(GoTime.weekdays.map { String($0.prefix(3)) }) { _, _ in }
        case "PM", "pm":
            let names = piece == "PM" ? ["AM", "PM"] : ["am", "pm"]
            return name(names) { $0.isAfternoon = $1 == 1 }
        case "MST":
            let letters = rest.prefix { ("A"..."Z").contains($0) }
            guard (3...5).contains(letters.count) else { return false }
            if letters == "UTC" || letters == "GMT" { offset = 0 }
            rest = rest.dropFirst(letters.count)
            return true
        default: return zone(piece)
        }
    }

    private mutating func number(_ least: Int, _ most: Int, _ set: (inout Self, Int) -> Void) -> Bool {
        let digits = rest.prefix(most).prefix { ("0"..."9").contains($0) }
        guard digits.count >= least, let value = Int(digits) else { return false }
        rest = rest.dropFirst(digits.count)
        set(&self, value)
        return true
    }

    private mutating func name(_ names: [String], _ set: (inout Self, Int) -> Void) -> Bool {
        guard let index = names.firstIndex(where: { rest.lowercased().hasPrefix($0.lowercased()) }) else {
            return false
        }
        rest = rest.dropFirst(names[index].count)
        set(&self, index)
        return true
    }

    /// `Z`, `+02`, `+0200`, `+02:00` …
    private mutating func zone(_ piece: String) -> Bool {
        if piece.hasPrefix("Z"), rest.first == "Z" {
            rest.removeFirst()
            offset = 0
            return true
        }
        guard let sign = rest.first, sign == "+" || sign == "-" else { return false }
        rest.removeFirst()
        var seconds = 0
        var unit = 3600
        for (index, _) in stride(from: 0, to: piece.dropFirst().filter({ $0 != ":" }).count, by: 2).enumerated() {
            if index > 0, piece.contains(":") {
                guard rest.first == ":" else { return false }
                rest.removeFirst()
            }
            guard rest.prefix(2).count == 2, let value = Int(rest.prefix(2)), value >= 0 else { return false }
            rest = rest.dropFirst(2)
            seconds += value * unit
            unit /= 60
        }
        offset = sign == "-" ? -seconds : seconds
        return true
    }

    private mutating func takeFraction() {
        guard let point = rest.first, point == "." || point == "," else { return }
        let digits = rest.dropFirst().prefix { ("0"..."9").contains($0) }
        guard !digits.isEmpty else { return }
        rest = rest.dropFirst(digits.count + 1)
        nanosecond = Int(String(digits.prefix(9)).padded(to: 9)) ?? 0
    }
}

extension String {
    /// With zeros behind.
    fileprivate func padded(to width: Int) -> String { self + String(repeating: "0", count: max(0, width - count)) }
}
