import Bytes
import Telemetry

/// What is wrong with a query, and where: column 1 is its first character.
package struct LogQueryError: Error, Equatable, CustomStringConvertible {
    package var column: Int
    package var message: String

    package init(column: Int, message: String) {
        self.column = column
        self.message = message
    }

    package var description: String { "query, column \(column): \(message)" }
}

/// Parses `{unit="ssh.service"} |= "Failed" != "invalid" |~ "from .*"`.
package struct LogQueryParser {
    private let text: [UInt8]
    private var offset = 0

    package static func parse(_ query: String) throws(LogQueryError) -> LogQuery {
        var parser = LogQueryParser(text: [UInt8](query.utf8))
        return try parser.query()
    }

    private init(text: [UInt8]) { self.text = text }

    private mutating func query() throws(LogQueryError) -> LogQuery {
        skipSpace()
        let matchers = try selector()
        var filters: [LineFilter] = []
        while true {
            skipSpace()
            guard offset < text.count else { break }
            filters.append(try filter())
        }
        return LogQuery(matchers: matchers, filters: filters)
    }

    private mutating func selector() throws(LogQueryError) -> [LabelMatcher] {
        guard take("{") else { throw unexpected("a stream selector such as {job=\"nginx\"}") }
        var matchers: [LabelMatcher] = []
        skipSpace()
        while !take("}") {
            if !matchers.isEmpty {
                guard take(",") else { throw unexpected("`,` or `}`") }
                skipSpace()
                if take("}") { break }
            }
            matchers.append(try matcher())
            skipSpace()
        }
        return matchers
    }

    private mutating func matcher() throws(LogQueryError) -> LabelMatcher {
        let start = offset
        while offset < text.count, isNameByte(text[offset], first: offset == start) { offset += 1 }
        guard offset > start else { throw unexpected("a label name") }
        let name = String(decoding: text[start..<offset], as: UTF8.self)
        skipSpace()
        let operation: LabelMatcher.Operation
        if take("=~") {
            operation = .matches
        } else if take("!~") {
            operation = .notMatches
        } else if take("!=") {
            operation = .notEqual
        } else if take("=") {
            operation = .equal
        } else {
            throw unexpected("`=`, `!=`, `=~` or `!~` after the label name `\(name)`")
        }
        skipSpace()
        let column = offset + 1
        let value = try string()
        do {
            return try LabelMatcher(name, operation, value)
        } catch {
            throw LogQueryError(column: column, message: "\(error)")
        }
    }

    private mutating func filter() throws(LogQueryError) -> LineFilter {
        var operation: LineFilter.Operation?
        for candidate in LineFilter.Operation.allCases where take(candidate.rawValue) {
            operation = candidate
            break
        }
        guard let operation else { throw unexpected("a line filter: `|=`, `!=`, `|~` or `!~`") }
        skipSpace()
        let column = offset + 1
        var patterns = [try string()]
        while true {
            let before = offset
            skipSpace()
            guard take("or"), offset < text.count, !isNameByte(text[offset], first: false) else {
                offset = before
                break
            }
            skipSpace()
            patterns.append(try string())
        }
        do {
            return try LineFilter(operation, patterns)
        } catch {
            throw LogQueryError(column: column, message: "\(error)")
        }
    }

    /// A Go string: "…" with escapes, or `…` as it is.
    private mutating func string() throws(LogQueryError) -> String {
        let start = offset
        if take("`") {
            guard let end = text[offset...].firstIndex(of: 0x60) else {
                throw LogQueryError(column: start + 1, message: "this ` has no closing one")
            }
            defer { offset = end + 1 }
            return String(decoding: text[offset..<end], as: UTF8.self)
        }
        guard take("\"") else { throw unexpected("a quoted string") }
        var bytes: [UInt8] = []
        while offset < text.count, text[offset] != 0x22 {
            if text[offset] == 0x5c {
                try escape(into: &bytes)
            } else {
                bytes.append(text[offset])
                offset += 1
            }
        }
        guard take("\"") else { throw LogQueryError(column: start + 1, message: "this \" has no closing one") }
        return String(decoding: bytes, as: UTF8.self)
    }

    private mutating func escape(into bytes: inout [UInt8]) throws(LogQueryError) {
        let column = offset + 1
        offset += 1
        do throws(GoEscapeError) {
            try GoEscape.decode(text[...], at: &offset, into: &bytes)
        } catch {
            throw LogQueryError(column: column, message: error.message)
        }
    }

    private func isNameByte(_ byte: UInt8, first: Bool) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"): !first
        default: false
        }
    }

    private mutating func take(_ token: String) -> Bool {
        let bytes = Array(token.utf8)
        guard text.count - offset >= bytes.count, text[offset..<(offset + bytes.count)].elementsEqual(bytes) else {
            return false
        }
        offset += bytes.count
        return true
    }

    private mutating func skipSpace() {
        while offset < text.count, [0x20, 0x09, 0x0a, 0x0d].contains(text[offset]) { offset += 1 }
    }

    private func unexpected(_ expected: String) -> LogQueryError {
        let found =
            offset < text.count
            ? "`\(String(decoding: text[offset..<min(offset + 12, text.count)], as: UTF8.self))`" : "the end"
        return LogQueryError(column: offset + 1, message: "expected \(expected), found \(found)")
    }
}
