import Bytes

/// Which patterns can match a line at all, found in one pass over it: those one of whose literals it holds, and those of which nothing
/// is known.
struct LiteralPrefilter {
    private struct Literal {
        var bytes: [UInt8]
        /// Where in it the two bytes stand by which it is found.
        var pairOffset: Int
        var pattern: Int
        var isCaseless: Bool
    }

    private var literals: [Literal] = []
    /// By a hash of two bytes: 0, or one more than a place in `chains`.
    private var table = [UInt16](repeating: 0, count: 1024)
    private var chains: [[Int]] = []
    /// Bits of the patterns without literals.
    private var always: [UInt64]
    /// Bits of the patterns that may match the last line.
    private(set) var candidates: [UInt64]
    /// Whether any line must be tried.
    private let hasAlways: Bool

    init(_ patterns: [RequiredLiterals?]) {
        let words = (patterns.count + 63) / 64
        candidates = [UInt64](repeating: 0, count: words)
        always = candidates
        for (index, required) in patterns.enumerated() where required == nil {
            always[index / 64] |= 1 << UInt64(index % 64)
        }
        hasAlways = always.contains { $0 != 0 }
        for (index, required) in patterns.enumerated() {
            guard let required else { continue }
            for bytes in required.anyOf { add(bytes, pattern: index, isCaseless: required.isCaseless) }
        }
    }

    private mutating func add(_ bytes: [UInt8], pattern: Int, isCaseless: Bool) {
        // The rarest two bytes: letters are everywhere, capitals and marks are not.
        var best = 0
        var bestCommonness = Int.max
        for offset in 0..<(bytes.count - 1) {
            let commonness = Self.commonness(bytes[offset]) + Self.commonness(bytes[offset + 1])
            if commonness < bestCommonness { (best, bestCommonness) = (offset, commonness) }
        }
        literals.append(Literal(bytes: bytes, pairOffset: best, pattern: pattern, isCaseless: isCaseless))
        let number = literals.count - 1
        let (a, b) = (bytes[best], bytes[best + 1])
        var slots: Set<Int> = []
        for first in isCaseless ? Self.cases(a) : [a] {
            for second in isCaseless ? Self.cases(b) : [b] { slots.insert(Self.slot(first, second)) }
        }
        for slot in slots {
            if table[slot] == 0 {
                chains.append([])
                table[slot] = UInt16(clamping: chains.count)
            }
            chains[Int(table[slot]) - 1].append(number)
        }
    }

    private static func cases(_ byte: UInt8) -> [UInt8] { ASCII.isLetter(byte) ? [byte | 0x20, byte & 0xdf] : [byte] }

    private static func commonness(_ byte: UInt8) -> Int {
        if "etaoinsrl ".utf8.contains(byte) { return 4 }
        if (0x61...0x7a).contains(byte) { return 3 }
        return ASCII.isDigit(byte) ? 3 : 1
    }

    @inline(__always)
    private static func slot(_ a: UInt8, _ b: UInt8) -> Int { (Int(a) &* 37 ^ Int(b) &* 5) & 1023 }

    /// Fills `candidates`; false where no pattern can match.
    mutating func scan(_ text: RawSpan) -> Bool {
        for index in candidates.indices { candidates[index] = always[index] }
        var isAny = hasAlways
        guard text.byteCount > 1, !literals.isEmpty else { return isAny }
        var previous = text.byte(at: 0)
        for index in 1..<text.byteCount {
            let byte = text.byte(at: index)
            let entry = table[Self.slot(previous, byte)]
            previous = byte
            if entry != 0, check(text, at: index - 1, chain: Int(entry) - 1) { isAny = true }
        }
        return isAny
    }

    func isCandidate(_ pattern: Int) -> Bool { candidates[pattern / 64] & (1 << UInt64(pattern % 64)) != 0 }

    @inline(never)
    private mutating func check(_ text: RawSpan, at index: Int, chain: Int) -> Bool {
        var isAny = false
        for number in chains[chain] {
            let pattern = literals[number].pattern
            if isCandidate(pattern) { continue }
            let start = index - literals[number].pairOffset
            let count = literals[number].bytes.count
            guard start >= 0, start + count <= text.byteCount else { continue }
            var place = 0
            if literals[number].isCaseless {
                while place < count, ASCII.lowercased(text.byte(at: start + place)) == literals[number].bytes[place] {
                    place += 1
                }
            } else {
                while place < count, text.byte(at: start + place) == literals[number].bytes[place] { place += 1 }
            }
            if place == count {
                candidates[pattern / 64] |= 1 << UInt64(pattern % 64)
                isAny = true
            }
        }
        return isAny
    }
}
