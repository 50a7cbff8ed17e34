/// What is wrong with a match expression.
package struct JournalMatchError: Error, Equatable, CustomStringConvertible {
    package var description: String
}

/// `matches` of a journal configuration: groups of `FIELD=value` terms. Within a group terms of the same field are
/// ORed and different fields ANDed; the groups, separated by `+`, are ORed. A term with blanks in it is quoted.
package struct JournalMatches: Sendable, Equatable {
    package var groups: [[String]]

    package init(_ text: String) throws(JournalMatchError) {
        groups = []
        var group: [String] = []
        var expectsGroup = false
        for word in try Self.words(text) {
            if word == "+" {
                guard !group.isEmpty else {
                    throw JournalMatchError(description: "matches: '+' stands between terms, found it before any")
                }
                groups.append(group)
                group = []
                expectsGroup = true
            } else {
                group.append(try Self.term(word))
            }
        }
        if !group.isEmpty {
            groups.append(group)
        } else if expectsGroup {
            throw JournalMatchError(description: "matches: '+' stands between terms, found it after the last")
        }
    }

    /// Checks one `FIELD=value`.
    package static func term(_ word: String) throws(JournalMatchError) -> String {
        guard let separator = word.firstIndex(of: "=") else {
            throw JournalMatchError(description: "match '\(word)': expected FIELD=value, found no '='")
        }
        let field = word[..<separator]
        guard isFieldName(field) else {
            throw JournalMatchError(
                description: "match '\(word)': a field name is 1 to 64 of A-Z, 0-9 and _, not beginning with a digit")
        }
        return word
    }

    /// Whether journald takes such a field name.
    package static func isFieldName(_ name: some StringProtocol) -> Bool {
        guard let first = name.utf8.first, name.utf8.count <= 64, !(0x30...0x39).contains(first) else { return false }
        return name.utf8.allSatisfy { (0x41...0x5a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5f }
    }

    private static func words(_ text: String) throws(JournalMatchError) -> [String] {
        var words: [String] = []
        var word: [UInt8] = []
        var isOpen = false
        var quote: UInt8?
        for byte in text.utf8 {
            if let open = quote {
                if byte == open { quote = nil } else { word.append(byte) }
            } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                quote = byte
                isOpen = true
            } else if byte == 0x20 || (0x09...0x0d).contains(byte) {
                if isOpen { words.append(String(decoding: word, as: UTF8.self)) }
                word = []
                isOpen = false
            } else {
                word.append(byte)
                isOpen = true
            }
        }
        guard quote == nil else {
            throw JournalMatchError(description: "matches: a quote is opened and not closed in '\(text)'")
        }
        if isOpen { words.append(String(decoding: word, as: UTF8.self)) }
        return words
    }
}
