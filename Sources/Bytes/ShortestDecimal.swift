/// The shortest decimal that reads back as a positive finite number and, among the shortest, the closest to it:
/// `significand * 10^exponent`. Go and Swift write the same digits.
///
/// Numbers from 2^-130 to below 2^56 are worked out here, as no String and no table of hundreds of powers is needed for them
/// (R. Giulietti, "The Schubfach way to render doubles", 2021); the rest is read from Swift's own description.
struct ShortestDecimal {
    /// Without zeros at its end; at most 17 digits.
    private(set) var significand: UInt64
    private(set) var exponent: Int
    /// Digits of the significand.
    let count: Int

    /// Where the decimal point stands, counted from before the first digit: 0.5 has 0, 5 has 1, 0.05 has -1.
    var point: Int { count + exponent }

    init(_ value: Double) {
        if value < 0x1p53, let whole = UInt64(exactly: value) {
            (significand, exponent) = (whole, 0)
        } else {
            (significand, exponent) =
                value >= 0x1p-130 && value < 0x1p56
                ? ShortestDecimal.nearest(value) : ShortestDecimal.described(value)
        }
        if significand.isMultiple(of: 100_000_000), significand > 0 {
            significand /= 100_000_000
            exponent += 8
        }
        while significand.isMultiple(of: 10), significand > 0 {
            significand /= 10
            exponent += 1
        }
        count = significand.decimalDigits
    }

    private static func nearest(_ value: Double) -> (significand: UInt64, exponent: Int) {
        let fraction = value.significandBitPattern
        let binary = fraction | 1 << 52
        let power = Int(value.exponentBitPattern) - 1075
        // What reads back as the value lies between the middles to its neighbours; the lower one is closer at powers of two.
        // The middles themselves are rounded to what is even.
        let isCloser = fraction == 0
        let odd = fraction & 1
        // The greatest power of ten that is not wider than the interval: floor(log10(2^power)), or of three quarters of that.
        let exponent = (power * 1_262_611 - (isCloser ? 524_031 : 0)) >> 22
        let ten = powersOfTen[-exponent]
        let shift = UInt64(power + ((-exponent * 1_741_647) >> 19) + 1)
        // In quarters of 10^exponent; a bit that is lost leaves the lowest one set.
        let low = product(ten, (4 * binary - (isCloser ? 1 : 2)) << shift) + odd
        let middle = product(ten, (4 * binary) << shift)
        let high = product(ten, (4 * binary + 2) << shift) - odd
        let down = middle >> 2
        // With one digit less, if exactly one such number is in the interval.
        let shorter = down / 10
        let isBelow = low <= 40 * shorter
        let isAbove = 40 * shorter + 40 <= high
        if isBelow != isAbove { return (shorter + (isAbove ? 1 : 0), exponent + 1) }
        let isDown = low <= 4 * down
        let isUp = 4 * down + 4 <= high
        if isDown != isUp { return (down + (isUp ? 1 : 0), exponent) }
        let half = 4 * down + 2
        return (down + (middle > half || middle == half && down & 1 == 1 ? 1 : 0), exponent)
    }

    /// The upper 64 of 192 bits, the lowest one set where others are.
    private static func product(_ ten: (high: UInt64, low: UInt64), _ value: UInt64) -> UInt64 {
        let lower = ten.low.multipliedFullWidth(by: value).high
        let upper = ten.high.multipliedFullWidth(by: value)
        let (middle, carry) = upper.low.addingReportingOverflow(lower)
        return (upper.high + (carry ? 1 : 0)) | (middle > 1 ? 1 : 0)
    }

    /// 10^0 to 10^55, which 128 bits hold exactly, their highest bit the first.
    private static let powersOfTen: [(high: UInt64, low: UInt64)] = {
        var power: UInt128 = 1
        return (0...55).map { _ in
            let shifted = power << UInt128(power.leadingZeroBitCount)
            power &*= 5
            return (UInt64(truncatingIfNeeded: shifted >> 64), UInt64(truncatingIfNeeded: shifted))
        }
    }()

    /// Numbers of this size are described with an exponent, so there are no digits but those that count.
    private static func described(_ value: Double) -> (significand: UInt64, exponent: Int) {
        var significand: UInt64 = 0
        var places = 0
        var exponent = 0
        var isNegative = false
        var isInExponent = false
        var hasPoint = false
        for byte in value.description.utf8 {
            switch byte {
            case 0x65: isInExponent = true
            case 0x2d: isNegative = true
            case 0x2e: hasPoint = true
            case 0x30...0x39 where isInExponent: exponent = exponent * 10 + Int(byte - 0x30)
            case 0x30...0x39:
                significand = significand * 10 + UInt64(byte - 0x30)
                if hasPoint { places += 1 }
            default: break
            }
        }
        return (significand, (isNegative ? -exponent : exponent) - places)
    }
}
