import Bytes
import Telemetry

/// Numbers as Go's `strconv.FormatFloat(x, 'g', -1, 64)` writes them, which is what every Prometheus client and
/// every golden file of theirs contains.
package enum GoNumber {
    /// Appends `value`: the shortest digits that read back as the same number, plain from 1e-4 to
    /// below 1e6, else `d.ddde+XX` with at least two digits of exponent.
    package static func append(_ value: Double, to buffer: inout ByteBuffer) {
        if value.isNaN { return buffer.append("NaN" as StaticString) }
        if value.isInfinite { return buffer.append(value < 0 ? "-Inf" : "+Inf" as StaticString) }
        // client_golang writes negative zero as 0.
        if value == 0 { return buffer.append(0x30) }
        if value.magnitude < 1e6, value == value.rounded(.towardZero) {
            return buffer.append(decimal: Int(value))
        }
        if value < 0 { buffer.append(0x2d) }
        appendFraction(value.magnitude, to: &buffer)
    }

    /// As `append`, and always recognisable as a float: OpenMetrics wants `1.0` where the text format has `1`.
    package static func appendFloat(_ value: Double, to buffer: inout ByteBuffer) {
        let start = buffer.count
        append(value, to: &buffer)
        guard value.isFinite, !hasPointOrExponent(buffer, from: start) else { return }
        buffer.append(".0" as StaticString)
    }

    private static func hasPointOrExponent(_ buffer: borrowing ByteBuffer, from start: Int) -> Bool {
        let bytes = buffer.bytes
        for index in start..<bytes.byteCount where bytes.byte(at: index) == 0x2e || bytes.byte(at: index) == 0x65 {
            return true
        }
        return false
    }

    private static func appendFraction(_ magnitude: Double, to buffer: inout ByteBuffer) {
        let decimal = Decimal(magnitude)
        let exponent = decimal.point - 1
        if exponent < -4 || exponent >= 6 {
            buffer.append(decimal.digits[0])
            if decimal.count > 1 { buffer.append(0x2e) }
            for index in 1..<max(decimal.count, 1) { buffer.append(decimal.digits[index]) }
            buffer.append(0x65)
            buffer.append(exponent < 0 ? 0x2d : 0x2b)
            if exponent.magnitude < 10 { buffer.append(0x30) }
            buffer.append(decimal: Int(exponent.magnitude))
            return
        }
        if decimal.point <= 0 {
            buffer.append("0." as StaticString)
            for _ in 0..<(-decimal.point) { buffer.append(0x30) }
            for index in 0..<decimal.count { buffer.append(decimal.digits[index]) }
            return
        }
        for index in 0..<max(decimal.count, decimal.point) {
            if index == decimal.point { buffer.append(0x2e) }
            buffer.append(index < decimal.count ? decimal.digits[index] : 0x30)
        }
    }
}

/// The shortest decimal digits of a positive finite number.
///
/// Swift's own description has the same digits as Go (both are the shortest and, among those, the closest), in
/// another layout; taking it apart costs less than a second implementation of the algorithm would.
private struct Decimal {
    /// ASCII, without leading or trailing zeros; at most 17 are in use.
    var digits = InlineArray<24, UInt8>(repeating: 0x30)
    var count = 0
    /// Where the decimal point stands, counted from before the first digit: 0.5 has 0, 5 has 1, 0.05 has -1.
    var point = 0

    init(_ value: Double) {
        // Fewer than 16 digits tell one number from every other, so such digits are the shortest if they read back
        // as the value; nearly all numbers of a host are of this kind, and this way needs no String.
        if take(value, scale: 1, places: 0) || take(value, scale: 1e3, places: 3)
            || take(value, scale: 1e6, places: 6) || take(value, scale: 1e9, places: 9)
        {
            return
        }
        takeDescription(value)
    }

    /// Takes `value` as a whole number of `1/scale`, if it is one of at most 15 digits.
    private mutating func take(_ value: Double, scale: Double, places: Int) -> Bool {
        let whole = (value * scale).rounded()
        guard whole < 1e15, whole >= 1, whole / scale == value else { return false }
        var rest = UInt64(whole)
        var length = 0
        var power: UInt64 = 1
        while power <= rest {
            power *= 10
            length += 1
        }
        power /= 10
        while power > 0 {
            digits[count] = 0x30 + UInt8(rest / power)
            rest %= power
            power /= 10
            count += 1
        }
        point = length - places
        while count > 1, digits[count - 1] == 0x30 { count -= 1 }
        return true
    }

    private mutating func takeDescription(_ value: Double) {
        var exponent = 0
        var isNegativeExponent = false
        var isInExponent = false
        var hasPoint = false
        for byte in value.description.utf8 {
            switch byte {
            case 0x65: isInExponent = true
            case 0x2d: isNegativeExponent = true
            case 0x2e: hasPoint = true
            case 0x30...0x39 where isInExponent: exponent = exponent * 10 + Int(byte - 0x30)
            case 0x30...0x39:
                if byte == 0x30, count == 0 {
                    if hasPoint { point -= 1 }
                    continue
                }
                if count < 24 {
                    digits[count] = byte
                    count += 1
                }
                if !hasPoint { point += 1 }
            default: break
            }
        }
        point += isNegativeExponent ? -exponent : exponent
        while count > 1, digits[count - 1] == 0x30 { count -= 1 }
    }
}
