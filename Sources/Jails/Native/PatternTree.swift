/// The outline of a regular expression, as far as `JailLint` asks: what may stand where, and how often.
///
/// What it does not know (conditions, back references) it takes for nothing at all.
struct PatternTree {
    /// Bytes as a set; those of other code points than ASCII's are one member, 128.
    struct Bytes: Equatable {
        private var low: UInt64 = 0
        private var high: UInt64 = 0
        private var hasOthers = false

        static let all = Bytes(low: .max, high: .max, hasOthers: true)
        static let none = Bytes()
        static let digits = Bytes { ASCII.isDigit($0) }
        static let words = Bytes { ASCII.isWord($0) }
        static let spaces = Bytes { ASCII.isSpace($0) }

        private init(low: UInt64 = 0, high: UInt64 = 0, hasOthers: Bool = false) {
            (self.low, self.high, self.hasOthers) = (low, high, hasOthers)
        }

        init(_ byte: UInt8) { self.init { $0 == byte } }

        private init(_ contains: (UInt8) -> Bool) {
            for byte in UInt8(0)..<64 where contains(byte) { low |= 1 << UInt64(byte) }
            for byte in UInt8(64)..<128 where contains(byte) { high |= 1 << UInt64(byte - 64) }
        }

        func contains(_ byte: UInt8) -> Bool {
            byte < 64 ? low & 1 << UInt64(byte) != 0 : byte < 128 ? high & 1 << UInt64(byte - 64) != 0 : hasOthers
        }

        mutating func insert(_ byte: UInt8) { self = union(byte < 128 ? Bytes(byte) : Bytes(hasOthers: true)) }

        func union(_ other: Bytes) -> Bytes {
            Bytes(low: low | other.low, high: high | other.high, hasOthers: hasOthers || other.hasOthers)
        }

        func intersects(_ other: Bytes) -> Bool {
            low & other.low != 0 || high & other.high != 0 || hasOthers && other.hasOthers
        }

        var inverted: Bytes { Bytes(low: ~low, high: ~high, hasOthers: !hasOthers) }
    }

    indirect enum Kind {
        case bytes(Bytes)
        case group([[Node]])
        /// `<ip>`, `<id>`
        case identity
        case end
        case nothing
    }

    struct Node {
        var kind: Kind
        /// Of the quantifier.
        var isOptional = false
        var isUnbounded = false

        /// What it may hold, all of it together.
        var bytes: Bytes {
            switch kind {
            case .bytes(let bytes): bytes
            case .group(let alternatives):
                alternatives.joined().reduce(Bytes.none) { $0.union($1.bytes) }
            case .identity: Bytes.words.union(Bytes(0x2e)).union(Bytes(0x3a)).union(Bytes(0x5b))
            case .end, .nothing: .none
            }
        }

        /// Whether there is something in it that has no bound, itself apart.
        var holdsUnbounded: Bool {
            guard case .group(let alternatives) = kind else { return false }
            return alternatives.joined().contains { $0.isUnbounded || $0.holdsUnbounded }
        }
    }

    let alternatives: [[Node]]

    init(_ pattern: String) {
        var reader = Reader(bytes: [UInt8](pattern))
        alternatives = reader.alternatives(depth: 0)
    }

    private struct Reader {
        let bytes: [UInt8]
        var index = 0

        private static let deepest = 40

        init(bytes: [UInt8]) { self.bytes = bytes }

        private func next(_ distance: Int = 0) -> UInt8 { index + distance < bytes.count ? bytes[index + distance] : 0 }

        mutating func alternatives(depth: Int) -> [[Node]] {
            var all: [[Node]] = [[]]
            while index < bytes.count, bytes[index] != 0x29 || depth == 0 {
                if bytes[index] == 0x7c {
                    index += 1
                    all.append([])
                    continue
                }
                var node = atom(depth)
                quantify(&node)
                all[all.count - 1].append(node)
            }
            return all
        }

        private mutating func atom(_ depth: Int) -> Node {
            let byte = bytes[index]
            index += 1
            switch byte {
            case 0x5e: return Node(kind: .nothing)
            case 0x24: return Node(kind: .end)
            case 0x2e: return Node(kind: .bytes(.all))
            case 0x5c: return Node(kind: .bytes(escape()))
            case 0x5b: return Node(kind: .bytes(characterClass()))
            case 0x28: return group(depth)
            case 0x3c: return tag()
            default: return Node(kind: .bytes(byte < 128 ? Bytes(byte) : Bytes.words.inverted))
            }
        }

