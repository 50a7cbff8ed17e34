/// How a file's name shows that it is an older generation of another file beside it: `app.log.1`, `app.log.2.gz`,
/// `app.log-20260101`, `app-20260101.log`, docker's `<id>-json.log.1.gz`, the kubelet's `0.log.20260101-120000.gz`.
struct RotatedName: Equatable, Sendable {
    enum Order: Equatable, Sendable {
        /// The higher, the older.
        case number(UInt64)
        /// The lower, the older.
        case date(String)
    }

    var order: Order
    var isCompressed: Bool

    /// Nil where `name` is not a rotated form of the file name `base`.
    init?(_ name: String, of base: String) {
        var rest = Substring(name)
        isCompressed = rest.hasSuffix(".gz")
        if isCompressed { rest = rest.dropLast(3) }
        if rest.utf8.count > base.utf8.count + 1, rest.hasPrefix(base) {
            let suffix = rest.dropFirst(base.count)
            guard let separator = suffix.first, separator == "." || separator == "-" || separator == "_",
                let order = Self.order(suffix.dropFirst(), numbered: separator == ".")
            else { return nil }
            self.order = order
            return
        }
        // The date before the extension, as logrotate's `extension` has it: app-20260101.log
        guard let dot = base.lastIndex(of: "."), dot > base.startIndex else { return nil }
        let stem = base[..<dot]
        let ending = base[dot...]
        guard rest.hasPrefix(stem), rest.hasSuffix(ending), rest.count > stem.count + ending.count + 1 else {
            return nil
        }
        let middle = rest.dropFirst(stem.count).dropLast(ending.count)
        guard let separator = middle.first, separator == "-" || separator == ".",
            let order = Self.order(middle.dropFirst(), numbered: separator == ".")
        else { return nil }
        self.order = order
    }

    /// A short number, or a date: digits with `-`, `_`, `T` and `:` between, eight digits at least.
    private static func order(_ text: Substring, numbered: Bool) -> Order? {
        guard !text.isEmpty, text.utf8.count <= 40 else { return nil }
        let digits = text.utf8.count { (0x30...0x39).contains($0) }
        guard let first = text.utf8.first, (0x30...0x39).contains(first) else { return nil }
        if numbered, digits == text.utf8.count, digits < 8 { return UInt64(text).map { .number($0) } }
        guard digits >= 8, text.utf8.allSatisfy({ (0x30...0x39).contains($0) || "-_T:.Z".utf8.contains($0) }) else {
            return nil
        }
        return .date(String(text))
    }

    /// The names of which `name` is, by itself, a rotated form: few.
    static func bases(of name: String) -> [String] {
        var rest = Substring(name)
        if rest.hasSuffix(".gz") { rest = rest.dropLast(3) }
        let text = rest.utf8
        // Most names have no digit and are done here.
        guard text.contains(where: { (0x30...0x39).contains($0) }) else { return [] }
        let dot = text.lastIndex(of: 0x2e)
        var bases: [String] = []
        var index = text.startIndex
        while index < text.endIndex {
            let next = text.index(after: index)
            if next < text.endIndex, index > text.startIndex, ".-_".utf8.contains(text[index]),
                (0x30...0x39).contains(text[next])
            {
                let isDot = text[index] == 0x2e
                if Self.order(rest[next...], numbered: isDot) != nil { bases.append(String(rest[..<index])) }
                if let dot, next < dot, text[index] != 0x5f, Self.order(rest[next..<dot], numbered: isDot) != nil {
                    bases.append(String(rest[..<index] + rest[dot...]))
                }
            }
            index = next
        }
        return bases.filter { RotatedName(name, of: $0) != nil }
    }

    /// Whether this name stands for an older generation than `other`; nil where the names do not tell.
    func isOlder(than other: RotatedName) -> Bool? {
        switch (order, other.order) {
        case (.number(let a), .number(let b)): a == b ? nil : a > b
        case (.date(let a), .date(let b)): a == b ? nil : a.utf8.lexicographicallyPrecedes(b.utf8)
        default: nil
        }
    }
}
