/// A span of time as fail2ban's options have it: `600`, `10m`, `1d12h`, `1h 30m`, `1.5h`, `600/2`, `-1`.
///
/// Units with their longer names, a year of 365.25 days, a month of a twelfth of it; `+ - * /` and parentheses; what stands side by
/// side is added.
enum TimeText {
    /// Seconds; nil for anything else.
    static func seconds(_ text: String) -> Double? {
        var reader = Reader(bytes: [UInt8](text.trimmed))
        guard let value = reader.sum(depth: 0), reader.index == reader.bytes.count, value.isFinite else { return nil }
        return value
    }

    private struct Reader {
        let bytes: [UInt8]
        var index = 0

        init(bytes: [UInt8]) { self.bytes = bytes }

        private mutating func next() -> UInt8 {
            while index < bytes.count, ASCII.isSpace(bytes[index]) { index += 1 }
            return index < bytes.count ? bytes[index] : 0
        }

        mutating func sum(depth: Int) -> Double? {
            guard depth < 20, var total = product(depth) else { return nil }
            while true {
                switch next() {
                case 0x2b, 0x2d:
                    let isMinus = bytes[index] == 0x2d
                    index += 1
                    guard let value = product(depth) else { return nil }
                    total += isMinus ? -value : value
                // `1h30m`
                case 0x30...0x39, 0x2e:
                    guard let value = product(depth) else { return nil }
                    total += value
                default: return total
                }
            }
        }

        private mutating func product(_ depth: Int) -> Double? {
            guard var total = atom(depth) else { return nil }
            while true {
                let sign = next()
                guard sign == 0x2a || sign == 0x2f else { return total }
                index += 1
                guard let value = atom(depth), sign == 0x2a || value != 0 else { return nil }
                total = sign == 0x2a ? total * value : total / value
            }
        }

        private mutating func atom(_ depth: Int) -> Double? {
            switch next() {
            case 0x2d, 0x2b:
                let isMinus = bytes[index] == 0x2d
                index += 1
                guard depth < 20, let value = atom(depth + 1) else { return nil }
                return isMinus ? -value : value
            case 0x28:
                index += 1
                guard let value = sum(depth: depth + 1), next() == 0x29 else { return nil }
                index += 1
                return value
            default: return number()
            }
        }

        private mutating func number() -> Double? {
            let start = index
            while index < bytes.count, ASCII.isDigit(bytes[index]) || bytes[index] == 0x2e { index += 1 }
            guard let value = Double(String(bytes[start..<index])) else { return nil }
            _ = next()
            let unit = index
            while index < bytes.count, ASCII.isLetter(bytes[index]) { index += 1 }
            guard index > unit else { return value }
            return Self.factor(String(bytes[unit..<index]).lowercasedASCII).map { value * $0 }
        }

        private static func factor(_ unit: String) -> Double? {
            switch unit {
            case "s", "ss", "sec", "secs", "second", "seconds": 1
            case "m", "mm", "min", "mins", "minute", "minutes": 60
            case "h", "hh", "hou", "hour", "hours": 3600
            case "d", "dd", "da", "day", "days": 86_400
            case "w", "ww", "wee", "week", "weeks": 604_800
            case "mo", "mon", "month", "months": 2_629_800
            case "y", "yy", "yea", "year", "years": 31_557_600
            default: nil
            }
        }
    }
}
