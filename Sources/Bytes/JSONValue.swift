/// A JSON document (RFC 8259) as values, for the small files and answers of other programs; not for lines of a log.
package indirect enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([JSONValue])
    /// Members in their order.
    case object([Member])

    package struct Member: Sendable, Equatable {
        package var name: String
        package var value: JSONValue
    }

    /// Reads a whole document of at most `limit` bytes, nested at most `JSONScanner.maximumDepth` deep.
    package init(parsing json: RawSpan, limit: Int = 16 << 20) throws(JSONError) {
        try Self.expect(json, limit)
        var reader = Reader()
        self = try reader.value(json, depth: 0)
        try reader.end(json)
    }

    /// Reads a document as `init(parsing:)` does, and hands out the elements of an array one after the other instead of
    /// keeping them. False for a document that is no array. What is wrong behind an element is found after it was handed out.
    package static func forEachElement(
        of json: RawSpan, limit: Int = 16 << 20, _ take: (JSONValue) -> Void
    ) throws(JSONError) -> Bool {
        try expect(json, limit)
        var reader = Reader()
        let isArray = JSONScanner.next(json, &reader.offset) == 0x5b
        if isArray { try reader.elements(json, depth: 0, take) } else { _ = try reader.value(json, depth: 0) }
        try reader.end(json)
        return isArray
    }

    private static func expect(_ json: RawSpan, _ limit: Int) throws(JSONError) {
        guard json.byteCount <= limit else {
            throw JSONError(description: "JSON of \(json.byteCount) bytes; at most \(limit) are read")
        }
    }

    /// The member of an object; the last of several with this name, nil for other kinds of values.
    package subscript(name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.name == name }?.value
    }

    package var string: String? { if case .string(let text) = self { text } else { nil } }
    package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    package var number: Double? { if case .number(let value) = self { value } else { nil } }
    /// The elements of an array; none for other kinds of values.
    package var elements: [JSONValue] { if case .array(let elements) = self { elements } else { [] } }
    /// The members of an object; none for other kinds of values.
    package var members: [Member] { if case .object(let members) = self { members } else { [] } }
}

/// Where a JSON document is not one.
package struct JSONError: Error, CustomStringConvertible, Sendable, Equatable {
    package var description: String
    package init(description: String) { self.description = description }
}

private struct Reader: ~Copyable {
    var offset = 0
    private var text = ByteBuffer()

    mutating func value(_ json: RawSpan, depth: Int) throws(JSONError) -> JSONValue {
        guard let first = JSONScanner.next(json, &offset) else { throw expected("a value") }
        switch first {
        case 0x22: return .string(try string(json))
        case 0x7b: return try object(json, depth: depth)
        case 0x5b: return try array(json, depth: depth)
        case 0x74 where JSONScanner.take("true", json, &offset): return .bool(true)
        case 0x66 where JSONScanner.take("false", json, &offset): return .bool(false)
        case 0x6e where JSONScanner.take("null", json, &offset): return .null
        default: return try number(json)
        }
    }

    private mutating func number(_ json: RawSpan) throws(JSONError) -> JSONValue {
        let start = offset
        guard JSONScanner.number(json, &offset), let value = Double(String(lossy: json.slice(start, offset))) else {
            throw expected("a value")
        }
        return .number(value)
    }

    private mutating func string(_ json: RawSpan) throws(JSONError) -> String {
        guard JSONScanner.take(0x22, json, &offset) else { throw expected("a string") }
        text.removeAll()
        guard text.append(jsonString: json, from: &offset) else { throw expected("a whole string") }
        return String(lossy: text.bytes)
    }

    private mutating func array(_ json: RawSpan, depth: Int) throws(JSONError) -> JSONValue {
        var elements: [JSONValue] = []
        try self.elements(json, depth: depth) { elements.append($0) }
        return .array(elements)
    }

    mutating func elements(_ json: RawSpan, depth: Int, _ take: (JSONValue) -> Void) throws(JSONError) {
        try open(depth)
        if JSONScanner.take(0x5d, json, &offset) { return }
        repeat { take(try value(json, depth: depth + 1)) } while JSONScanner.take(0x2c, json, &offset)
        guard JSONScanner.take(0x5d, json, &offset) else { throw expected("',' or ']'") }
    }

    mutating func end(_ json: RawSpan) throws(JSONError) {
        guard JSONScanner.next(json, &offset) == nil else {
            throw JSONError(description: "expected the end of the JSON at byte \(offset)")
        }
    }

    private mutating func object(_ json: RawSpan, depth: Int) throws(JSONError) -> JSONValue {
        try open(depth)
        var members: [JSONValue.Member] = []
        if JSONScanner.take(0x7d, json, &offset) { return .object(members) }
        repeat {
            let name = try string(json)
            guard JSONScanner.take(0x3a, json, &offset) else { throw expected("':'") }
            members.append(JSONValue.Member(name: name, value: try value(json, depth: depth + 1)))
        } while JSONScanner.take(0x2c, json, &offset)
        guard JSONScanner.take(0x7d, json, &offset) else { throw expected("',' or '}'") }
        return .object(members)
    }

    private mutating func open(_ depth: Int) throws(JSONError) {
        guard depth < JSONScanner.maximumDepth else {
            throw JSONError(description: "JSON nests deeper than \(JSONScanner.maximumDepth) at byte \(offset)")
        }
        offset += 1
    }

    private func expected(_ what: String) -> JSONError {
        JSONError(description: "expected \(what) at byte \(offset) of the JSON")
    }
}
