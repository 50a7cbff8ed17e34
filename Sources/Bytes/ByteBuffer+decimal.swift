extension ByteBuffer {
    /// Appends a whole number in decimal.
    package mutating func append(decimal value: Int) {
        if value < 0 { append(0x2d) }
        append(decimal: UInt64(value.magnitude))
    }

    package mutating func append(decimal value: UInt64) { append(digits: value, count: value.decimalDigits) }

    /// Appends the last `count` digits of a number, zeros before them where it has fewer.
    package mutating func append(digits value: UInt64, count: Int) {
        _ = appendUninitialized(atLeast: count) { room in
            var rest = value
            var place = count
            while place >= 2 {
                let (hundreds, pair) = rest.quotientAndRemainder(dividingBy: 100)
                rest = hundreds
                place -= 2
                let tens = (pair * 103) >> 10
                let digits = UInt16(truncatingIfNeeded: tens | (pair - tens * 10) << 8 | 0x3030)
                room.storeBytes(of: digits.littleEndian, toByteOffset: place, as: UInt16.self)
            }
            if place == 1 { room[0] = 0x30 + UInt8(rest % 10) }
            return count
        }
    }

    /// Appends `count` zeros.
    mutating func append(zeros count: Int) {
        for _ in 0..<max(count, 0) { append(0x30) }
    }
}

extension UInt64 {
    /// How many digits it has in decimal; 0 has one.
    var decimalDigits: Int {
        // log10(2) is a little less than 1233/4096, so this is right or one too few.
        let digits = ((64 - leadingZeroBitCount) * 1233) >> 12
        return digits + (self >= UInt64.powersOfTen[digits] ? 1 : 0) + (self == 0 ? 1 : 0)
    }

    /// 10^0 to 10^19.
    static let powersOfTen: [UInt64] = {
        var power: UInt64 = 1
        return (0..<20).map { _ in
            defer { power &*= 10 }
            return power
        }
    }()
}
