import Telemetry

/// Reads `{a="x", b="y"}`, values quoted as Go's `strconv.Quote` does: what we store and what Loki's messages hold.
struct StreamLabelsReader {
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
    static func read(_ text: String) -> LabelSet? {
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
            guard let escape = current else { return nil }
            index += 1
            switch escape {
            case UInt8(ascii: "n"): value.append(0x0a)
            case UInt8(ascii: "t"): value.append(0x09)
            case UInt8(ascii: "r"): value.append(0x0d)
            case UInt8(ascii: "a"): value.append(0x07)
            case UInt8(ascii: "b"): value.append(0x08)
            case UInt8(ascii: "f"): value.append(0x0c)
            case UInt8(ascii: "v"): value.append(0x0b)
            case UInt8(ascii: "x"):
                guard let code = hexadecimal(2) else { return nil }
                value.append(UInt8(truncatingIfNeeded: code))
            case UInt8(ascii: "u"), UInt8(ascii: "U"):
                guard let code = hexadecimal(escape == UInt8(ascii: "u") ? 4 : 8), let scalar = Unicode.Scalar(code)
                else { return nil }
                value.append(contentsOf: scalar.utf8)
            default: value.append(escape)
            }
        }
        return nil
    }

    private mutating func hexadecimal(_ digits: Int) -> UInt32? {
        var value: UInt32 = 0
        for _ in 0..<digits {
            guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
            value = value << 4 | UInt32(digit)
            index += 1
        }
        return value
    }
}
