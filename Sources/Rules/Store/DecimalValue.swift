/// Numbers that are written with few decimals, as whole numbers: 1234.56 is 123456 at scale 2.
///
/// What the kernel and most programs tell is such a number; differences of whole numbers take a third of the bits that an
/// XOR of doubles does.
enum DecimalValue {
    static let largestScale: UInt8 = 6
    private static let limit = 0x1p51

    /// The whole number that `value` is at a scale, where that is exact to the bit; nil else.
    @inline(__always)
    static func scaled(_ value: Double, _ scale: UInt8) -> Int64? {
        guard value.magnitude < limit else { return nil }
        if scale == 0 {
            let whole = Int64(value)
            return Double(whole).bitPattern == value.bitPattern ? whole : nil
        }
        let power = power(scale)
        let product = value * power
        guard product.magnitude < limit else { return nil }
        // Rounds to the nearest whole number: below 2^51 a double of this size has no bits for more.
        let shift = product < 0 ? -0x1.8p52 : 0x1.8p52
        let whole = Int64((product + shift) - shift)
        return (Double(whole) / power).bitPattern == value.bitPattern ? whole : nil
    }

    @inline(__always)
    static func value(_ whole: Int64, _ scale: UInt8) -> Double {
        scale == 0 ? Double(whole) : Double(whole) / power(scale)
    }

    @inline(__always)
    private static func power(_ scale: UInt8) -> Double {
        switch scale {
        case 0: 1
        case 1: 10
        case 2: 100
        case 3: 1000
        case 4: 10_000
        case 5: 100_000
        default: 1_000_000
        }
    }

    /// Small for what is near 0 on either side.
    @inline(__always)
    static func zigzag(_ value: Int64) -> UInt64 { UInt64(bitPattern: (value &<< 1) ^ (value &>> 63)) }

    @inline(__always)
    static func unzigzag(_ value: UInt64) -> Int64 { Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1) }
}
