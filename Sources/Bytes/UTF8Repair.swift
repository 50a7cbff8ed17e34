import CLinux

extension RawSpan {
    /// Whether the bytes are well-formed UTF-8 (Unicode 15, table 3-7).
    @inline(__always)
    package var isUTF8: Bool {
        withUnsafeBytes { clinux_is_utf8($0.baseAddress, $0.count) != 0 }
    }

    /// Hands on the first `longest` bytes as UTF-8: themselves, or a copy in `buffer` with U+FFFD for what is ill-formed.
    @inline(__always)
    package func withText(_ buffer: inout ByteBuffer, longest: Int, _ body: (RawSpan) -> Void) {
        let cut = slice(0, min(byteCount, longest))
        guard !cut.isUTF8 else { return body(cut) }
        buffer.removeAll()
        _ = buffer.append(repairing: cut)
        body(buffer.bytes)
    }
}

extension ByteBuffer {
    /// Appends `span` with every ill-formed sequence replaced by U+FFFD. Returns the number of replacements.
    package mutating func append(repairing span: RawSpan) -> Int {
        var replaced = 0
        span.withUnsafeBytes { source in
            var decoder = UTF8()
            var iterator = source.makeIterator()
            while true {
                switch decoder.decode(&iterator) {
                case .scalarValue(let scalar): for unit in scalar.utf8 { append(unit) }
                case .error:
                    replaced += 1
                    append("\u{FFFD}" as StaticString)
                case .emptyInput: return
                }
            }
        }
        return replaced
    }
}
