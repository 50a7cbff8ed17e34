extension ByteBuffer {
    /// Appends a whole number in decimal.
    package mutating func append(decimal value: Int) {
        if value < 0 { append(0x2d) }
        append(decimal: UInt64(value.magnitude))
    }

    package mutating func append(decimal value: UInt64) {
        var digits = InlineArray<20, UInt8>(repeating: 0x30)
        var first = 20
        var rest = value
        repeat {
            first -= 1
            digits[first] = 0x30 + UInt8(rest % 10)
            rest /= 10
        } while rest > 0
        for index in first..<20 { append(digits[index]) }
    }
}
