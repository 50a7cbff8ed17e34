/// A value of a YAML document and where it stands.
package struct YAMLNode: Sendable {
    package enum Content: Sendable {
        /// Text; plain if it was written without quotes, so that `yes`, `12` or nothing may mean more than text.
        case scalar(String, isPlain: Bool)
        case sequence([YAMLNode])
        /// In the order of the file, merge keys resolved, each key once.
        case mapping([Entry])
    }

    package struct Entry: Sendable {
        package var key: String
        package var keyPosition: SourcePosition
        package var value: YAMLNode
    }

    package var content: Content
    package var position: SourcePosition
    /// Nodes in this tree, itself included and aliases counted as what they stand for.
    var size: Int = 1
    /// Levels of this tree, 1 for a scalar.
    var height: Int = 1

    package init(content: Content, position: SourcePosition) {
        self.content = content
        self.position = position
    }

    init(content: Content, position: SourcePosition, size: Int, height: Int) {
        self.init(content: content, position: position)
        self.size = size
        self.height = height
    }

    /// `null`, `~`, or nothing at all.
    package var isNull: Bool {
        guard case .scalar(let text, isPlain: true) = content else { return false }
        return text.isEmpty || text == "~" || text == "null" || text == "Null" || text == "NULL"
    }

    /// What the value is, for messages: `a list`, `"12"`.
    package var summary: String {
        switch content {
        case .scalar(let text, let isPlain):
            if isNull { return "nothing" }
            let short = text.count > 60 ? text.prefix(57) + "…" : text[...]
            let printable = String(short.map { $0.isNewline ? " " : $0 })
            return isPlain ? "\"\(printable)\"" : "the text \"\(printable)\""
        case .sequence: return "a list"
        case .mapping: return "a mapping"
        }
    }
}
