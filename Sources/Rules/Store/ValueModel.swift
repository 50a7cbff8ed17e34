import Bytes

/// What writer and reader of a chunk both know after each value: how the next one is coded.
///
/// A value is the same as the one before (bit 0), or a decimal number whose difference from the one before is coded against the
/// running mean of differences, in a Rice code that follows their spread (`10`), or an XOR with the one before in the window
/// of the last one (`110`), or one of `Escape` (`111` and three bits).
struct ValueModel {
    enum Escape: UInt64 {
        /// An XOR with a window of its own.
        case window = 0
        /// The same value for a number of samples.
        case run = 1
        /// The next sample is so many places of the column further.
        case gap = 2
        /// A stale marker.
        case stale = 3
        /// Values are taken as decimals of another scale from here.
        case rescale = 4
    }

    /// The last value that is no stale marker, or the first.
    var previous = 0.0
    private var scaled: Int64 = 0
    /// Mean difference, times 4.
    private var mean: Int64 = 0
    /// Mean distance from it as zigzag, times 8.
    private var spread: UInt64 = 0
    private var leading: UInt8 = 0
    private var significant: UInt8 = 0
    private(set) var scale: UInt8 = 0
    private var hasBegun = false
    private var hasScaled = false
    private var hasMean = false
    /// XORs in a row; only the writer's.
    private var xors: UInt8 = 0

    private static let longestUnary = 16
    private static let mostXORs: UInt8 = 4

    /// A change of value as a decimal, for who wants to code it as well.
    enum Change {
        case decimal(difference: Int64, scale: UInt8)
        case other
    }

    /// At the first value that is coded: the scale is the smallest at which the one before is exact.
    private mutating func begin() {
        hasBegun = true
        for candidate in 0...DecimalValue.largestScale {
            guard let whole = DecimalValue.scaled(previous, candidate) else { continue }
            (scaled, scale, hasScaled) = (whole, candidate, true)
            return
        }
    }

    // MARK: Writing

    /// Adds a value other than `previous`.
    mutating func write(_ value: Double, _ arena: inout CellArena, _ chain: inout CellChain) -> Change {
        if !hasBegun { begin() }
        if hasScaled {
            if let whole = DecimalValue.scaled(value, scale) {
                let difference = whole &- scaled
                writeDecimal(difference, &arena, &chain)
                previous = value
                return .decimal(difference: difference, scale: scale)
            }
            if xors < Self.mostXORs, let difference = rescale(for: value, &arena, &chain) {
                writeDecimal(difference, &arena, &chain)
                previous = value
                return .decimal(difference: difference, scale: scale)
            }
        }
        if xors < .max { xors += 1 }
        writeXOR(value, &arena, &chain)
        followXOR(value)
        return .other
    }

    private mutating func rescale(for value: Double, _ arena: inout CellArena, _ chain: inout CellChain) -> Int64? {
        var candidate = scale + 1
        while candidate <= DecimalValue.largestScale {
            if let whole = DecimalValue.scaled(value, candidate), let before = DecimalValue.scaled(previous, candidate)
            {
                Self.write(.rescale, &arena, &chain)
                arena.append(UInt64(candidate), 3, to: &chain)
                (scaled, scale, hasMean) = (before, candidate, false)
                return whole &- before
            }
            candidate += 1
        }
        return nil
    }

    private mutating func writeDecimal(_ difference: Int64, _ arena: inout CellArena, _ chain: inout CellChain) {
        xors = 0
        if hasMean {
            let code = DecimalValue.zigzag(difference &- mean >> 2)
            let low = UInt64(lowBits)
            let high = code >> low
            if high < UInt64(Self.longestUnary) {
                // `10`, as many ones as `high`, a zero, the low bits.
                let ones: UInt64 = (1 &<< high) &- 1
                let rest = code & ((1 << low) &- 1)
                let bits: UInt64 = 1 | ones << 2 | rest << (3 &+ high)
                arena.append(bits, Int(3 &+ high &+ low), to: &chain)
            } else {
                arena.append(1 | 0xffff << 2, 2 + Self.longestUnary, to: &chain)
                Self.writeSized(code, &arena, &chain)
            }
        } else {
            arena.append(1, 2, to: &chain)
            Self.writeSized(DecimalValue.zigzag(difference), &arena, &chain)
        }
        followDecimal(difference)
    }

