import Bytes
import Glibc

/// Numbers of expositions as Prometheus reads them: what Go's `strconv.ParseFloat` takes, without hexadecimal floats
/// and digits grouped by `_`.
enum SampleNumber {
    /// The one NaN that stands for all that are written: never the staleness marker's.
    static let nan = Double(bitPattern: 0x7ff8_0000_0000_0001)

    /// The whole span as a number, nil where it is none or too large.
    static func value(_ text: RawSpan) -> Double? {
        let length = text.byteCount
        guard length > 0 else { return nil }
        var index = 0
        let first = text.byte(at: 0)
        let isNegative = first == 0x2d
        if isNegative || first == 0x2b { index = 1 }

        // Digits with a point: exact as long as they fit, and scaled by a power of ten that is exact too.
        var mantissa: UInt64 = 0
        var digits = 0
        var scale = 0
        var hasPoint = false
        while index < length {
            let byte = text.byte(at: index)
            let digit = byte &- 0x30
            if digit < 10 {
                if digits > 0 || digit > 0 { digits += 1 }
                if digits <= 19 { mantissa = mantissa &* 10 &+ UInt64(digit) }
                if hasPoint { scale -= 1 }
            } else if byte == 0x2e, !hasPoint {
                hasPoint = true
            } else {
                break
            }
            index += 1
        }
        let sign = isNegative || first == 0x2b ? 1 : 0
        let seen = index - sign - (hasPoint ? 1 : 0)
        guard seen > 0 else { return special(text) }
        if index < length {
            guard text.byte(at: index) | 0x20 == 0x65, let exponent = exponent(text, from: index + 1) else {
                return nil
            }
            scale += exponent
        }
        if digits <= 19, mantissa <= 1 << 53, scale >= -22, scale <= 22 {
            let magnitude =
                scale < 0 ? Double(mantissa) / powers[-scale] : Double(mantissa) * powers[scale]
            return isNegative ? -magnitude : magnitude
        }
        return slow(text)
    }

    private static let powers: [Double] = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22,
    ]

    /// Nil where the rest is no exponent; larger ones than matter are cut.
    private static func exponent(_ text: RawSpan, from start: Int) -> Int? {
        var index = start
        guard index < text.byteCount else { return nil }
        let isNegative = text.byte(at: index) == 0x2d
        if isNegative || text.byte(at: index) == 0x2b { index += 1 }
        guard index < text.byteCount else { return nil }
        var value = 0
        while index < text.byteCount {
            let digit = text.byte(at: index) &- 0x30
            guard digit < 10 else { return nil }
            if value < 100_000 { value = value * 10 + Int(digit) }
            index += 1
        }
        return isNegative ? -value : value
    }

    private static func special(_ text: RawSpan) -> Double? {
        guard text.byteCount <= 9, let value = text.number else { return nil }
        return value.isNaN ? nan : value
    }

    /// A decimal number of any length, by the C library. The C locale is the process's; nobody sets another.
    private static func slow(_ text: RawSpan) -> Double? {
        let length = text.byteCount
        let value = text.withUnsafeBytes { source in
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: length + 1) { copy -> Double in
                for offset in 0..<length { copy[offset] = CChar(bitPattern: source[offset]) }
                copy[length] = 0
                return copy.baseAddress.map { strtod($0, nil) } ?? .nan
            }
        }
        return value.isFinite ? value : nil
    }
}
