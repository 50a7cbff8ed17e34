/// Header fields in order; names compare without regard to case.
package struct Headers: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    package struct Field: Sendable, Equatable {
        package var name: String
        package var value: String
    }

    package private(set) var fields: [Field] = []

    package init() {}

    package init(dictionaryLiteral elements: (String, String)...) {
        for (name, value) in elements { add(name, value) }
    }

    /// Adds a field beside others of the same name.
    package mutating func add(_ name: String, _ value: String) { fields.append(Field(name: name, value: value)) }

    /// The first field's value; setting it replaces all fields of the name, nil removes them.
    package subscript(name: String) -> String? {
        get { fields.first { Headers.equal($0.name, name) }?.value }
        set {
            fields.removeAll { Headers.equal($0.name, name) }
            if let newValue { add(name, newValue) }
        }
    }

    /// All values of a name joined by a comma, as RFC 9110 lets a list be sent in several fields.
    package func list(_ name: String) -> String? {
        let values = fields.filter { Headers.equal($0.name, name) }.map(\.value)
        return values.isEmpty ? nil : values.joined(separator: ", ")
    }

    private static func equal(_ a: String, _ b: String) -> Bool {
        a.utf8.count == b.utf8.count && zip(a.utf8, b.utf8).allSatisfy { lowercased($0) == lowercased($1) }
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 { (0x41...0x5a).contains(byte) ? byte | 0x20 : byte }
}
