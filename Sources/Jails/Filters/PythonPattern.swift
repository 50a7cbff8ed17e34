/// Rewrites a pattern of Python's `re` for PCRE2, and refuses what Python refuses but PCRE2 would give a meaning.
///
/// Over all stock filters only `{,n}` and the flag `u` differ; the rest is what users write.
enum PythonPattern {
    /// A pattern, and the flags that held for all of it.
    struct Translated: Equatable {
        var pattern: String
        var isCaseless = false
    }

    static func translate(_ pattern: String) throws(PatternError) -> Translated {
        var translator = Translator(bytes: [UInt8](pattern))
        try translator.run()
        return Translated(pattern: String(translator.result), isCaseless: translator.isCaseless)
    }
}

/// A pattern that cannot be used.
package struct PatternError: Error, Equatable, CustomStringConvertible {
    package var pattern: String
    /// Byte of the pattern where it went wrong.
    package var offset: Int
    package var reason: String
    package var description: String { "pattern \"\(pattern)\", at byte \(offset): \(reason)" }
}

private struct Translator {
    let bytes: [UInt8]
    var result: [UInt8] = []
    var isCaseless = false
    private var index = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func run() throws(PatternError) {
        while index < bytes.count {
            switch bytes[index] {
            case 0x5c: try escape(inClass: false)
            case 0x5b: try characterClass()
            case 0x28: try group()
            case 0x7b: brace()
            default: copy(1)
            }
        }
    }

    private mutating func copy(_ count: Int) {
        let end = min(index + count, bytes.count)
        result += bytes[index..<end]
        index = end
    }

    private func error(_ reason: String) -> PatternError {
        PatternError(pattern: String(bytes), offset: index, reason: reason)
    }

    private func next(_ distance: Int) -> UInt8 { index + distance < bytes.count ? bytes[index + distance] : 0 }

    private mutating func escape(inClass: Bool) throws(PatternError) {
        let letter = next(1)
        guard index + 1 < bytes.count else { throw error("a backslash at the end escapes nothing") }
        guard ASCII.isLetter(letter) else { return copy(2) }
        switch letter {
        case 0x5a where !inClass:  // \Z
            result += [UInt8]("\\z")
            index += 2
        case 0x75, 0x55:  // \u0000, \U00000000
            let length = letter == 0x75 ? 4 : 8
            let digits = bytes[min(index + 2, bytes.count)..<min(index + 2 + length, bytes.count)]
            guard digits.count == length, let value = UInt32(String(digits), radix: 16), Unicode.Scalar(value) != nil
            else { throw error("expected \(length) hexadecimal digits of a character") }
            result += [UInt8]("\\x{" + String(value, radix: 16) + "}")
            index += 2 + length
        case 0x62 where inClass:  // \b is a backspace in a class, for both
            copy(2)
        default:
            let known: StaticString = inClass ? "afnrtvxdDsSwW" : "afnrtvxdDsSwWbBA"
            let isKnown = UnsafeBufferPointer(start: known.utf8Start, count: known.utf8CodeUnitCount).contains(letter)
            guard isKnown else { throw error("\\\(Character(Unicode.Scalar(letter))) is no escape of Python's") }
            if letter == 0x76 {  // \v: a vertical tab for Python, any vertical space for PCRE2
                result += [UInt8]("\\x0b")
                index += 2
            } else {
                copy(2)
            }
        }
    }

    private mutating func characterClass() throws(PatternError) {
        let start = index
        copy(1)
        if next(0) == 0x5e { copy(1) }
        // The first bracket of a class closes nothing.
        if next(0) == 0x5d { copy(1) }
        while index < bytes.count, bytes[index] != 0x5d {
            switch bytes[index] {
            case 0x5c: try escape(inClass: true)
            case 0x5b:
                // `[[:alpha:]]` is no class of POSIX for Python.
                result += [0x5c, 0x5b]
                index += 1
            default: copy(1)
            }
        }
        guard index < bytes.count else {
            index = start
            throw error("expected \"]\" at the end of the class")
        }
        copy(1)
    }

    private mutating func group() throws(PatternError) {
        if next(1) == 0x2a { throw error("nothing to repeat") }
        guard next(1) == 0x3f else { return copy(1) }
        switch next(2) {
        case 0x3a, 0x3d, 0x21, 0x3e, 0x28:
            copy(3)  // (?:  (?=  (?!  (?>  (?(
            if bytes[index - 1] == 0x28 {
                // The name within a condition is not a pattern.
                while index < bytes.count, bytes[index] != 0x29 { copy(1) }
            }
        case 0x3c where next(3) == 0x3d || next(3) == 0x21: copy(4)  // (?<=  (?<!
        case 0x50 where next(3) == 0x3c || next(3) == 0x3d:  // (?P<name>  (?P=name)
            while index < bytes.count, bytes[index] != 0x3e, bytes[index] != 0x29 { copy(1) }
        case 0x23:
            while index < bytes.count, bytes[index] != 0x29 { index += 1 }
            index = min(index + 1, bytes.count)
        default: try flags()
        }
    }

    /// `(?i)`, `(?i:…)`, `(?i-s:…)`
    private mutating func flags() throws(PatternError) {
        var end = index + 2
        while end < bytes.count, ASCII.isLetter(bytes[end]) || bytes[end] == 0x2d { end += 1 }
        guard end > index + 2, end < bytes.count, bytes[end] == 0x29 || bytes[end] == 0x3a else {
            throw error("unknown extension of a group")
        }
        let letters = bytes[(index + 2)..<end]
        guard letters.allSatisfy({ "imsxu-".utf8.contains($0) }) else {
            throw error("only the flags i, m, s, u and x are supported")
        }
        let kept = letters.filter { $0 != 0x75 }
        if bytes[end] == 0x29, index == 0, kept == [0x69] {
            isCaseless = true
        } else if !kept.isEmpty || bytes[end] == 0x3a {
            result += [0x28, 0x3f] + kept + [bytes[end]]
        }
        index = end + 1
    }

    /// `{,n}` is `{0,n}`, which PCRE2 knows only since 10.43.
    private mutating func brace() {
        var end = index + 1
        guard next(1) == 0x2c else { return copy(1) }
        end += 1
        while end < bytes.count, ASCII.isDigit(bytes[end]) { end += 1 }
        guard end < bytes.count, bytes[end] == 0x7d else { return copy(1) }
        result += [0x7b, 0x30]
        index += 1
    }
}
