/// Steps over JSON (RFC 8259) without building anything: each function looks at `offset` and moves it past what it found.
package enum JSONScanner {
    /// Deepest nesting of arrays and objects that is followed.
    package static let maximumDepth = 64

    /// Moves `offset` to the next byte that is not white space; nil at the end.
    @inline(__always)
    package static func next(_ json: RawSpan, _ offset: inout Int) -> UInt8? {
        while offset < json.byteCount {
            let byte = json.byte(at: offset)
            if byte > 0x20 || !(byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d) { return byte }
            offset &+= 1
        }
        return nil
    }

    /// Takes `byte`, white space before it allowed.
    @inline(__always)
    package static func take(_ byte: UInt8, _ json: RawSpan, _ offset: inout Int) -> Bool {
        guard next(json, &offset) == byte else { return false }
        offset &+= 1
        return true
    }

    /// Takes a word such as `null`.
    package static func take(_ word: StaticString, _ json: RawSpan, _ offset: inout Int) -> Bool {
        let length = word.utf8CodeUnitCount
        guard json.byteCount &- offset >= length, json.slice(offset, offset &+ length).equals(word) else {
            return false
        }
        offset &+= length
        return true
    }

    /// Steps over one value of any kind. False where it is not JSON or nests deeper than `maximumDepth`.
    package static func skipValue(_ json: RawSpan, _ offset: inout Int, depth: Int = 0) -> Bool {
        switch next(json, &offset) {
        case 0x22: return skipString(json, &offset)
        case 0x7b: return depth < maximumDepth && skipMembers(json, &offset, close: 0x7d, depth: depth)
        case 0x5b: return depth < maximumDepth && skipMembers(json, &offset, close: 0x5d, depth: depth)
        case 0x74: return take("true", json, &offset)
        case 0x66: return take("false", json, &offset)
        case 0x6e: return take("null", json, &offset)
        default: return number(json, &offset)
        }
    }

    /// Steps over a string whose opening quote is at `offset`. Escapes are not looked into.
    package static func skipString(_ json: RawSpan, _ offset: inout Int) -> Bool {
        guard take(0x22, json, &offset) else { return false }
        while offset < json.byteCount {
            let byte = json.byte(at: offset)
            offset &+= byte == 0x5c ? 2 : 1
            if byte == 0x22 { return true }
        }
        return false
    }

    /// Steps over a number: `-`, digits, a fraction, an exponent.
    package static func number(_ json: RawSpan, _ offset: inout Int) -> Bool {
        var index = offset
        if index < json.byteCount, json.byte(at: index) == 0x2d { index &+= 1 }
        guard digits(json, &index) else { return false }
        if index < json.byteCount, json.byte(at: index) == 0x2e {
            index &+= 1
            guard digits(json, &index) else { return false }
        }
        if index < json.byteCount, json.byte(at: index) | 0x20 == 0x65 {
            index &+= 1
            if index < json.byteCount, json.byte(at: index) == 0x2b || json.byte(at: index) == 0x2d { index &+= 1 }
            guard digits(json, &index) else { return false }
        }
        offset = index
        return true
    }

    private static func digits(_ json: RawSpan, _ index: inout Int) -> Bool {
        let start = index
        while index < json.byteCount, json.byte(at: index) &- 0x30 <= 9 { index &+= 1 }
        return index > start
    }

    private static func skipMembers(_ json: RawSpan, _ offset: inout Int, close: UInt8, depth: Int) -> Bool {
        offset &+= 1
        if take(close, json, &offset) { return true }
        repeat {
            if close == 0x7d {
                guard next(json, &offset) == 0x22, skipString(json, &offset), take(0x3a, json, &offset) else {
                    return false
                }
            }
            guard skipValue(json, &offset, depth: depth + 1) else { return false }
        } while take(0x2c, json, &offset)
        return take(close, json, &offset)
    }
}
