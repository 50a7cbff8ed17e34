/// `name[option=value, option="a, b"][option='c']`: how jails name filters, actions and backends.
package struct ParameterList: Equatable, Sendable {
    package var name: String
    /// In their order; the later of two with one name counts.
    package var parameters: [(name: String, value: String)]

    package static func == (a: ParameterList, b: ParameterList) -> Bool {
        a.name == b.name && a.parameters.elementsEqual(b.parameters) { $0 == $1 }
    }

    /// Throws where the text is not of this form.
    package init(_ text: String) throws(ParameterError) {
        let bytes = [UInt8](text)
        let all = ASCII.trimmed(bytes, 0..<bytes.count)
        let open = bytes[all].firstIndex(of: 0x5b) ?? all.upperBound
        name = String(bytes[ASCII.trimmed(bytes, all.lowerBound..<open)])
        parameters = []
        guard !name.isEmpty else {
            throw ParameterError(message: "expected a name before \"\(text.trimmed.prefix(40))\"")
        }
        guard open < all.upperBound else { return }
        guard bytes[all.upperBound - 1] == 0x5d else {
            throw ParameterError(message: "expected \"]\" at the end of \"\(text.trimmed.prefix(80))\"")
        }
        var scanner = Scanner(bytes: bytes, index: open + 1, end: all.upperBound - 1)
        while let parameter = try scanner.next() { parameters.append(parameter) }
    }

    private struct Scanner {
        let bytes: [UInt8]
        var index: Int
        let end: Int

        mutating func next() throws(ParameterError) -> (name: String, value: String)? {
            skip { ASCII.isSpace($0) || $0 == 0x2c }
            // `][` between two lists is a comma.
            if index < end, bytes[index] == 0x5d {
                index += 1
                skip(ASCII.isSpace)
                guard index < end, bytes[index] == 0x5b else { throw expected("\"[\"") }
                index += 1
                skip { ASCII.isSpace($0) || $0 == 0x2c }
            }
            guard index < end else { return nil }
            let start = index
            skip { ASCII.isWord($0) || $0 == 0x2d || $0 == 0x2e || $0 == 0x2f || $0 == 0x3f }
            // `blocktype?family=inet6=…`: the condition is part of the name.
            if bytes[start..<index].contains(0x3f), index < end, bytes[index] == 0x3d {
                index += 1
                skip(ASCII.isWord)
            }
            let name = String(bytes[start..<index])
            skip(ASCII.isSpace)
            guard !name.isEmpty, index < end, bytes[index] == 0x3d else {
                index = start
                throw expected("option=value")
            }
            index += 1
            skip { $0 == 0x20 || $0 == 0x09 }
            return (name, try value())
        }

        private mutating func value() throws(ParameterError) -> String {
            let start = index
            guard index < end, bytes[index] == 0x22 || bytes[index] == 0x27 else {
                skip { $0 != 0x2c && $0 != 0x5d }
                return String(bytes[ASCII.trimmed(bytes, start..<index)])
            }
            guard let close = bytes[(start + 1)..<end].firstIndex(of: bytes[start]) else {
                throw expected("a closing quote")
            }
            index = close + 1
            skip(ASCII.isSpace)
            guard index == end || bytes[index] == 0x2c || bytes[index] == 0x5d else { throw expected("\",\" or \"]\"") }
            return String(bytes[(start + 1)..<close])
        }

        private mutating func skip(_ isSkipped: (UInt8) -> Bool) {
            while index < end, isSkipped(bytes[index]) { index += 1 }
        }

        private func expected(_ what: String) -> ParameterError {
            ParameterError(message: "expected \(what), found \"\(String(bytes[index...].prefix(40)))\"")
        }
    }

    /// The entries of a list such as `action`: apart by line feeds and spaces that are outside of brackets.
    package static func entries(_ text: String) -> [String] {
        var entries: [String] = []
        var current: [UInt8] = []
        var depth = 0
        var quote: UInt8 = 0
        for byte in text.utf8 {
            if quote != 0 {
                if byte == quote { quote = 0 }
            } else if depth > 0, byte == 0x22 || byte == 0x27 {
                quote = byte
            } else if byte == 0x5b {
                depth += 1
            } else if byte == 0x5d {
                depth = max(0, depth - 1)
            }
            if depth == 0, quote == 0, ASCII.isSpace(byte) {
                if !current.isEmpty { entries.append(String(current)) }
                current = []
            } else {
                current.append(byte)
            }
        }
        if !current.isEmpty { entries.append(String(current)) }
        return entries
    }
}

package struct ParameterError: Error, Equatable, CustomStringConvertible {
    package var message: String
    package var description: String { message }
}
