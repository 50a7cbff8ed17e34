/// A pattern for absolute paths, as promtail's `__path__` takes it: `*` and `?` within a component, `[…]` and `[!…]`
/// (or `[^…]`) with ranges, `{a,b}` anywhere, `**` for any number of components, `\` before a character that is meant
/// literally.
struct Glob: Equatable, Sendable {
    /// One alternative after the braces are expanded: its components.
    let alternatives: [[Component]]

    enum Component: Equatable, Sendable {
        /// `**`
        case anyDirectories
        case literal(String)
        case pattern([UInt8])
    }

    /// More alternatives than anyone means: what is beyond is left out.
    private static let alternativeLimit = 256

    init(_ pattern: String) {
        alternatives = Self.expanded(Array(pattern.utf8)).map { path in
            path.split(separator: 0x2f).map { component in
                if component.elementsEqual("**".utf8) { return .anyDirectories }
                if component.contains(where: { "*?[\\".utf8.contains($0) }) { return .pattern(Array(component)) }
                return .literal(String(decoding: component, as: UTF8.self))
            }
        }
    }

    /// Whether the whole of `path` matches one of the alternatives.
    func matches(_ path: String) -> Bool {
        let components = path.utf8.split(separator: 0x2f).map { Array($0) }
        return alternatives.contains { Self.matches(components[...], $0[...]) }
    }

    private static func matches(_ path: ArraySlice<[UInt8]>, _ pattern: ArraySlice<Component>) -> Bool {
        guard let first = pattern.first else { return path.isEmpty }
        if first == .anyDirectories {
            let rest = pattern.dropFirst().drop { $0 == .anyDirectories }
            if rest.isEmpty { return true }
            return path.indices.contains { matches(path[$0...], rest) }
        }
        guard let name = path.first, Self.matches(name, first) else { return false }
        return matches(path.dropFirst(), pattern.dropFirst())
    }

    /// Whether one name matches one component. `*` also matches a leading dot only where the pattern has one, as shells do.
    static func matches(_ name: [UInt8], _ component: Component) -> Bool {
        switch component {
        case .anyDirectories: true
        case .literal(let text): name.elementsEqual(text.utf8)
        case .pattern(let pattern):
            (name.first != 0x2e || pattern.first == 0x2e) && matches(name, pattern)
        }
    }

    /// One name against a pattern; linear but for the backtracking to the last star.
    private static func matches(_ name: [UInt8], _ pattern: [UInt8]) -> Bool {
        var position = 0
        var cursor = 0
        var star: (cursor: Int, position: Int)?
        while position < name.count {
            var next = cursor
            if cursor < pattern.count, pattern[cursor] == 0x2a {
                star = (cursor + 1, position)
                cursor += 1
                continue
            }
            if cursor < pattern.count, takes(name, position, pattern, &next) {
                // `?` and classes stand for whole characters.
                position += step(name, position, pattern[cursor])
                cursor = next
                continue
            }
            guard let back = star else { return false }
            star = (back.cursor, back.position + 1)
            cursor = back.cursor
            position = back.position + 1
        }
        while cursor < pattern.count, pattern[cursor] == 0x2a { cursor += 1 }
        return cursor == pattern.count
    }

    private static func step(_ name: [UInt8], _ position: Int, _ element: UInt8) -> Int {
        guard element == 0x3f || element == 0x5b else { return 1 }
        var length = 1
        while position + length < name.count, name[position + length] & 0xc0 == 0x80 { length += 1 }
        return length
    }

    /// Whether the pattern's element at `cursor`, which is moved past it, takes the character at `position`.
    private static func takes(_ name: [UInt8], _ position: Int, _ pattern: [UInt8], _ cursor: inout Int) -> Bool {
        let element = pattern[cursor]
        cursor += 1
        switch element {
        case 0x3f: return true
        case 0x5c where cursor < pattern.count:
            cursor += 1
            return pattern[cursor - 1] == name[position]
        case 0x5b:
            guard let close = classEnd(pattern, cursor) else { return name[position] == 0x5b }
            var index = cursor
            cursor = close + 1
            let isNegated = pattern[index] == 0x21 || pattern[index] == 0x5e
            if isNegated { index += 1 }
            var found = false
            while index < close {
                if pattern[index] == 0x5c, index + 1 < close { index += 1 }
                let low = pattern[index]
                var high = low
                if index + 2 < close, pattern[index + 1] == 0x2d {
                    high = pattern[index + 2]
                    index += 2
                }
                if low <= name[position] && name[position] <= high { found = true }
                index += 1
            }
            return found != isNegated
        default: return element == name[position]
        }
    }

    /// The `]` that ends a class; the first character may be one itself.
    private static func classEnd(_ pattern: [UInt8], _ start: Int) -> Int? {
        var index = start
        if index < pattern.count, pattern[index] == 0x21 || pattern[index] == 0x5e { index += 1 }
        index += 1
        while index < pattern.count {
            if pattern[index] == 0x5d { return index }
            index += pattern[index] == 0x5c ? 2 : 1
        }
        return nil
    }

    /// The pattern with each `{a,b}` written out.
    private static func expanded(_ pattern: [UInt8]) -> [[UInt8]] {
        var done: [[UInt8]] = []
        var open: [[UInt8]] = [pattern]
        while let next = open.popLast(), done.count < alternativeLimit {
            guard let (start, end, commas) = braces(next), open.count < alternativeLimit else {
                done.append(next)
                continue
            }
            var from = start + 1
            var parts: [[UInt8]] = []
            for comma in commas + [end] {
                parts.append(Array(next[..<start]) + Array(next[from..<comma]) + Array(next[(end + 1)...]))
                from = comma + 1
            }
            open.append(contentsOf: parts.reversed())
        }
        return done
    }

    /// The first pair of braces, and the commas directly in it.
    private static func braces(_ pattern: [UInt8]) -> (start: Int, end: Int, commas: [Int])? {
        var depth = 0
        var start = 0
        var commas: [Int] = []
        var index = 0
        while index < pattern.count {
            switch pattern[index] {
            case 0x5c: index += 1
            case 0x7b:
                if depth == 0 {
                    start = index
                    commas = []
                }
                depth += 1
            case 0x2c where depth == 1: commas.append(index)
            case 0x7d where depth > 0:
                depth -= 1
                if depth == 0 { return (start, index, commas) }
            default: break
            }
            index += 1
        }
        return nil
    }
}
