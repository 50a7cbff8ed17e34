import Bytes

/// Reads back the labels that a `SampleBatch` keeps as text.
package enum SeriesText {
    /// The labels of `text`, which is `name="value",…` with escapes, names in quotes or not, as `SampleBatch` writes
    /// and the text format has it. Nil where it is anything else.
    package static func labels(_ text: RawSpan) -> LabelSet? { pairs(text).map { LabelSet($0) } }

    /// As `labels`, in the order of the text and with those whose value is empty.
    package static func pairs(_ text: RawSpan) -> [Label]? {
        var result: [Label] = []
        var offset = 0
        while offset < text.byteCount {
            var name = ""
            if text.byte(at: offset) == 0x22 {
                guard let quoted = string(text, &offset) else { return nil }
                name = quoted
            } else {
                guard let equals = text.firstIndex(of: 0x3d, from: offset) else { return nil }
                name = String(lossy: text.extracting(offset..<equals))
                offset = equals
            }
            guard offset < text.byteCount, text.byte(at: offset) == 0x3d else { return nil }
            offset += 1
            guard let value = string(text, &offset) else { return nil }
            result.append(Label(name, value))
            if offset < text.byteCount {
                guard text.byte(at: offset) == 0x2c else { return nil }
                offset += 1
            }
        }
        return result
    }

    /// The string in quotes at `offset`, which then stands behind it.
    private static func string(_ text: RawSpan, _ offset: inout Int) -> String? {
        guard offset < text.byteCount, text.byte(at: offset) == 0x22 else { return nil }
        offset += 1
        var bytes: [UInt8] = []
        while offset < text.byteCount {
            let byte = text.byte(at: offset)
            offset += 1
            if byte == 0x22 { return String(decoding: bytes, as: UTF8.self) }
            guard byte == 0x5c else {
                bytes.append(byte)
                continue
            }
            guard offset < text.byteCount else { return nil }
            let escaped = text.byte(at: offset)
            offset += 1
            bytes.append(escaped == 0x6e ? 0x0a : escaped)
        }
        return nil
    }
}
