/// The order of Debian package versions (Debian Policy, 5.6.12).
enum DebianVersion {
    /// Whether `a` is newer than `b`.
    static func isNewer(_ a: String, than b: String) -> Bool { compare(Array(a.utf8), Array(b.utf8)) > 0 }

    /// Negative, 0 or positive.
    static func compare(_ a: [UInt8], _ b: [UInt8]) -> Int {
        let (x, y) = (parts(a), parts(b))
        if x.epoch != y.epoch { return x.epoch < y.epoch ? -1 : 1 }
        let order = compareParts(x.upstream, y.upstream)
        return order != 0 ? order : compareParts(x.revision, y.revision)
    }

    /// `EPOCH:UPSTREAM-REVISION`, of which first and last may be missing.
    private static func parts(
        _ version: [UInt8]
    ) -> (epoch: Int, upstream: ArraySlice<UInt8>, revision: ArraySlice<UInt8>) {
        var rest = version[...]
        var epoch = 0
        if let colon = rest.firstIndex(of: 0x3a) {
            for digit in rest[..<colon] where isDigit(digit) {
                epoch = epoch &* 10 &+ Int(digit - 0x30)
            }
            rest = rest[(colon + 1)...]
        }
        guard let hyphen = rest.lastIndex(of: 0x2d) else { return (epoch, rest, []) }
        return (epoch, rest[..<hyphen], rest[(hyphen + 1)...])
    }

    /// By turns what is no digit and what is: the former by a tilde before the end before letters before the rest, the
    /// latter as numbers.
    private static func compareParts(_ a: ArraySlice<UInt8>, _ b: ArraySlice<UInt8>) -> Int {
        var (i, j) = (a.startIndex, b.startIndex)
        while i < a.endIndex || j < b.endIndex {
            while (i < a.endIndex && !isDigit(a[i])) || (j < b.endIndex && !isDigit(b[j])) {
                let x = i < a.endIndex ? rank(a[i]) : 0
                let y = j < b.endIndex ? rank(b[j]) : 0
                if x != y { return x - y }
                i += 1
                j += 1
            }
            while i < a.endIndex, a[i] == 0x30 { i += 1 }
            while j < b.endIndex, b[j] == 0x30 { j += 1 }
            var difference = 0
            while i < a.endIndex, j < b.endIndex, isDigit(a[i]), isDigit(b[j]) {
                if difference == 0 { difference = Int(a[i]) - Int(b[j]) }
                i += 1
                j += 1
            }
            if i < a.endIndex, isDigit(a[i]) { return 1 }
            if j < b.endIndex, isDigit(b[j]) { return -1 }
            if difference != 0 { return difference }
        }
        return 0
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    private static func rank(_ byte: UInt8) -> Int {
        switch byte {
        case 0x30...0x39: 0
        case 0x41...0x5a, 0x61...0x7a: Int(byte)
        case 0x7e: -1
        default: Int(byte) + 256
        }
    }
}
