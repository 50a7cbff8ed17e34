/// Finds what is unwise in patterns: what somebody who is logged can make use of, and what can take for ever.
package enum JailLint {
    /// All there is to say about a pattern of failures, sentence by sentence.
    package static func remarks(on pattern: String) -> [String] {
        let tree = PatternTree(pattern)
        var remarks: [String] = []
        if !isAnchored(pattern) {
            remarks.append(
                "begin it with ^: found anywhere in a line, it can be met by text that somebody else chose, such as a user's name"
            )
        }
        for way in tree.alternatives.flatMap(ways) where lendsAddress(way) {
            remarks.append(
                "who chooses the text before the address can have another one banned, as the line goes on freely: end the pattern with $, with no .* behind the address, or let the text before it not hold what follows it"
            )
            break
        }
        return remarks + loops(tree)
    }

    /// Loops within loops, for which a line can be made that takes for ever.
    package static func loops(of pattern: String) -> [String] { loops(PatternTree(pattern)) }

    /// Of a filter of either kind, each with its pattern.
    package static func remarks(on filter: FilterDefinition) -> [String] {
        let hasPrefix = filter.prefixPattern.map(isAnchored) ?? false
        return filter.failurePatterns.flatMap { pattern in
            remarks(on: hasPrefix ? "^" + pattern : pattern).map { "failregex \"\(pattern)\": \($0)" }
        }
    }

    private static func isAnchored(_ pattern: String) -> Bool {
        var bytes = [UInt8](pattern)[...]
        // `(?i)` and groups before it.
        while true {
            if bytes.starts(with: "(?i)".utf8) {
                bytes = bytes.dropFirst(4)
            } else if bytes.starts(with: "(?:".utf8) {
                bytes = bytes.dropFirst(3)
            } else {
                return bytes.first == 0x5e
            }
        }
    }

    /// The ways through a sequence, groups opened: each without repeated groups, which stay as they are.
    private static func ways(_ nodes: [PatternTree.Node]) -> [[PatternTree.Node]] {
        var ways: [[PatternTree.Node]] = [[]]
        for node in nodes {
            var further = [[node]]
            if case .group(let alternatives) = node.kind, !node.isUnbounded {
                further = alternatives.flatMap { Self.ways($0) } + (node.isOptional ? [[]] : [])
            }
            ways = ways.flatMap { way in further.map { way + $0 } }
            // Of those that are very many, the first tell enough.
            ways = Array(ways.prefix(mostWays))
        }
        return ways
    }

    private static let mostWays = 64

    /// Whether text before the address may hold all that stands between it and the address, an address too, while the line may end
    /// as it likes.
    private static func lendsAddress(_ nodes: [PatternTree.Node]) -> Bool {
        guard let place = nodes.lastIndex(where: { if case .identity = $0.kind { true } else { false } }) else {
            return false
        }
        let isFixed: Bool
        if case .end? = nodes.last?.kind {
            isFixed = !nodes[(place + 1)...].contains {
                $0.isUnbounded && $0.bytes.contains(0x20) && $0.bytes.contains(0x31)
            }
        } else {
            isFixed = false
        }
        guard !isFixed else { return false }
        return nodes[..<place].indices.contains { index in
            let node = nodes[index]
            guard node.isUnbounded, node.bytes.contains(0x31), node.bytes.contains(0x2e) else { return false }
            // What must stand between and cannot be in the text ends it.
            return nodes[(index + 1)..<place].allSatisfy { next in
                next.isOptional || next.bytes == .none || node.bytes.intersects(next.bytes)
            }
        }
    }

    private static func loops(_ tree: PatternTree) -> [String] {
        tree.alternatives.joined().contains(where: isEndless)
            ? [
                "a repeated group in it holds another repetition or alternatives that match the same text: some lines would take for ever and are given up"
            ] : []
    }

    private static func isEndless(_ node: PatternTree.Node) -> Bool {
        guard case .group(let alternatives) = node.kind else { return false }
        if alternatives.joined().contains(where: isEndless) { return true }
        guard node.isUnbounded else { return false }
        for (index, sequence) in alternatives.enumerated() {
            for (place, inner) in sequence.enumerated() where inner.isUnbounded || inner.holdsUnbounded {
                // Something must stand between two rounds that the repetition itself cannot hold.
                let isSeparated = sequence.indices.contains { other in
                    other != place && !sequence[other].isOptional && sequence[other].bytes != .none
                        && !sequence[other].bytes.intersects(inner.bytes)
                }
                if !isSeparated { return true }
            }
            guard sequence.count == 1 else { continue }
            for other in alternatives[(index + 1)...]
            where other.count == 1 && other[0].bytes.intersects(sequence[0].bytes) { return true }
        }
        return false
    }
}
