import Glibc

extension RawSpan {
    /// The whole span as an unsigned decimal number; nil where it is empty, has another byte or does not fit.
    package var unsigned: UInt64? {
        guard byteCount > 0 else { return nil }
        var value: UInt64 = 0
        for offset in 0..<byteCount {
            let digit = byte(at: offset) &- 0x30
            guard digit < 10 else { return nil }
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(UInt64(digit))
            if overflow || carry { return nil }
            value = sum
        }
        return value
    }

    /// The whole span as a signed decimal number; nil where it is none or does not fit.
    package var signed: Int64? {
        guard byteCount > 0 else { return nil }
        guard byte(at: 0) == 0x2d else { return unsigned.flatMap { Int64(exactly: $0) } }
        guard let magnitude = extracting(1..<byteCount).unsigned else { return nil }
        if magnitude == 1 << 63 { return .min }
        return Int64(exactly: magnitude).map { -$0 }
    }

    /// The whole span as an unsigned hexadecimal number, `0x` before it or not.
    package var hexadecimal: UInt64? {
        var offset = byteCount > 2 && byte(at: 0) == 0x30 && byte(at: 1) | 0x20 == 0x78 ? 2 : 0
        guard byteCount > offset, byteCount - offset <= 16 else { return nil }
        var value: UInt64 = 0
        while offset < byteCount {
            let byte = byte(at: offset)
            switch byte {
            case 0x30...0x39: value = value << 4 | UInt64(byte &- 0x30)
            case 0x61...0x66: value = value << 4 | UInt64(byte &- 0x57)
            case 0x41...0x46: value = value << 4 | UInt64(byte &- 0x37)
            default: return nil
            }
            offset += 1
        }
        return value
    }

    /// The whole span as a number: decimal, with an exponent or not, `NaN`, `Inf` with a sign or not, in any case of
    /// letters. Nil where it is anything else; hexadecimal floats and digits grouped by `_` are something else.
    package var number: Double? {
        let length = byteCount
        guard length > 0, length < 64 else { return nil }
        // Up to 15 digits are exact in a Double, whatever their sum.
        if length <= 15, let whole = unsigned { return Double(whole) }
        var hasDigit = false
        for offset in 0..<length {
            switch byte(at: offset) {
            case 0x30...0x39: hasDigit = true
            case 0x2b, 0x2d, 0x2e: break
            case 0x65, 0x45: if !hasDigit { return special }
            default: return special
            }
        }
        guard hasDigit else { return nil }
        return withUnsafeBytes { source -> Double? in
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { copy -> Double? in
                guard let start = copy.baseAddress else { return nil }
                for offset in 0..<length { copy[offset] = CChar(bitPattern: source[offset]) }
                copy[length] = 0
                var end: UnsafeMutablePointer<CChar>?
                // The C locale is the process's; nobody sets another.
                let value = strtod(start, &end)
                return end == start + length ? value : nil
            }
        }
    }

    private var special: Double? {
        let isNegative = byte(at: 0) == 0x2d
        let start = isNegative || byte(at: 0) == 0x2b ? 1 : 0
        let word = extracting(start..<byteCount)
        if word.equalsIgnoringCase("inf") || word.equalsIgnoringCase("infinity") {
            return isNegative ? -.infinity : .infinity
        }
        return start == 0 && word.equalsIgnoringCase("nan") ? .nan : nil
    }

    /// Whether the bytes are `text`, which is in lower case, in any case of ASCII letters.
    package func equalsIgnoringCase(_ text: StaticString) -> Bool {
        guard byteCount == text.utf8CodeUnitCount else { return false }
        for offset in 0..<byteCount {
            let byte = byte(at: offset)
            let lower = (0x41...0x5a).contains(byte) ? byte | 0x20 : byte
            if lower != text.utf8Start[offset] { return false }
        }
        return true
    }

    /// The span without blanks (space, tab, line ends, NUL) at either end.
    package var trimmed: RawSpan {
        @_lifetime(copy self)
        get {
            var lower = 0
            var upper = byteCount
            while lower < upper, RawSpan.isBlank(byte(at: lower)) { lower += 1 }
            while upper > lower, RawSpan.isBlank(byte(at: upper - 1)) { upper -= 1 }
            return extracting(lower..<upper)
        }
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte <= 0x20 && (byte == 0x20 || byte == 0 || (9...13).contains(byte))
    }

    /// Whether the span begins with `text`.
    package func hasPrefix(_ text: borrowing String) -> Bool {
        var offset = 0
        for byte in (copy text).utf8 {
            guard offset < byteCount, self.byte(at: offset) == byte else { return false }
            offset += 1
        }
        return true
    }

    /// Whether the span holds just `text`.
    package func equals(_ text: borrowing String) -> Bool {
        byteCount == (copy text).utf8.count && hasPrefix(copy text)
    }

    /// As `memcmp`, the shorter one first where one begins the other: negative, 0 or positive.
    package func compare(_ other: RawSpan) -> Int {
        withUnsafeBytes { a in
            other.withUnsafeBytes { b in
                let common = min(a.count, b.count)
                if common > 0, let x = a.baseAddress, let y = b.baseAddress {
                    let order = memcmp(x, y, common)
                    if order != 0 { return Int(order) }
                }
                return a.count - b.count
            }
        }
    }
}
