/// Derives from a pattern a set of literals of which one must occur in whatever it matches.
///
/// It errs on the side of knowing nothing: where it is not sure, there is no set.
struct RequiredLiterals: Equatable {
    var anyOf: [[UInt8]]
    /// ASCII case does not matter; the literals are in small letters.
    var isCaseless: Bool

    private static let most = 24
    /// Texts that a part of a pattern may stand for before it is taken for unknown.
    private static let mostTexts = 8
    private static let deepest = 60

    /// - Parameter pattern: as `PythonPattern` translates it.
    init?(_ pattern: String, isCaseless: Bool) {
        var reader = PatternReader(bytes: [UInt8](pattern), isCaseless: isCaseless)
        guard let node = reader.alternatives(depth: 0), reader.isAtEnd, let best = node.best, best.score > 0 else {
            return nil
        }
        anyOf = best.literals
        self.isCaseless = isCaseless
    }

    /// Of a pattern that matches nothing.
    static let impossible = RequiredLiterals(anyOf: [], isCaseless: false)

    private init(anyOf: [[UInt8]], isCaseless: Bool) {
        self.anyOf = anyOf
        self.isCaseless = isCaseless
    }

    struct Candidate {
        var literals: [[UInt8]]
        /// Longer literals are rarer; each alternative is another chance to be found.
        var score: Int {
            let shortest = literals.map(\.count).min() ?? 0
            return shortest < 2 || literals.count > RequiredLiterals.most ? 0 : min(shortest, 12) * 4 - literals.count
        }
    }

    struct Node {
        /// What it matches, where that is one of a few texts.
        var exact: [[UInt8]]?
        var best: Candidate?
    }

    struct PatternReader {
        let bytes: [UInt8]
        let isCaseless: Bool
        private var index = 0

        init(bytes: [UInt8], isCaseless: Bool) {
            self.bytes = bytes
            self.isCaseless = isCaseless
        }

        var isAtEnd: Bool { index == bytes.count }

        private func next(_ distance: Int = 0) -> UInt8 { index + distance < bytes.count ? bytes[index + distance] : 0 }

        /// Up to a closing parenthesis or the end; nil where it does not understand.
        mutating func alternatives(depth: Int) -> Node? {
            guard depth < RequiredLiterals.deepest else { return nil }
            guard var all = sequence(depth) else { return nil }
            while index < bytes.count, bytes[index] == 0x7c {
                index += 1
                guard let other = sequence(depth) else { return nil }
                if let a = all.exact, let b = other.exact, a.count + b.count <= RequiredLiterals.mostTexts {
                    all.exact = a + b.filter { !a.contains($0) }
                } else {
                    all.exact = nil
                }
                if let a = all.best, let b = other.best {
                    all.best = Candidate(literals: a.literals + b.literals.filter { !a.literals.contains($0) })
                } else {
                    all.best = nil
                }
            }
            return all
        }

        private mutating func sequence(_ depth: Int) -> Node? {
            // What stands here since something unknown: one of these texts.
            var run: [[UInt8]] = [[]]
            var isExact = true
            var best: Candidate?
            func consider(_ candidate: Candidate) {
                if candidate.score > best?.score ?? 0 { best = candidate }
            }
            func breakRun() {
                consider(Candidate(literals: run))
                run = [[]]
                isExact = false
            }
            func append(_ byte: UInt8) {
                for index in run.indices { run[index].append(byte) }
            }
            while index < bytes.count, bytes[index] != 0x7c, bytes[index] != 0x29 {
                switch bytes[index] {
                case 0x5e, 0x24: index += 1
                case 0x28:
                    guard let group = group(depth + 1) else { return nil }
                    let quantifier = quantifier()
                    if quantifier == .once, let exact = group.exact {
                        if run.count * exact.count > RequiredLiterals.mostTexts { breakRun() }
                        run = run.flatMap { text in exact.map { text + $0 } }
                    } else {
                        breakRun()
                        if quantifier != .optional, let found = group.best { consider(found) }
                    }
                case 0x5b:
                    guard skipClass() else { return nil }
                    _ = quantifier()
                    breakRun()
                case 0x2e:
                    index += 1
                    _ = quantifier()
                    breakRun()
                default:
                    guard let atom = literal() else { return nil }
                    guard let byte = atom.byte else {
                        if !atom.isZeroWidth {
                            _ = quantifier()
                            breakRun()
                        }
                        continue
                    }
                    switch quantifier() {
                    case .once: append(byte)
                    case .repeated:
                        append(byte)
                        breakRun()
                    case .optional: breakRun()
                    }
                }
            }
            let whole = isExact ? run : nil
            consider(Candidate(literals: run))
            return Node(exact: whole, best: best)
        }