        private mutating func quantify(_ node: inout Node) {
            switch next() {
            case 0x2a: (node.isOptional, node.isUnbounded) = (true, true)
            case 0x2b: node.isUnbounded = true
            case 0x3f: node.isOptional = true
            case 0x7b:
                guard let close = bytes[index...].firstIndex(of: 0x7d), close - index <= 12,
                    bytes[(index + 1)..<close].allSatisfy({ ASCII.isDigit($0) || $0 == 0x2c })
                else { return }
                node.isOptional = next(1) == 0x30 || next(1) == 0x2c
                node.isUnbounded = bytes[close - 1] == 0x2c
                index = close
            default: return
            }
            index += 1
            // Possessive ones never go back, so that they cost nothing.
            if next() == 0x2b {
                node.isUnbounded = false
                index += 1
            } else if next() == 0x3f {
                index += 1
            }
        }

        private mutating func escape() -> Bytes {
            let letter = next()
            index += 1
            switch letter {
            case 0x64: return .digits
            case 0x44: return Bytes.digits.inverted
            case 0x77: return .words
            case 0x57: return Bytes.words.inverted
            case 0x73: return .spaces
            case 0x53: return Bytes.spaces.inverted
            case 0x62, 0x42, 0x41, 0x5a: return .none
            default: return Bytes(letter)
            }
        }

        private mutating func characterClass() -> Bytes {
            var set = Bytes.none
            let isNegated = next() == 0x5e
            if isNegated { index += 1 }
            var isFirst = true
            while index < bytes.count, bytes[index] != 0x5d || isFirst {
                isFirst = false
                let byte = bytes[index]
                index += 1
                if byte == 0x5c {
                    set = set.union(escape())
                } else if next() == 0x2d, next(1) != 0x5d, next(1) > byte, next(1) < 128 {
                    for member in byte...next(1) { set.insert(member) }
                    index += 2
                } else {
                    set.insert(byte)
                }
            }
            index += 1
            return isNegated ? set.inverted : set
        }

        private mutating func group(_ depth: Int) -> Node {
            guard depth < Self.deepest else {
                index = bytes.count
                return Node(kind: .nothing)
            }
            var isAhead = false
            if next() == 0x3f {
                let mark = next(1)
                isAhead = mark == 0x3d || mark == 0x21 || mark == 0x3c && (next(2) == 0x3d || next(2) == 0x21)
                if mark == 0x50 || mark == 0x3c && !isAhead {
                    index = (bytes[index...].firstIndex { $0 == 0x3e || $0 == 0x29 } ?? bytes.count - 1) + 1
                } else {
                    while index < bytes.count, !":=!>)".utf8.contains(bytes[index]) { index += 1 }
                    index += 1
                }
                // `(?i)`, `(?P=name)`
                if index > 0, index <= bytes.count, bytes[index - 1] == 0x29 { return Node(kind: .nothing) }
            }
            let inner = alternatives(depth: depth + 1)
            index += 1
            return Node(kind: isAhead ? .nothing : .group(inner))
        }

        private mutating func tag() -> Node {
            guard let close = bytes[index...].firstIndex(of: 0x3e), close - index <= 20 else {
                return Node(kind: .bytes(Bytes(0x3c)))
            }
            let name = String(bytes[index..<close])
            switch name {
            case "ip", "id", "HOST", "ADDR", "IP4", "IP6", "SUBNET", "F-ID/":
                index = close + 1
                return Node(kind: .identity)
            case "user":
                index = close + 1
                return Node(kind: .bytes(.all), isOptional: true, isUnbounded: true)
            case "port":
                index = close + 1
                return Node(kind: .bytes(.digits))
            default:
                // Of fail2ban: `<F-USER>`, `</F-USER>`.
                guard name.hasPrefix("F-") || name.hasPrefix("/F-") else { return Node(kind: .bytes(Bytes(0x3c))) }
                index = close + 1
                return Node(kind: .nothing)
            }
        }
    }
}
