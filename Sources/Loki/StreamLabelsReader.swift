import Telemetry

/// Reads `{a="x", b="y"}`, values quoted as Go's `strconv.Quote` does: what we store and what Loki's messages hold.
package struct StreamLabelsReader {
    private static let syntax = Array("=,{}\"'\\".utf8)
    private let text: ArraySlice<UInt8>
    private var index: Int

    private init(_ text: ArraySlice<UInt8>) {
        self.text = text
        index = text.startIndex
    }

    /// The label set that `text` begins with and the index after it, or nil.
    static func read(_ text: ArraySlice<UInt8>) -> (labels: LabelSet, end: Int)? {
        var reader = StreamLabelsReader(text)
        guard let labels = reader.labelSet() else { return nil }
        return (labels, reader.index)
    }

    /// The whole of `text` as a label set, or nil.
    package static func read(_ text: String) -> LabelSet? {
        let bytes = Array(text.utf8)
        guard let (labels, end) = read(bytes[...]), end == bytes.count else { return nil }
        return labels
    }

    private var current: UInt8? { index < text.endIndex ? text[index] : nil }

    private mutating func skip(_ byte: UInt8) -> Bool {
        guard current == byte else { return false }
        index += 1
        return true
    }

    private mutating func labelSet() -> LabelSet? {
        guard skip(UInt8(ascii: "{")) else { return nil }
        var labels: LabelSet = [:]
        if skip(UInt8(ascii: "}")) { return labels }
        while true {
            while skip(UInt8(ascii: " ")) {}
            let start = index
            while let byte = current, byte > 0x20, !Self.syntax.contains(byte) { index += 1 }
            let name = String(decoding: text[start..<index], as: UTF8.self)
            guard !name.isEmpty, skip(UInt8(ascii: "=")), let value = quoted() else { return nil }
            labels[name] = value
            if skip(UInt8(ascii: "}")) { return labels }
            guard skip(UInt8(ascii: ",")) else { return nil }
        }
    }

    private mutating func quoted() -> String? {
        guard skip(UInt8(ascii: "\"")) else { return nil }
        var value: [UInt8] = []
        while let byte = current {
            index += 1
            if byte == UInt8(ascii: "\"") { return String(decoding: value, as: UTF8.self) }
            guard byte == UInt8(ascii: "\\") else {
                value.append(byte)
                continue
            }
            guard (try? GoEscape.decode(text, at: &index, into: &value)) != nil else { return nil }
        }
        return nil
    }
}
