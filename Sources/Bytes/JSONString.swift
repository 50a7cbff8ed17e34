/// JSON strings (RFC 8259 §7), read as leniently as logs need: a raw control character stands for itself, bytes that are not
/// UTF-8 are passed on as they are, and a surrogate without its other half is U+FFFD.
extension ByteBuffer {
    /// Appends the decoded string whose first byte, after the opening quote, is at `offset` of `json`, and moves
    /// `offset` past the closing quote. False, with the buffer as it was, where the string does not end or has an
    /// escape that JSON does not know.
    @inline(__always)
    package mutating func append(jsonString json: RawSpan, from offset: inout Int) -> Bool {
        let length = json.byteCount
        guard offset >= 0, offset <= length else { return false }
        let before = count
        var index = offset
        var isWhole = false
        // The decoded form is never longer than the encoded one; copying by words may write 7 bytes beyond.
        _ = appendUninitialized(atLeast: length &- offset &+ 16) { room in
            json.withUnsafeBytes { bytes in
                guard let source = bytes.baseAddress, let target = room.baseAddress else { return 0 }
                var filled = 0
                while true {
                    // Plain bytes, a word at a time, up to a quote or a backslash.
                    while index &+ 8 <= length {
                        let word = UInt64(littleEndian: source.loadUnaligned(fromByteOffset: index, as: UInt64.self))
                        target.storeBytes(of: word.littleEndian, toByteOffset: filled, as: UInt64.self)
                        let found = JSONString.specials(word)
                        if found != 0 {
                            let plain = found.trailingZeroBitCount &>> 3
                            index &+= plain
                            filled &+= plain
                            break
                        }
                        index &+= 8
                        filled &+= 8
                    }
                    while index < length {
                        let byte = source.load(fromByteOffset: index, as: UInt8.self)
                        if byte == 0x22 || byte == 0x5c { break }
                        target.storeBytes(of: byte, toByteOffset: filled, as: UInt8.self)
                        index &+= 1
                        filled &+= 1
                    }
                    guard index < length else { return 0 }
                    if source.load(fromByteOffset: index, as: UInt8.self) == 0x22 {
                        index &+= 1
                        isWhole = true
                        return filled
                    }
                    guard index &+ 1 < length else { return 0 }
                    let kind = source.load(fromByteOffset: index &+ 1, as: UInt8.self)
                    let simple = JSONString.simpleEscape(kind)
                    if simple != 0 {
                        target.storeBytes(of: simple, toByteOffset: filled, as: UInt8.self)
                        index &+= 2
                        filled &+= 1
                        continue
                    }
                    guard kind == 0x75 else { return 0 }
                    guard let scalar = JSONString.scalar(bytes, &index) else { return 0 }
                    for unit in scalar.utf8 {
                        target.storeBytes(of: unit, toByteOffset: filled, as: UInt8.self)
                        filled &+= 1
                    }
                }
            }
        }
        guard isWhole else {
            truncate(to: before)
            return false
        }
        offset = index
        return true
    }

    /// Appends `span` as the inside of a JSON string: quotes, backslashes and control characters escaped, what is not
    /// UTF-8 as it is.
    package mutating func append(jsonEscaping span: RawSpan) {
        reserve(span.byteCount)
        for offset in 0..<span.byteCount {
            let byte = span.byte(at: offset)
            switch byte {
            case 0x22, 0x5c:
                append(0x5c)
                append(byte)
            case 0x0a: append("\\n" as StaticString)
            case 0x0d: append("\\r" as StaticString)
            case 0x09: append("\\t" as StaticString)
            case 0..<0x20:
                append("\\u00" as StaticString)
                append(JSONString.hexDigit(byte >> 4))
                append(JSONString.hexDigit(byte & 0xf))
            default: append(byte)
            }
        }
    }
}

private enum JSONString {
    /// The top bit of every byte that is a quote or a backslash; above the lowest one set there may be false ones.
    @inline(__always)
    static func specials(_ word: UInt64) -> UInt64 {
        let quote = word ^ 0x2222_2222_2222_2222
        let backslash = word ^ 0x5c5c_5c5c_5c5c_5c5c
        let zeroes =
            ((quote &- 0x0101_0101_0101_0101) & ~quote) | ((backslash &- 0x0101_0101_0101_0101) & ~backslash)
        return zeroes & 0x8080_8080_8080_8080
    }

    /// What the letter after a backslash stands for; 0 for `u` and unknown ones.
    @inline(__always)
    static func simpleEscape(_ letter: UInt8) -> UInt8 {
        switch letter {
        case 0x22, 0x5c, 0x2f: letter
        case 0x6e: 0x0a
        case 0x74: 0x09
        case 0x72: 0x0d
        case 0x62: 0x08
        case 0x66: 0x0c
        default: 0
        }
    }

    /// The scalar of the `\uXXXX`, or pair of them, at `index`, which moves past.
    @inline(never)
    static func scalar(_ bytes: UnsafeRawBufferPointer, _ index: inout Int) -> Unicode.Scalar? {
        guard let first = codeUnit(bytes, index) else { return nil }
        index &+= 6
        if let scalar = Unicode.Scalar(first) { return scalar }
        if first < 0xdc00, let second = codeUnit(bytes, index), second >= 0xdc00, second <= 0xdfff,
            let scalar = Unicode.Scalar(0x10000 &+ ((first &- 0xd800) &<< 10) &+ (second &- 0xdc00))
        {
            index &+= 6
            return scalar
        }
        return "\u{FFFD}"
    }

    private static func codeUnit(_ bytes: UnsafeRawBufferPointer, _ index: Int) -> UInt32? {
        guard index &+ 6 <= bytes.count, bytes[index] == 0x5c, bytes[index &+ 1] == 0x75 else { return nil }
        var value: UInt32 = 0
        for offset in index &+ 2..<index &+ 6 {
            let byte = bytes[offset]
            let digit: UInt8
            switch byte {
            case 0x30...0x39: digit = byte &- 0x30
            case 0x41...0x46: digit = byte &- 0x37
            case 0x61...0x66: digit = byte &- 0x57
            default: return nil
            }
            value = value &<< 4 | UInt32(digit)
        }
        return value
    }

    static func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 &+ value : 0x57 &+ value }
}
