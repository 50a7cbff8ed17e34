import Bytes

/// Which patterns can match a line at all, found in one pass over it: those one of whose literals it holds, and those of which nothing
/// is known.
final class LiteralPrefilter {
    private struct Literal {
        /// Where in `texts`.
        var text: Range<Int32>
        /// Where in it two bytes stand by which it is found.
        var pairOffset: Int32
        var pattern: Int32
        var isCaseless: Bool
        /// What the first four bytes are after `mask`: most of what is no such text is told by them.
        var head: UInt32 = 0
        var mask: UInt32 = 0

        init(_ bytes: [UInt8], at place: Int, pairOffset: Int, pattern: Int, isCaseless: Bool) {
            text = Int32(place)..<Int32(place + bytes.count)
            (self.pairOffset, self.pattern, self.isCaseless) = (Int32(pairOffset), Int32(pattern), isCaseless)
            for (index, byte) in bytes.prefix(4).enumerated() {
                let bits: UInt8 = isCaseless && ASCII.isLetter(byte) ? 0xdf : 0xff
                mask |= UInt32(bits) << UInt32(8 * index)
                head |= UInt32(byte & bits) << UInt32(8 * index)
            }
        }
    }

    /// Those of one place of `table` stand together.
    private let literals: [Literal]
    private let texts: [UInt8]
    /// By two bytes: 0, or one more than a place in `chains`.
    private let table: [UInt16]
    private let chains: [Range<Int>]
    /// Bits of the patterns without literals.
    private let always: [UInt64]
    /// Every so many bytes two are looked at, so literals are found at any of as many pairs in a row.
    private let stride: Int
    private static let longestStride = 4
    /// Whether any line must be tried.
    private let hasAlways: Bool
    /// Bits of the patterns that may match the last line.
    @exclusivity(unchecked) private var candidates: [UInt64]

    init(_ patterns: [RequiredLiterals?]) {
        var always = [UInt64](repeating: 0, count: (patterns.count + 63) / 64)
        var texts: [UInt8] = []
        let shortest = patterns.compactMap { $0?.anyOf.map(\.count).min() }.min() ?? 0
        let stride = min(max(shortest - 1, 1), Self.longestStride)
        self.stride = stride
        var bySlot: [Int: [Literal]] = [:]
        for (index, required) in patterns.enumerated() {
            guard let required else {
                always[index / 64] |= 1 << UInt64(index % 64)
                continue
            }
            for bytes in required.anyOf {
                let place = texts.count
                texts += bytes
                for offset in Self.rarest(bytes, stride) {
                    let literal = Literal(
                        bytes, at: place, pairOffset: offset, pattern: index, isCaseless: required.isCaseless)
                    var slots: Set<Int> = []
                    for first in required.isCaseless ? Self.cases(bytes[offset]) : [bytes[offset]] {
                        for second in required.isCaseless ? Self.cases(bytes[offset + 1]) : [bytes[offset + 1]] {
                            slots.insert(Self.slot(first, second))
                        }
                    }
                    for slot in slots { bySlot[slot, default: []].append(literal) }
                }
            }
        }
        var table = [UInt16](repeating: 0, count: 4096)
        var chains: [Range<Int>] = []
        var literals: [Literal] = []
        for (slot, members) in bySlot {
            chains.append(literals.count..<(literals.count + members.count))
            literals += members
            // There are fewer places than would fit.
            table[slot] = UInt16(clamping: chains.count)
        }
        self.always = always
        hasAlways = always.contains { $0 != 0 }
        candidates = always
        (self.table, self.chains, self.literals, self.texts) = (table, chains, literals, texts)
    }

    /// Where the rarest `count` pairs in a row begin: letters are everywhere, capitals and marks are not.
    private static func rarest(_ bytes: [UInt8], _ count: Int) -> Range<Int> {
        var best = 0
        var bestCommonness = Int.max
        for offset in 0..<(bytes.count - count) {
            let commonness = bytes[offset...(offset + count)].reduce(0) { $0 + Self.commonness($1) }
            if commonness < bestCommonness { (best, bestCommonness) = (offset, commonness) }
        }
        return best..<(best + count)
    }

    private static func cases(_ byte: UInt8) -> [UInt8] { ASCII.isLetter(byte) ? [byte | 0x20, byte & 0xdf] : [byte] }

    private static func commonness(_ byte: UInt8) -> Int {
        if "etaoinsrl ".utf8.contains(byte) { return 4 }
        if (0x61...0x7a).contains(byte) { return 3 }
        return ASCII.isDigit(byte) ? 3 : 1
    }

    @inline(__always)
    private static func slot(_ a: UInt8, _ b: UInt8) -> Int { Int(a & 63) &<< 6 | Int(b & 63) }

    /// Finds the candidates; false where no pattern can match.
    func scan(_ text: RawSpan) -> Bool {
        for index in candidates.indices { candidates[index] = always[index] }
        var isAny = hasAlways
        guard text.byteCount > 1, !literals.isEmpty else { return isAny }
        var index = 0
        let last = text.byteCount - 1
        while index < last {
            let entry = table[Self.slot(text.byte(at: index), text.byte(at: index + 1))]
            if entry != 0, check(text, at: index, chain: Int(entry) - 1) { isAny = true }
            index += stride
        }
        return isAny
    }

    /// Whether one of the patterns is a candidate; `first` begins a word.
    func hasCandidate(from first: Int, count: Int) -> Bool {
        for word in (first / 64)..<((first + count + 63) / 64) where candidates[word] != 0 { return true }
        return false
    }

    /// The next one.
    func candidate(from first: Int, below end: Int) -> Int? {
        var index = first
        while index < end {
            let word = candidates[index / 64] >> UInt64(index % 64)
            if word != 0 {
                index += word.trailingZeroBitCount
                return index < end ? index : nil
            }
            index = (index / 64 + 1) * 64
        }
        return nil
    }

    func isCandidate(_ pattern: Int) -> Bool { candidates[pattern / 64] & (1 << UInt64(pattern % 64)) != 0 }

    @inline(never)
    private func check(_ text: RawSpan, at index: Int, chain: Int) -> Bool {
        var isAny = false
        for number in chains[chain] {
            let literal = literals[number]
            let start = index - Int(literal.pairOffset)
            let end = start + literal.text.count
            let pattern = Int(literal.pattern)
            guard start >= 0, end <= text.byteCount,
                // At the end of a text there may be fewer than four.
                text.load(littleEndian: start, as: UInt32.self).map({ $0 & literal.mask == literal.head }) ?? true,
                !isCandidate(pattern)
            else { continue }
            if isText(literal, in: text.slice(start, end)) {
                candidates[pattern / 64] |= 1 << UInt64(pattern % 64)
                isAny = true
            }
        }
        return isAny
    }

    @inline(__always)
    private func isText(_ literal: Literal, in text: RawSpan) -> Bool {
        let texts = texts
        let wanted = texts.span.bytes.slice(Int(literal.text.lowerBound), Int(literal.text.upperBound))
        guard literal.isCaseless else { return wanted.equals(text) }
        var place = 0
        while place < text.byteCount, ASCII.lowercased(text.byte(at: place)) == wanted.byte(at: place) { place += 1 }
        return place == text.byteCount
    }
}
