/// The shortest decimal digits of a positive finite number.
///
/// Swift's own description has the same digits as Go (both are the shortest and, among those, the closest), in
/// another layout; taking it apart costs less than a second implementation of the algorithm would.
struct ShortestDecimal {
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
