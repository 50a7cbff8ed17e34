/// The node tree of a file of one YAML document.
///
/// Anchors, aliases and merge keys (`<<`) are resolved. Bounds: 4 MiB of text, 64 levels, 100,000 nodes counted after
/// aliases are expanded. Duplicate keys, keys that are no text, custom tags and further documents are refused.
package struct YAMLDocument: Sendable {
    package let root: YAMLNode
    /// Where a further document begins that was passed over.
    package let furtherDocument: SourcePosition?

    package static let largestFile = 4 << 20
    static let deepestLevel = 64
    static let mostNodes = 100_000

    /// - Parameter takesFirst: whether further documents are passed over, whatever is in them.
    package init(_ bytes: [UInt8], file: String, takesFirst: Bool = false) throws(ConfigurationError) {
        do {
            (root, furtherDocument) = try YAMLDocument.parse(bytes, takesFirst)
        } catch {
            throw ConfigurationError([
                ConfigurationProblem(file: file, position: error.position, message: error.message)
            ])
        }
    }

    private static func parse(
        _ bytes: [UInt8], _ takesFirst: Bool
    ) throws(YAMLSyntaxError) -> (YAMLNode, SourcePosition?) {
        let start = SourcePosition(line: 1, column: 1)
        guard bytes.count <= largestFile else {
            throw YAMLSyntaxError(
                position: start, message: "expected at most \(largestFile) bytes, found \(bytes.count)")
        }
        var builder = try YAMLTreeBuilder(bytes)
        let (root, further) = try builder.document(takesFirst: takesFirst)
        return (root ?? YAMLNode(content: .mapping([]), position: start), further)
    }
}

/// Builds nodes from events.
private struct YAMLTreeBuilder: ~Copyable {
    private var events: YAMLEventStream
    private var anchors: [String: YAMLNode] = [:]
    private var nodes = 0

    init(_ bytes: [UInt8]) throws(YAMLSyntaxError) { events = try YAMLEventStream(bytes) }

    /// The document, nil for a file without one, and where the next begins.
    mutating func document(takesFirst: Bool) throws(YAMLSyntaxError) -> (YAMLNode?, SourcePosition?) {
        var root: YAMLNode?
        while true {
            let event = try events.next()
            switch event.kind {
            case .streamStart, .documentEnd: continue
            case .streamEnd: return (root, nil)
            case .documentStart:
                guard root == nil else {
                    if takesFirst { return (root, event.position) }
                    throw YAMLSyntaxError(
                        position: event.position, message: "expected one document, found a second one")
                }
                root = try node(try events.next(), depth: 1)
            default:
                throw YAMLSyntaxError(position: event.position, message: "expected a document")
            }
        }
    }

    private mutating func node(_ event: YAMLEvent, depth: Int) throws(YAMLSyntaxError) -> YAMLNode {
        try checkDepth(depth, at: event.position)
        let forcesText = try checkTag(event)
        var node: YAMLNode
        switch event.kind {
        case .scalar(let text, let isPlain):
            node = YAMLNode(content: .scalar(text, isPlain: isPlain && !forcesText), position: event.position)
            try count(1, at: event.position)
        case .alias(let name):
            guard let known = anchors[name] else {
                throw YAMLSyntaxError(
                    position: event.position,
                    message: "expected an alias of an anchor that is complete before it, found *\(name)")
            }
            try checkDepth(depth + known.height - 1, at: event.position)
            try count(known.size, at: event.position)
            return known
        case .sequenceStart: node = try sequence(from: event.position, depth: depth)
        case .mappingStart: node = try mapping(from: event.position, depth: depth)
        default: throw YAMLSyntaxError(position: event.position, message: "expected a value")
        }
        if let anchor = event.anchor { anchors[anchor] = node }
        return node
    }

    private mutating func sequence(from position: SourcePosition, depth: Int) throws(YAMLSyntaxError) -> YAMLNode {
        try count(1, at: position)
        var items: [YAMLNode] = []
        var size = 1
        var height = 1
        while true {
            let event = try events.next()
            if case .sequenceEnd = event.kind {
                return YAMLNode(content: .sequence(items), position: position, size: size, height: height)
            }
            let item = try node(event, depth: depth + 1)
            size += item.size
            height = max(height, item.height + 1)
            items.append(item)
        }
    }

    private mutating func mapping(from position: SourcePosition, depth: Int) throws(YAMLSyntaxError) -> YAMLNode {
        try count(1, at: position)
        var entries: [YAMLNode.Entry] = []
        var places: [String: SourcePosition] = [:]
        var merged: [YAMLNode.Entry] = []
        var size = 1
        var height = 1
        while true {
            let event = try events.next()
            if case .mappingEnd = event.kind { break }
            let keyNode = try node(event, depth: depth + 1)
            guard case .scalar(let key, let isPlain) = keyNode.content else {
                throw YAMLSyntaxError(position: event.position, message: "expected a key, found \(keyNode.summary)")
            }
            let value = try node(try events.next(), depth: depth + 1)
            size += keyNode.size + value.size
            height = max(height, value.height + 1)
            if let earlier = places.updateValue(event.position, forKey: key) {
                throw YAMLSyntaxError(
                    position: event.position,
                    message: "expected each key once, found \"\(key)\" again (first in line \(earlier.line))")
            }
            if isPlain, key == "<<" {
                merged += try mergedEntries(value)
            } else {
                entries.append(YAMLNode.Entry(key: key, keyPosition: event.position, value: value))
            }
        }
        // What is written in the mapping itself wins, then what is merged first.
        for entry in merged where places.updateValue(entry.keyPosition, forKey: entry.key) == nil {
            entries.append(entry)
        }
        return YAMLNode(content: .mapping(entries), position: position, size: size, height: height)
    }

    private func mergedEntries(_ value: YAMLNode) throws(YAMLSyntaxError) -> [YAMLNode.Entry] {
        switch value.content {
        case .mapping(let entries): return entries
        case .sequence(let items):
            var entries: [YAMLNode.Entry] = []
            for item in items {
                guard case .mapping(let more) = item.content else {
                    throw YAMLSyntaxError(
                        position: item.position, message: "<<: expected a mapping to merge, found \(item.summary)")
                }
                entries += more
            }
            return entries
        case .scalar:
            throw YAMLSyntaxError(
                position: value.position, message: "<<: expected a mapping to merge, found \(value.summary)")
        }
    }

    private func checkDepth(_ depth: Int, at position: SourcePosition) throws(YAMLSyntaxError) {
        guard depth <= YAMLDocument.deepestLevel else {
            throw YAMLSyntaxError(
                position: position, message: "nested deeper than \(YAMLDocument.deepestLevel) levels")
        }
    }

    private mutating func count(_ more: Int, at position: SourcePosition) throws(YAMLSyntaxError) {
        nodes += more
        guard nodes <= YAMLDocument.mostNodes else {
            throw YAMLSyntaxError(
                position: position,
                message: "expected at most \(YAMLDocument.mostNodes) values in all, aliases expanded")
        }
    }

    /// Whether the tag makes a plain scalar text; refuses tags that are not YAML's own.
    private func checkTag(_ event: YAMLEvent) throws(YAMLSyntaxError) -> Bool {
        guard let tag = event.tag else { return false }
        let core = "tag:yaml.org,2002:"
        if tag == "!" || tag == core + "str" { return true }
        let known = ["int", "float", "bool", "null", "map", "seq"]
        guard known.contains(where: { tag == core + $0 }) else {
            throw YAMLSyntaxError(position: event.position, message: "expected no tag, found \(tag)")
        }
        return false
    }
}