        private enum Quantifier { case once, repeated, optional }

        private mutating func quantifier() -> Quantifier {
            var result = Quantifier.once
            switch next() {
            case 0x3f, 0x2a:
                result = .optional
                index += 1
            case 0x2b:
                result = .repeated
                index += 1
            case 0x7b:
                guard ASCII.isDigit(next(1)), let close = bytes[index...].firstIndex(of: 0x7d) else { return .once }
                let inside = bytes[(index + 1)..<close]
                guard inside.allSatisfy({ ASCII.isDigit($0) || $0 == 0x2c }) else { return .once }
                result = inside.first == 0x30 ? .optional : .repeated
                index = close + 1
            default: return .once
            }
            // Lazy and possessive ones.
            if next() == 0x3f || next() == 0x2b { index += 1 }
            return result
        }

        /// An escape or a plain byte. A code point beyond ASCII is several.
        private mutating func literal() -> (byte: UInt8?, isZeroWidth: Bool)? {
            var byte = bytes[index]
            index += 1
            if byte == 0x5c {
                guard index < bytes.count else { return nil }
                byte = bytes[index]
                index += 1
                if ASCII.isLetter(byte) || ASCII.isDigit(byte) {
                    switch byte {
                    case 0x62, 0x42, 0x41, 0x7a: return (nil, true)
                    case 0x78:
                        // \x41, \x{41}
                        if next() == 0x7b {
                            guard let close = bytes[index...].firstIndex(of: 0x7d) else { return nil }
                            index = close + 1
                        } else {
                            index = min(index + 2, bytes.count)
                        }
                        return (nil, false)
                    case 0x74: return (0x09, false)
                    // A line feed may be one that is put behind the content of a prefix.
                    case 0x6e, 0x64, 0x44, 0x73, 0x53, 0x77, 0x57: return (nil, false)
                    default:
                        while ASCII.isDigit(next()), ASCII.isDigit(byte) { index += 1 }
                        return (nil, false)
                    }
                }
            }
            // A quantifier would be about the whole code point.
            if byte >= 0x80 { return (nil, false) }
            if isCaseless {
                // These two fold to U+017F and U+212A as well.
                let small = ASCII.lowercased(byte)
                return small == 0x6b || small == 0x73 ? (nil, false) : (small, false)
            }
            return (byte, false)
        }

        private mutating func skipClass() -> Bool {
            index += 1
            if next() == 0x5e { index += 1 }
            if next() == 0x5d { index += 1 }
            while index < bytes.count, bytes[index] != 0x5d { index += bytes[index] == 0x5c ? 2 : 1 }
            guard index < bytes.count else { return false }
            index += 1
            return true
        }

        private mutating func group(_ depth: Int) -> Node? {
            index += 1
            var isKnown = true
            if next() == 0x3f {
                switch next(1) {
                case 0x3a, 0x3e: index += 2
                case 0x3d, 0x21:
                    index += 2
                    isKnown = false
                case 0x3c:
                    index += 3
                    isKnown = false
                case 0x28:
                    guard let close = bytes[index...].firstIndex(of: 0x29) else { return nil }
                    index = close + 1
                    isKnown = false
                case 0x50:
                    guard let end = bytes[index...].firstIndex(where: { $0 == 0x3e || $0 == 0x29 }) else { return nil }
                    // (?P=name) is a reference.
                    if bytes[end] == 0x29 { isKnown = false }
                    index = bytes[end] == 0x29 ? end : end + 1
                default:
                    guard let end = bytes[index...].firstIndex(where: { $0 == 0x3a || $0 == 0x29 }),
                        bytes[end] == 0x3a, !bytes[index..<end].contains(0x78)
                    else { return nil }
                    isKnown = !bytes[index..<end].contains(0x69)
                    index = end + 1
                }
            }
            guard let node = alternatives(depth: depth), next() == 0x29 else { return nil }
            index += 1
            return isKnown ? node : Node()
        }
    }
}
