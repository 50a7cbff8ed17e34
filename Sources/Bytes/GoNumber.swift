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
        let decimal = ShortestDecimal(magnitude)
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
