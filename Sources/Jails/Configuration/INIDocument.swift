import Bytes

/// One file as Python's `ConfigParser` reads it, the way fail2ban sets that up: names of options are made small, `=` or `:` between name
/// and value, `#` and `;` begin a line of comment even within a value, `;` after white space one at the end of a line, what is
/// indented deeper than its option continues it.
struct INIDocument: Sendable {
    struct Option: Sendable, Equatable {
        var name: String
        /// Lines trimmed and joined by line feeds, nothing interpolated.
        var value: String
        var line: Int
    }

    struct Section: Sendable, Equatable {
        var name: String
        var line: Int
        var options: [Option] = []
    }

    private(set) var sections: [Section] = []

    /// Throws at the first line that cannot be read, and where a section or an option comes twice.
    init(_ bytes: [UInt8], file: String) throws(JailConfigurationError) {
        guard bytes.span.bytes.isUTF8 else { throw Self.notText(bytes, file) }
        var reader = Reader(file: file)
        var number = 0
        for line in bytes.split(separator: 0x0a, omittingEmptySubsequences: false) {
            number += 1
            try reader.take(Array(line), number: number)
        }
        sections = reader.finished()
    }

    private static func notText(_ bytes: [UInt8], _ file: String) -> JailConfigurationError {
        var line = 0
        for part in bytes.split(separator: 0x0a, omittingEmptySubsequences: false) {
            line += 1
            if !Array(part).span.bytes.isUTF8 { break }
        }
        return JailConfigurationError(file: file, line: line, message: "expected UTF-8")
    }
}

private struct Reader {
    let file: String
    private var sections: [INIDocument.Section] = []
    private var names: Set<String> = []
    private var optionNames: Set<String> = []
    /// Of the option that may be continued.
    private var value: [String]?
    private var indent = Int.max

    init(file: String) { self.file = file }

    mutating func take(_ line: [UInt8], number: Int) throws(JailConfigurationError) {
        let (text, isCommented) = Self.uncommented(line)
        if text.isEmpty {
            // A blank line may be part of a value; a line of comment is not.
            if !isCommented, value != nil { value?.append("") }
            return
        }
        let depth = line.firstIndex { !ASCII.isSpace($0) } ?? 0
        if value != nil, depth > indent {
            value?.append(String(text))
            return
        }
        indent = depth
        endOption()
        if text.first == 0x5b, let end = text.lastIndex(of: 0x5d), end > 1 {
            try begin(String(text[1..<end]), number)
        } else {
            try option(text, number)
        }
    }

    mutating func finished() -> [INIDocument.Section] {
        endOption()
        return sections
    }

    private mutating func begin(_ name: String, _ number: Int) throws(JailConfigurationError) {
        guard names.insert(name).inserted else { throw error(number, "section [\(name)] is there twice") }
        optionNames = []
        sections.append(INIDocument.Section(name: name, line: number))
    }

    private mutating func option(_ text: [UInt8], _ number: Int) throws(JailConfigurationError) {
        guard let section = sections.last else {
            throw error(number, "expected a [section] before anything else")
        }
        guard let end = text.firstIndex(where: { $0 == 0x3d || $0 == 0x3a }) else {
            throw error(number, "expected \"option = value\", found \"\(String(text.prefix(60)))\"")
        }
        let name = String(text[ASCII.trimmed(text, 0..<end)]).lowercasedASCII
        guard !name.isEmpty else {
            throw error(number, "expected the name of an option before \"\(Character(Unicode.Scalar(text[end])))\"")
        }
        guard optionNames.insert(name).inserted else {
            throw error(number, "option \"\(name)\" is there twice in section [\(section.name)]")
        }
        sections[sections.count - 1].options.append(INIDocument.Option(name: name, value: "", line: number))
        value = [String(text[ASCII.trimmed(text, end + 1..<text.count)])]
    }

    private mutating func endOption() {
        guard var parts = value else { return }
        value = nil
        while let last = parts.last, last.isEmpty { parts.removeLast() }
        let section = sections.count - 1
        sections[section].options[sections[section].options.count - 1].value = parts.joined(separator: "\n")
    }

    /// The trimmed line without its comment, and whether it had one.
    private static func uncommented(_ line: [UInt8]) -> ([UInt8], Bool) {
        let all = ASCII.trimmed(line, 0..<line.count)
        guard let first = line[all].first else { return ([], false) }
        if first == 0x23 || first == 0x3b { return ([], true) }
        for index in line.indices where line[index] == 0x3b && (index == 0 || ASCII.isSpace(line[index - 1])) {
            return (Array(line[ASCII.trimmed(line, 0..<index)]), true)
        }
        return (Array(line[all]), false)
    }

    private func error(_ line: Int, _ message: String) -> JailConfigurationError {
        JailConfigurationError(file: file, line: line, message: message)
    }
}
