import Telemetry

/// Times as Loki's messages write them: RFC 3339, or Go's `Time.String` (`2026-01-02 03:04:05.6 +0000 UTC`).
enum WireTime {
    /// The time that `text` begins with, or nil.
    static func read(_ text: ArraySlice<UInt8>) -> Timestamp? {
        var index = text.startIndex
        func number(_ digits: Int) -> Int? {
            guard text.endIndex - index >= digits else { return nil }
            var value = 0
            for _ in 0..<digits {
                guard case 0x30...0x39 = text[index] else { return nil }
                value = value * 10 + Int(text[index] - 0x30)
                index += 1
            }
            return value
        }
        func skip(_ bytes: String.UTF8View) -> UInt8? {
            guard index < text.endIndex, bytes.contains(text[index]) else { return nil }
            index += 1
            return text[index - 1]
        }
        guard let year = number(4), skip("-".utf8) != nil, let month = number(2), (1...12).contains(month),
            skip("-".utf8) != nil, let day = number(2), (1...31).contains(day), skip("T ".utf8) != nil,
            let hour = number(2), skip(":".utf8) != nil, let minute = number(2), skip(":".utf8) != nil,
            let second = number(2), (1970...2261).contains(year), hour < 24, minute < 60, second <= 60
        else { return nil }
        var nanoseconds = 0
        if skip(".".utf8) != nil {
            var scale = 100_000_000
            while let digit = number(1) {
                nanoseconds += digit * scale
                scale /= 10
            }
        }
        var offset = 0
        while skip(" ".utf8) != nil {}
        if let sign = skip("+-".utf8), let hours = number(2) {
            _ = skip(":".utf8)
            offset = (hours * 60 + (number(2) ?? 0)) * (sign == UInt8(ascii: "-") ? -60 : 60)
        }
        let days = daysSinceEpoch(year, month, day)
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset
        return Timestamp(nanoseconds: Int64(seconds) &* 1_000_000_000 &+ Int64(nanoseconds))
    }

    /// Days from 1970-01-01 in the Gregorian calendar, years counted from March so that the leap day comes last.
    private static func daysSinceEpoch(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
