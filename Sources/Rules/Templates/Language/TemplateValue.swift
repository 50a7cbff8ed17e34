/// What a template computes with: the types of Go that templates can tell apart.
package indirect enum TemplateValue: Sendable {
    /// Nothing at all; printed `<no value>`.
    case missing
    /// The nil of an interface: the value of a key that a map of anything lacks.
    case null
    case bool(Bool)
    case integer(Int64, TemplateIntegerType)
    case float(Double)
    case complex(Double, Double)
    case string(String)
    /// A string of a type of its own, which functions that want a string do not take.
    case namedString(String, type: String)
    /// Nanoseconds since 1970, UTC.
    case time(Int64)
    case list(TemplateList)
    case map(TemplateMap)
    case structure(TemplateStructure)

    package static func int(_ value: Int) -> TemplateValue { .integer(Int64(value), .int) }
}

package enum TemplateIntegerType: String, Sendable {
    case int
    case int64
    case uint8
    case month = "time.Month"
    case weekday = "time.Weekday"
    /// Nanoseconds.
    case duration = "time.Duration"
}

/// A slice of Go.
package struct TemplateList: Sendable {
    /// As `%T` prints it.
    package var typeName: String
    package var elements: [TemplateValue]
    /// What its type prints it as; nil for as Go prints any slice.
    package var printed: String?

    package init(typeName: String, _ elements: [TemplateValue]) {
        self.typeName = typeName
        self.elements = elements
    }
}

/// A map from strings.
package struct TemplateMap: Sendable {
    /// As `%T` prints it.
    package var typeName: String
    /// What a key has that the map lacks.
    package var absent: TemplateValue
    /// What its type prints it as; nil for as Go prints any map.
    package var printed: String?
    /// In order of the keys.
    package private(set) var entries: [(key: String, value: TemplateValue)]

    package init(typeName: String, absent: TemplateValue, _ entries: [(key: String, value: TemplateValue)]) {
        self.typeName = typeName
        self.absent = absent
        self.entries = entries.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    }

    package subscript(key: String) -> TemplateValue? {
        for entry in entries where entry.key == key { return entry.value }
        return nil
    }
}

/// A struct, or a pointer to one.
package struct TemplateStructure: Sendable {
    /// As `%T` prints it, with `*` for a pointer.
    package var typeName: String
    package var fields: [(name: String, value: TemplateValue)]
    /// What its type prints it as; nil for as Go prints any struct.
    package var printed: String?

    package init(typeName: String, _ fields: [(name: String, value: TemplateValue)]) {
        self.typeName = typeName
        self.fields = fields
    }

    package var isPointer: Bool { typeName.utf8.first == UInt8(ascii: "*") }

    package subscript(name: String) -> TemplateValue? {
        for field in fields where field.name == name { return field.value }
        return nil
    }
}

extension TemplateValue {
    /// As `%T` prints it; nil where there is no value.
    package var typeName: String? {
        switch self {
        case .missing, .null: nil
        case .bool: "bool"
        case .integer(_, let type): type.rawValue
        case .float: "float64"
        case .complex: "complex128"
        case .string: "string"
        case .namedString(_, let type): type
        case .time: "*time.Time"
        case .list(let list): list.typeName
        case .map(let map): map.typeName
        case .structure(let structure): structure.typeName
        }
    }

    /// Whether an `if` takes it for true: it is not the zero of its type, nor empty.
    package var isTrue: Bool {
        switch self {
        case .missing, .null: false
        case .bool(let value): value
        case .integer(let value, _): value != 0
        case .float(let value): value != 0
        case .complex(let real, let imaginary): real != 0 || imaginary != 0
        case .string(let text), .namedString(let text, _): !text.isEmpty
        case .time, .structure: true
        case .list(let list): !list.elements.isEmpty
        case .map(let map): !map.entries.isEmpty
        }
    }

    /// What the type of a list, map or structure prints it as, where it has an opinion.
    var printedByType: String? {
        switch self {
        case .list(let list): list.printed
        case .map(let map): map.printed
        case .structure(let structure): structure.printed
        default: nil
        }
    }

    package var isMissing: Bool {
        switch self {
        case .missing, .null: true
        default: false
        }
    }
}
