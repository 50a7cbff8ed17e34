import Bytes

/// One label: a name `[a-zA-Z_][a-zA-Z0-9_]*` and its value.
package struct Label: Hashable, Sendable {
    package var name: String
    package var value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// A set of labels, sorted by name, each name once, no empty values: what identifies a stream or a series.
package struct LabelSet: Hashable, Sendable, ExpressibleByDictionaryLiteral {
    /// In order of their names, as bytes.
    package private(set) var labels: [Label] = []

    package init() {}

    package init(_ labels: some Sequence<Label>) {
        reserve(labels.underestimatedCount)
        for label in labels { self[label.name] = label.value }
    }

    /// Labels that are in order already, each name once, no empty values: in no more memory than they need.
    package init(sorted labels: [Label]) {
        assert(zip(labels, labels.dropFirst()).allSatisfy { LabelSet.precedes($0.name, $1.name) }, "not in order")
        assert(labels.allSatisfy { !$0.value.isEmpty }, "an empty value")
        self.labels = labels
    }

    package init(dictionaryLiteral elements: (String, String)...) {
        reserve(elements.count)
        for (name, value) in elements { self[name] = value }
    }

    /// Makes room for so many labels: growing to them one by one ends with up to twice the room.
    package mutating func reserve(_ count: Int) { labels.reserveCapacity(count) }

    package var isEmpty: Bool { labels.isEmpty }
    package var count: Int { labels.count }

    /// The value of a label; setting nil or an empty value removes it. O(number of labels).
    package subscript(name: String) -> String? {
        get {
            for label in labels where label.name == name { return label.value }
            return nil
        }
        set {
            if let value = newValue, !value.isEmpty {
                keep(name, value)
            } else if let index = labels.firstIndex(where: { $0.name == name }) {
                labels.remove(at: index)
            }
        }
    }

    /// Sets a label even where its value is empty: annotations, and what a test expects, may have such.
    package mutating func keep(_ name: String, _ value: String) {
        var index = 0
        while index < labels.count, LabelSet.precedes(labels[index].name, name) { index += 1 }
        if index < labels.count, labels[index].name == name {
            labels[index].value = value
        } else {
            labels.insert(Label(name, value), at: index)
        }
    }

    /// This set with `other`'s labels where it has none of the same name.
    package func filled(from other: LabelSet) -> LabelSet {
        var result = self
        for label in other.labels where result[label.name] == nil { result[label.name] = label.value }
        return result
    }

    /// This set with `other`'s labels, which win.
    package func overridden(by other: LabelSet) -> LabelSet {
        var result = self
        for label in other.labels { result[label.name] = label.value }
        return result
    }

    private static func precedes(_ a: String, _ b: String) -> Bool { a.utf8.lexicographicallyPrecedes(b.utf8) }

    /// Whether `name` is `[a-zA-Z_][a-zA-Z0-9_]*`, the set of names every version of Loki and Prometheus takes.
    package static func isValidName(_ name: some StringProtocol) -> Bool {
        guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return name.utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0) || $0 == 0x5f
        }
    }
}

extension LabelSet: CustomStringConvertible {
    /// `{a="x", b="y"}` with values quoted as Go's `strconv.Quote` does, the form in which Loki's push API takes
    /// a stream's labels.
    package var description: String {
        var text = "{"
        for (index, label) in labels.enumerated() {
            if index > 0 { text += ", " }
            text += label.name
            text += "="
            text += GoQuoted.quote(label.value)
        }
        text += "}"
        return text
    }
}

/// Go's `strconv.Quote`.
package enum GoQuoted {
    /// As a value of logfmt: as it is where nothing in it needs quotes.
    package static func logfmt(_ value: String) -> String {
        let isPlain = value.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != 0x22 && $0 != 0x3d && $0 != 0x5c }
        return isPlain && !value.isEmpty ? value : quote(value)
    }

    package static func quote(_ value: String) -> String {
        var text = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\t": text += "\\t"
            case "\r": text += "\\r"
            case "\u{07}": text += "\\a"
            case "\u{08}": text += "\\b"
            case "\u{0b}": text += "\\v"
            case "\u{0c}": text += "\\f"
            default: append(scalar, to: &text)
            }
        }
        return text + "\""
    }

    private static func append(_ scalar: Unicode.Scalar, to text: inout String) {
        if isPrintable(scalar) {
            text.unicodeScalars.append(scalar)
            return
        }
        let value = scalar.value
        let (prefix, width) = value < 0x80 ? ("\\x", 2) : value < 0x10000 ? ("\\u", 4) : ("\\U", 8)
        let digits = String(value, radix: 16)
        text += prefix + String(repeating: "0", count: width - digits.count) + digits
    }

    /// As Go's `unicode.IsPrint`: letters, marks, numbers, punctuation, symbols and the ASCII space.
    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value < 0x80 { return (0x20..<0x7f).contains(scalar.value) }
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
            .spaceSeparator:
            return false
        default: return true
        }
    }
}
