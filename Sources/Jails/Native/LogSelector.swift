import Telemetry

/// Which streams of the agent's logs a jail reads: a stream selector as Loki has it, `{job="nginx", host=~"web.*"}`.
package struct LogSelector: Sendable, Equatable, CustomStringConvertible {
    package let text: String
    /// All of which must hold.
    package let matchers: [LabelMatcher]

    package var description: String { text }

    package func matches(_ labels: LabelSet) -> Bool { matchers.allSatisfy { $0.matches(labels) } }

    package static func == (left: LogSelector, right: LogSelector) -> Bool { left.text == right.text }

    /// What is wrong with a selector.
    package struct Problem: Error, Equatable {
        package var reason: String
    }

    package init(_ text: String) throws(Problem) {
        self.text = text
        var reader = Reader(bytes: [UInt8](text))
        matchers = try reader.selector()
        // One that every stream meets is a slip.
        guard matchers.contains(where: { !$0.matches("") }) else {
            throw Problem(
                reason: "expected a matcher that a stream without the label does not meet, such as job=\"nginx\"")
        }
    }

    private struct Reader {
        let bytes: [UInt8]
        var index = 0

        init(bytes: [UInt8]) { self.bytes = bytes }

        private mutating func next() -> UInt8 {
            while index < bytes.count, ASCII.isSpace(bytes[index]) { index += 1 }
            return index < bytes.count ? bytes[index] : 0
        }

        private mutating func expect(_ byte: UInt8) throws(Problem) {
            guard next() == byte else { throw unexpected("\"\(Character(Unicode.Scalar(byte)))\"") }
            index += 1
        }

        private func unexpected(_ expected: String) -> Problem {
            let rest = index < bytes.count ? "\"\(String(bytes[index...].prefix(20)))\"" : "the end"
            return Problem(reason: "expected \(expected) at byte \(index), found \(rest)")
        }

        mutating func selector() throws(Problem) -> [LabelMatcher] {
            var matchers: [LabelMatcher] = []
            try expect(0x7b)
            while next() != 0x7d {
                matchers.append(try matcher())
                guard next() == 0x2c else { break }
                index += 1
            }
            try expect(0x7d)
            guard next() == 0, index == bytes.count else { throw unexpected("the end") }
            return matchers
        }

        private mutating func matcher() throws(Problem) -> LabelMatcher {
            _ = next()
            let start = index
            while index < bytes.count, ASCII.isWord(bytes[index]) { index += 1 }
            let name = String(bytes[start..<index])
            guard let first = name.utf8.first, !ASCII.isDigit(first) else { throw unexpected("a label's name") }
            _ = next()
            let operation: LabelMatcher.Operation
            switch (bytes.dropFirst(index).first, bytes.dropFirst(index + 1).first) {
            case (0x3d, 0x7e): operation = .matches
            case (0x21, 0x7e): operation = .notMatches
            case (0x21, 0x3d): operation = .notEqual
            case (0x3d, _): operation = .equal
            default: throw unexpected("=, !=, =~ or !~")
            }
            index += operation.rawValue.utf8.count
            let value = try quoted()
            do {
                return try LabelMatcher(name, operation, value)
            } catch {
                throw Problem(reason: "\(name): \(error)")
            }
        }

        /// In double quotes with Go's simplest escapes, or in back quotes as it is.
        private mutating func quoted() throws(Problem) -> String {
            let quote = next()
            guard quote == 0x22 || quote == 0x60 else { throw unexpected("a value in quotes") }
            index += 1
            var value: [UInt8] = []
            while index < bytes.count, bytes[index] != quote {
                var byte = bytes[index]
                index += 1
                if byte == 0x5c, quote == 0x22 {
                    guard index < bytes.count else { break }
                    switch bytes[index] {
                    case 0x22, 0x5c: byte = bytes[index]
                    case 0x6e: byte = 0x0a
                    case 0x74: byte = 0x09
                    default:
                        throw unexpected("\\\\, \\\", \\n or \\t behind a backslash (a regular expression needs two)")
                    }
                    index += 1
                }
                value.append(byte)
            }
            guard index < bytes.count else { throw unexpected("the quote that closes the value") }
            index += 1
            return String(value)
        }
    }
}
