/// The order of versions and releases of rpm packages (rpm-version(7)).
enum RPMVersion {
    /// Negative, 0 or positive. Numbers and words by turns, whatever stands between them; a number is newer than a word; a
    /// tilde is older than the end, a caret newer than the end and older than all else.
    static func compare(_ a: Substring.UTF8View, _ b: Substring.UTF8View) -> Int {
        var (x, y) = (a, b)
        while true {
            x = x.drop { !isPart($0) }
            y = y.drop { !isPart($0) }
            if x.first == 0x7e || y.first == 0x7e {
                if x.first != 0x7e { return 1 }
                if y.first != 0x7e { return -1 }
            } else if x.first == 0x5e || y.first == 0x5e {
                if x.isEmpty || (y.first == 0x5e && x.first != 0x5e) { return x.isEmpty ? -1 : 1 }
                if y.isEmpty || y.first != 0x5e { return y.isEmpty ? 1 : -1 }
            } else {
                guard let first = x.first, y.first != nil else { return (x.isEmpty ? 0 : 1) - (y.isEmpty ? 0 : 1) }
                let order = isDigit(first) ? compareNumbers(&x, &y) : compareWords(&x, &y)
                if order != 0 { return order }
                continue
            }
            x = x.dropFirst()
            y = y.dropFirst()
        }
    }

    private static func compareNumbers(_ x: inout Substring.UTF8View, _ y: inout Substring.UTF8View) -> Int {
        let (p, q) = (x.prefix(while: isDigit), y.prefix(while: isDigit))
        if q.isEmpty { return 1 }
        x = x.dropFirst(p.count)
        y = y.dropFirst(q.count)
        let (m, n) = (p.drop { $0 == 0x30 }, q.drop { $0 == 0x30 })
        return m.count != n.count ? m.count - n.count : order(m, n)
    }

    private static func compareWords(_ x: inout Substring.UTF8View, _ y: inout Substring.UTF8View) -> Int {
        let (p, q) = (x.prefix(while: isLetter), y.prefix(while: isLetter))
        if q.isEmpty { return -1 }
        x = x.dropFirst(p.count)
        y = y.dropFirst(q.count)
        return order(p, q)
    }

    private static func order(_ a: Substring.UTF8View, _ b: Substring.UTF8View) -> Int {
        if a.elementsEqual(b) { return 0 }
        return a.lexicographicallyPrecedes(b) ? -1 : 1
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7a).contains(byte | 0x20) }
    private static func isPart(_ byte: UInt8) -> Bool {
        isDigit(byte) || isLetter(byte) || byte == 0x7e || byte == 0x5e
    }
}

/// A kernel as rpm packages name it, in `uname -r` and below `/usr/lib/modules`: `5.14.0-362.8.1.el9_3.x86_64+rt`.
struct KernelRelease: Equatable {
    let version: Substring
    let release: Substring
    /// What it was built for: nothing, `debug`, `rt`, `64k`.
    let variant: Substring

    init(_ text: String) {
        let parts = text.split(separator: "+", maxSplits: 1, omittingEmptySubsequences: false)
        variant = parts.count == 2 ? parts[1] : ""
        let numbers = parts[0].split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        version = numbers[0]
        release = numbers.count == 2 ? numbers[1] : ""
    }

    /// Whether this one replaces `other`: of the same variant, and newer.
    func replaces(_ other: KernelRelease) -> Bool {
        guard variant == other.variant else { return false }
        let order = RPMVersion.compare(version.utf8, other.version.utf8)
        return order > 0 || (order == 0 && RPMVersion.compare(release.utf8, other.release.utf8) > 0)
    }
}
