/// Numbers as Go's `strconv.FormatFloat` writes them with the shortest digits that read back as the same number, which is what
/// every Prometheus client and every golden file of theirs contains.
package enum GoNumber {
    /// Appends `value` as the format `g` has it: plain from 1e-4 to below 1e6, else `d.ddde+XX` with at least two digits of
    /// exponent.
    package static func append(_ value: Double, to buffer: inout ByteBuffer) {
        // client_golang writes negative zero as 0.
        if value == 0 { return buffer.append(0x30) }
        append(value, plainBelow: 6, to: &buffer)
    }

    /// As `append`, and always recognisable as a float: OpenMetrics wants `1.0` where the text format has `1`.
    package static func appendFloat(_ value: Double, to buffer: inout ByteBuffer) {
        let start = buffer.count
        append(value, to: &buffer)
        guard value.isFinite, !hasPointOrExponent(buffer, from: start) else { return }
        buffer.append(".0" as StaticString)
    }

    /// Appends `value` as the format `f` has it: never with an exponent.
    package static func appendPlain(_ value: Double, to buffer: inout ByteBuffer) {
        guard let magnitude = appendSign(value, to: &buffer) else { return }
        if let whole = whole(magnitude) { return buffer.append(decimal: whole) }
        appendPlain(ShortestDecimal(magnitude), to: &buffer)
    }

    /// As `append` with an exponent below `10^plainFrom` and from `10^plainBelow` on; negative zero is `-0`.
    package static func append(_ value: Double, plainFrom: Int = -4, plainBelow: Int, to buffer: inout ByteBuffer) {
        guard let magnitude = appendSign(value, to: &buffer) else { return }
        if plainBelow >= 16, let whole = whole(magnitude) { return buffer.append(decimal: whole) }
        let decimal = ShortestDecimal(magnitude)
        let exponent = decimal.point - 1
        if magnitude == 0 || exponent >= plainFrom && exponent < plainBelow { return appendPlain(decimal, to: &buffer) }
        appendDigits(decimal, before: 1, to: &buffer)
        buffer.append(0x65)
        buffer.append(exponent < 0 ? 0x2d : 0x2b)
        buffer.append(digits: UInt64(exponent.magnitude), count: exponent.magnitude < 100 ? 2 : 3)
    }

    /// Writes what is no number, and the sign of what is one; then its magnitude is left to be written.
    private static func appendSign(_ value: Double, to buffer: inout ByteBuffer) -> Double? {
        guard value.isFinite else {
            buffer.append(value.isNaN ? "NaN" : value < 0 ? "-Inf" : "+Inf" as StaticString)
            return nil
        }
        if value.sign == .minus { buffer.append(0x2d) }
        return value.magnitude
    }

    /// A whole number below 2^53, which has no digits but its own.
    private static func whole(_ magnitude: Double) -> UInt64? {
        magnitude < 0x1p53 ? UInt64(exactly: magnitude) : nil
    }

    private static func appendPlain(_ decimal: ShortestDecimal, to buffer: inout ByteBuffer) {
        if decimal.exponent >= 0 {
            buffer.append(digits: decimal.significand, count: decimal.count)
            buffer.append(zeros: decimal.exponent)
        } else if decimal.point > 0 {
            appendDigits(decimal, before: decimal.point, to: &buffer)
        } else {
            buffer.append("0." as StaticString)
            buffer.append(zeros: -decimal.point)
            buffer.append(digits: decimal.significand, count: decimal.count)
        }
    }

    /// The digits with a point after so many of them; without one where none are left.
    private static func appendDigits(_ decimal: ShortestDecimal, before: Int, to buffer: inout ByteBuffer) {
        let places = decimal.count - before
        guard places > 0 else { return buffer.append(digits: decimal.significand, count: decimal.count) }
        let (whole, rest) = decimal.significand.quotientAndRemainder(dividingBy: UInt64.powersOfTen[places])
        buffer.append(digits: whole, count: before)
        buffer.append(0x2e)
        buffer.append(digits: rest, count: places)
    }

    private static func hasPointOrExponent(_ buffer: borrowing ByteBuffer, from start: Int) -> Bool {
        let bytes = buffer.bytes
        for index in start..<bytes.byteCount where bytes.byte(at: index) == 0x2e || bytes.byte(at: index) == 0x65 {
            return true
        }
        return false
    }
}
