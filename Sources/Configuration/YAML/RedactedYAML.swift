/// A configuration as text to show: what is said in it, with secrets hidden.
package enum RedactedYAML {
    private static let hidden = "<secret>"
    /// What the names of secrets end with. Paths of files that hold them (`password_file`) may be seen.
    private static let secretEndings = ["password", "secret", "token", "credentials", "key"]
    /// Where URLs are as good as passwords: their host is told, and a URL stays one for those who read what is told.
    private static let placesOfSecretURLs = ["global", "receivers", "heartbeat"]

    /// The document in block style; anchors, comments and the ways in which it was written are gone.
    package static func text(_ bytes: [UInt8], file: String) throws(ConfigurationError) -> String {
        let document = try YAMLDocument(bytes, file: file)
        var text = ""
        write(document.root, indent: "", isSecret: false, hidesURLs: false, into: &text)
        return text.hasPrefix("\n") ? String(text.dropFirst()) : text
    }

    /// Writes a value behind a key or a dash: scalars on the same line, others below.
    private static func write(
        _ node: YAMLNode, indent: String, isSecret: Bool, hidesURLs: Bool, into text: inout String
    ) {
        switch node.content {
        case .scalar(let value, let isPlain):
            text +=
                isSecret && !node.isNull
                ? " " + hidden : " " + scalar(hidesURLs ? host(value) : value, isPlain: isPlain)
            text += "\n"
        case .sequence(let elements):
            if elements.isEmpty { return text += " []\n" }
            text += "\n"
            for element in elements {
                text += indent + "-"
                write(element, indent: indent + "  ", isSecret: isSecret, hidesURLs: hidesURLs, into: &text)
            }
        case .mapping(let entries):
            if entries.isEmpty { return text += " {}\n" }
            text += "\n"
            for entry in entries {
                text += indent + scalar(entry.key, isPlain: true) + ":"
                // Headers may hold anything.
                let isSecret = isSecret || entry.key == "headers" || isSecretName(entry.key)
                let hidesURLs = hidesURLs || placesOfSecretURLs.contains(entry.key)
                write(entry.value, indent: indent + "  ", isSecret: isSecret, hidesURLs: hidesURLs, into: &text)
            }
        }
    }

    private static func isSecretName(_ key: String) -> Bool { secretEndings.contains { key.hasSuffix($0) } }

    private static func scalar(_ value: String, isPlain: Bool) -> String {
        let value = withoutPassword(value)
        let isSimple = value.utf8.allSatisfy {
            (0x61...0x7a).contains($0 | 0x20) || (0x30...0x39).contains($0) || "_./+-".utf8.contains($0)
        }
        if isPlain, isSimple, value.utf8.first != UInt8(ascii: "-") || value.utf8.count > 1 { return value }
        var quoted = "\""
        for character in value.unicodeScalars {
            switch character {
            case "\"", "\\": quoted += "\\" + String(character)
            case "\n": quoted += "\\n"
            case "\t": quoted += "\\t"
            case "\r": quoted += "\\r"
            case _ where character.value < 0x20 || character.value == 0x7f:
                let digits = String(character.value, radix: 16)
                quoted += "\\x" + (digits.count < 2 ? "0" : "") + digits
            default: quoted.unicodeScalars.append(character)
            }
        }
        return quoted + "\""
    }

    /// `https://user:password@host/path` as `https://host/<secret>`, which Go's parser of URLs takes.
    private static func host(_ value: String) -> String {
        guard value.hasPrefix("http"), let scheme = value.firstRange(of: "://") else { return value }
        let rest = value[scheme.upperBound...]
        let path = rest.drop { !"/?#".contains($0) }
        let authority = rest[..<path.startIndex]
        let host = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] } ?? authority
        return value[..<scheme.upperBound] + host + (path.count > 1 ? "/" + hidden : String(path))
    }

    /// `https://user:password@host/` without the password.
    private static func withoutPassword(_ value: String) -> String {
        guard let scheme = value.firstRange(of: "://") else { return value }
        let rest = value[scheme.upperBound...]
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard let at = authority.lastIndex(of: "@"), let colon = authority[..<at].firstIndex(of: ":") else {
            return value
        }
        return value[...colon] + hidden + value[at...]
    }
}
