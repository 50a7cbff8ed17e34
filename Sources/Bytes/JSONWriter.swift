/// Writes JSON (RFC 8259) into a buffer, value after value; commas come by themselves.
///
/// It trusts its caller to close what was opened and to give every member of an object a key.
package struct JSONWriter: ~Copyable {
    /// What has been written so far.
    package var buffer: ByteBuffer
    /// Whether the next value or key follows another one of the same array or object.
    private var needsComma = false

    package init(capacity: Int = 256) { buffer = ByteBuffer(capacity: capacity) }

    package mutating func beginObject() { open(0x7b) }
    package mutating func endObject() { close(0x7d) }
    package mutating func beginArray() { open(0x5b) }
    package mutating func endArray() { close(0x5d) }

    package mutating func key(_ name: borrowing String) {
        string(name)
        buffer.append(0x3a)
        needsComma = false
    }

    package mutating func string(_ value: borrowing String) {
        separate()
        var copy = copy value
        copy.withUTF8 { JSONWriter.quote(RawSpan(_unsafeBytes: UnsafeRawBufferPointer($0)), into: &buffer) }
    }

    /// A string that is UTF-8 already.
    package mutating func string(utf8 value: RawSpan) {
        separate()
        JSONWriter.quote(value, into: &buffer)
    }

    package mutating func integer(_ value: some BinaryInteger) {
        separate()
        buffer.append(String(value))
    }

    /// Shortest digits that read back as the same number; null where JSON has no number for it.
    package mutating func number(_ value: Double) {
        separate()
        buffer.append(value.isFinite ? value.description : "null")
    }

    /// A number, or another value, that is written as JSON already.
    package mutating func raw(_ json: borrowing String) {
        separate()
        buffer.append(json)
    }

    /// A value that `write` appends as JSON, without a String.
    package mutating func raw(_ write: (inout ByteBuffer) -> Void) {
        separate()
        write(&buffer)
    }

    package mutating func bool(_ value: Bool) {
        separate()
        buffer.append(value ? "true" : "false" as StaticString)
    }

    package mutating func null() {
        separate()
        buffer.append("null" as StaticString)
    }

    /// Ends a document of one line, as in newline-delimited JSON, and begins the next.
    package mutating func endLine() {
        buffer.append(0x0a)
        needsComma = false
    }

    /// The document so far, as an array of its own.
    package func written() -> [UInt8] { buffer.bytes.withUnsafeBytes { Array($0) } }

    private mutating func open(_ bracket: UInt8) {
        separate()
        buffer.append(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        buffer.append(bracket)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { buffer.append(0x2c) }
        needsComma = true
    }

    /// Appends `text` in quotes: `"`, `\` and control characters, DEL among them, escaped, everything else as it is.
    package static func quote(_ text: RawSpan, into buffer: inout ByteBuffer) {
        buffer.append(0x22)
        var clean = 0
        var index = 0
        while index < text.byteCount {
            let byte = text.byte(at: index)
            if byte >= 0x20, byte != 0x22, byte != 0x5c, byte != 0x7f {
                index += 1
                continue
            }
            buffer.append(text.slice(clean, index))
            escape(byte, into: &buffer)
            index += 1
            clean = index
        }
        buffer.append(text.slice(clean, index))
        buffer.append(0x22)
    }

    private static func escape(_ byte: UInt8, into buffer: inout ByteBuffer) {
        switch byte {
        case 0x22: buffer.append("\\\"" as StaticString)
        case 0x5c: buffer.append("\\\\" as StaticString)
        case 0x0a: buffer.append("\\n" as StaticString)
        case 0x0d: buffer.append("\\r" as StaticString)
        case 0x09: buffer.append("\\t" as StaticString)
        default:
            buffer.append("\\u00" as StaticString)
            buffer.append(hexDigit(byte >> 4))
            buffer.append(hexDigit(byte & 15))
        }
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }
}
