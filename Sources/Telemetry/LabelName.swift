import Bytes

/// Makes label names, `[a-zA-Z_][a-zA-Z0-9_]*`, of whatever names containers carry.
package enum LabelName {
    /// Every other character as `_`, as Prometheus's service discovery does it; for the end of a longer name.
    package static func sanitised(_ name: String) -> String {
        String(decoding: name.utf8.map { isWord($0) ? $0 : 0x5f }, as: UTF8.self)
    }

    /// Makes the bytes from `start` to the end a name of its own: every other byte becomes `_`, as a first digit does.
    package static func sanitise(_ buffer: inout ByteBuffer, from start: Int) {
        if buffer.count == start { buffer.append(0x5f) }
        for offset in start..<buffer.count {
            let byte = buffer.bytes.byte(at: offset)
            if !isWord(byte) || (offset == start && byte <= 0x39) {
                buffer.overwrite(at: offset, littleEndian: UInt8(0x5f))
            }
        }
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x5f: true
        default: false
        }
    }
}
