/// Time stamps as Go's RFC3339Nano writes them (`2026-11-20T09:08:07.000000001Z`), from and to nanoseconds since 1970.
package enum RFC3339 {
    /// Nanoseconds since 1970-01-01T00:00:00Z; nil where `text`, all of it, is no time stamp with `Z` or `±hh:mm`, with
    /// up to nine fraction digits, a date of the Gregorian calendar, and a value that 64 bits hold (1677 to 2262).
    package static func parse(_ text: RawSpan) -> Int64? {
        let count = text.byteCount
        guard count >= 20, count <= 35 else { return nil }
        // "YYYY-MM-", "DDTHH:MM" and the overlapping "HH:MM:SS": after the exclusive or a digit's byte holds its value
        // and a separator's is 0.
        let yearMonth = word(text, 0) ^ 0x2d30_302d_3030_3030
        let dayTime = word(text, 8) ^ 0x3030_3a30_3054_3030
        let time = word(text, 11) ^ 0x3030_3a30_303a_3030
        // No digit may pass 9 (plus 6) and no separator 0 (plus 15).
        guard
            (yearMonth | (yearMonth &+ 0x0f06_060f_0606_0606)) & 0xf0f0_f0f0_f0f0_f0f0 == 0,
            (dayTime | (dayTime &+ 0x0606_0f06_060f_0606)) & 0xf0f0_f0f0_f0f0_f0f0 == 0,
            (time | (time &+ 0x0606_0f06_060f_0606)) & 0xf0f0_f0f0_f0f0_f0f0 == 0
        else { return nil }
        let year = pair(yearMonth, 0) &* 100 &+ pair(yearMonth, 16)
        let month = pair(yearMonth, 40)
        let day = pair(dayTime, 0)
        let hour = pair(time, 0)
        let minute = pair(time, 24)
        let second = pair(time, 48)
        guard month >= 1, month <= 12, day >= 1, hour < 24, minute < 60, second < 60,
            day <= 28 || day <= length(ofMonth: month, year: year)
        else { return nil }
        var offset = 19
        guard let fraction = fraction(text, &offset), let zone = zone(text, offset) else { return nil }
        let seconds =
            days(year: year, month: month, day: day) &* 86_400 &+ hour &* 3600 &+ minute &* 60 &+ second &- zone
        guard seconds > -9_223_372_036, seconds < 9_223_372_036 else { return nil }
        return seconds &* 1_000_000_000 &+ fraction
    }

    /// Appends the UTC time with nine fraction digits, 30 bytes.
    package static func append(_ nanoseconds: Int64, to buffer: inout ByteBuffer) {
        var seconds = nanoseconds / 1_000_000_000
        var fraction = nanoseconds % 1_000_000_000
        if fraction < 0 {
            fraction += 1_000_000_000
            seconds -= 1
        }
        var day = seconds / 86_400
        var rest = seconds % 86_400
        if rest < 0 {
            rest += 86_400
            day -= 1
        }
        let (year, month, dayOfMonth) = civil(day)
        buffer.reserve(30)
        append(year, width: 4, then: 0x2d, to: &buffer)
        append(month, width: 2, then: 0x2d, to: &buffer)
        append(dayOfMonth, width: 2, then: 0x54, to: &buffer)
        append(rest / 3600, width: 2, then: 0x3a, to: &buffer)
        append(rest / 60 % 60, width: 2, then: 0x3a, to: &buffer)
        append(rest % 60, width: 2, then: 0x2e, to: &buffer)
        append(fraction, width: 9, then: 0x5a, to: &buffer)
    }

    private static func append(_ value: Int64, width: Int, then end: UInt8, to buffer: inout ByteBuffer) {
        var divisor: Int64 = 1
        for _ in 1..<width { divisor *= 10 }
        while divisor > 0 {
            buffer.append(0x30 &+ UInt8(truncatingIfNeeded: value / divisor % 10))
            divisor /= 10
        }
        buffer.append(end)
    }

    @inline(__always)
    private static func word(_ text: RawSpan, _ offset: Int) -> UInt64 {
        UInt64(littleEndian: text.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// Two digits, the first at bit `shift`.
    @inline(__always)
    private static func pair(_ word: UInt64, _ shift: UInt64) -> Int64 {
        let tens = (word &>> shift) & 0xf
        let ones = (word &>> (shift &+ 8)) & 0xf
        return Int64(bitPattern: tens &* 10 &+ ones)
    }

    /// `.` and up to nine digits at `offset`, as nanoseconds; `offset` moves past. 0 where there is no point.
    @inline(__always)
    private static func fraction(_ text: RawSpan, _ offset: inout Int) -> Int64? {
        guard text.byte(at: offset) == 0x2e else { return 0 }
        offset &+= 1
        var value: Int64 = 0
        var scale: Int64 = 1_000_000_000
        if text.byteCount &- offset >= 8 {
            // Eight digits at once, paired up by multiplication.
            let digits = word(text, offset) ^ 0x3030_3030_3030_3030
            if (digits | (digits &+ 0x0606_0606_0606_0606)) & 0xf0f0_f0f0_f0f0_f0f0 == 0 {
                let pairs = (digits &* 10 &+ (digits &>> 8)) & 0x00ff_00ff_00ff_00ff
                let quads = (pairs &* 100 &+ (pairs &>> 16)) & 0x0000_ffff_0000_ffff
                value = Int64(bitPattern: (quads &* 10_000 &+ (quads &>> 32)) & 0xffff_ffff)
                scale = 10
                offset &+= 8
            }
        }
        while offset < text.byteCount, text.byte(at: offset) &- 0x30 <= 9 {
            guard scale > 1 else { return nil }
            scale /= 10
            value = value &* 10 &+ Int64(text.byte(at: offset) &- 0x30)
            offset &+= 1
        }
        return scale == 1_000_000_000 ? nil : value &* scale
    }

    /// `Z` or `±hh:mm` from `offset` to the end, as seconds east of Greenwich.
    @inline(__always)
    private static func zone(_ text: RawSpan, _ offset: Int) -> Int64? {
        guard offset < text.byteCount else { return nil }
        let sign = text.byte(at: offset)
        if sign == 0x5a { return offset &+ 1 == text.byteCount ? 0 : nil }
        guard sign == 0x2b || sign == 0x2d, text.byteCount == offset &+ 6, text.byte(at: offset &+ 3) == 0x3a,
            let hours = number(text, offset &+ 1), let minutes = number(text, offset &+ 4), hours < 24, minutes < 60
        else { return nil }
        let seconds = hours &* 3600 &+ minutes &* 60
        return sign == 0x2b ? seconds : 0 &- seconds
    }

    private static func number(_ text: RawSpan, _ offset: Int) -> Int64? {
        let tens = text.byte(at: offset) &- 0x30
        let ones = text.byte(at: offset &+ 1) &- 0x30
        return tens <= 9 && ones <= 9 ? Int64(tens) &* 10 &+ Int64(ones) : nil
    }

    private static func length(ofMonth month: Int64, year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days from 1970-01-01 to a date. The year is taken to begin in March, so that the leap day is its last.
    @inline(__always)
    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year &- 1 : year
        let era = (shifted >= 0 ? shifted : shifted &- 399) / 400
        let yearOfEra = shifted &- era &* 400
        let monthOfYear = month > 2 ? month &- 3 : month &+ 9
        let dayOfYear = (153 &* monthOfYear &+ 2) / 5 &+ day &- 1
        let dayOfEra = yearOfEra &* 365 &+ yearOfEra / 4 &- yearOfEra / 100 &+ dayOfYear
        return era &* 146_097 &+ dayOfEra &- 719_468
    }

    /// The date `days` days after 1970-01-01; the inverse of `days(year:month:day:)`.
    private static func civil(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthOfYear = (5 * dayOfYear + 2) / 153
        let month = monthOfYear < 10 ? monthOfYear + 3 : monthOfYear - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * monthOfYear + 2) / 5 + 1)
    }
}