    private mutating func writeXOR(_ value: Double, _ arena: inout CellArena, _ chain: inout CellChain) {
        let bits = value.bitPattern ^ previous.bitPattern
        let newLeading = bits.leadingZeroBitCount
        let newSignificant = 64 - newLeading - bits.trailingZeroBitCount
        let windowEnd = Int(leading) + Int(significant)
        let fits = significant > 0 && newLeading >= Int(leading) && newLeading + newSignificant <= windowEnd
        if fits, Int(significant) - newSignificant < 15 {
            arena.append(0b011, 3, to: &chain)
        } else {
            Self.write(.window, &arena, &chain)
            arena.append(UInt64(newLeading) | UInt64(newSignificant - 1) << 6, 12, to: &chain)
            leading = UInt8(newLeading)
            significant = UInt8(newSignificant)
        }
        arena.append(bits >> UInt64(64 - Int(leading) - Int(significant)), Int(significant), to: &chain)
    }

    static func write(_ escape: Escape, _ arena: inout CellArena, _ chain: inout CellChain) {
        arena.append(0b111 | escape.rawValue << 3, 6, to: &chain)
    }

    /// At most 63 bits: differences of decimals have 55, runs and gaps 32.
    static func writeSized(_ value: UInt64, _ arena: inout CellArena, _ chain: inout CellChain) {
        let width = 64 - value.leadingZeroBitCount
        assert(width < 64, "a number that does not fit its width")
        arena.append(UInt64(width), 6, to: &chain)
        arena.append(value, width, to: &chain)
    }

    // MARK: Reading

    /// What `readChange` found.
    enum Symbol {
        case value
        case run(UInt64)
        case gap(UInt64)
        case stale
        case rescaled
        case damaged
    }

    /// Reads whatever stands at a bit 1.
    @inline(__always)
    mutating func readChange(_ reader: inout BitReader) -> Symbol {
        if !hasBegun { begin() }
        let bits = reader.peek
        if bits & 2 == 0 {
            guard hasScaled else { return .damaged }
            let code: UInt64
            if hasMean {
                let high = (~(bits >> 2)).trailingZeroBitCount
                if high < Self.longestUnary {
                    let low = lowBits
                    reader.skip(3 &+ high)
                    code = UInt64(high) << UInt64(low) | reader.read(low)
                } else {
                    reader.skip(2 + Self.longestUnary)
                    code = Self.readSized(&reader)
                }
                followDecimal(DecimalValue.unzigzag(code) &+ mean >> 2)
            } else {
                reader.skip(2)
                followDecimal(DecimalValue.unzigzag(Self.readSized(&reader)))
            }
            previous = DecimalValue.value(scaled, scale)
            return .value
        }
        if bits & 4 == 0 {
            reader.skip(3)
            guard significant > 0 else { return .damaged }
            return readXOR(&reader)
        }
        reader.skip(6)
        switch Escape(rawValue: bits >> 3 & 7) {
        case .window:
            leading = UInt8(truncatingIfNeeded: reader.read(6))
            significant = UInt8(truncatingIfNeeded: reader.read(6) &+ 1)
            return leading &+ significant <= 64 ? readXOR(&reader) : .damaged
        case .run: return .run(Self.readSized(&reader))
        case .gap: return .gap(Self.readSized(&reader))
        case .stale: return .stale
        case .rescale:
            let new = UInt8(truncatingIfNeeded: reader.read(3))
            guard new <= DecimalValue.largestScale, let before = DecimalValue.scaled(previous, new) else {
                return .damaged
            }
            (scaled, scale, hasMean, hasScaled) = (before, new, false, true)
            return .rescaled
        case nil: return .damaged
        }
    }

    private mutating func readXOR(_ reader: inout BitReader) -> Symbol {
        let bits = reader.read(Int(significant)) << UInt64(64 - Int(leading) - Int(significant))
        followXOR(Double(bitPattern: previous.bitPattern ^ bits))
        return .value
    }

    static func readSized(_ reader: inout BitReader) -> UInt64 { reader.readSized() }

    // MARK: Both

    @inline(__always)
    private var lowBits: Int {
        let mean = spread >> 3
        return mean < 2 ? 0 : min(40, 63 &- mean.leadingZeroBitCount)
    }

    @inline(__always)
    private mutating func followDecimal(_ difference: Int64) {
        scaled = scaled &+ difference
        if hasMean {
            let distance = difference &- mean >> 2
            mean = mean &+ distance
            let code = DecimalValue.zigzag(distance)
            spread = spread &+ code &- spread >> 3
        } else {
            hasMean = true
            mean = difference &<< 2
            spread = DecimalValue.zigzag(difference)
        }
    }

    private mutating func followXOR(_ value: Double) {
        previous = value
        if let whole = DecimalValue.scaled(value, scale) {
            (scaled, hasScaled) = (whole, true)
        } else {
            hasScaled = false
        }
    }
}
