import Bytes

/// Scanning of configuration text, byte by byte: a `Character` would take CR LF for one.
extension Array where Element == UInt8 {
    init(_ text: String) { self = Array(text.utf8) }
}

extension String {
    init(_ bytes: some Collection<UInt8>) { self = String(decoding: bytes, as: UTF8.self) }

    /// Without white space (ASCII) at both ends.
    var trimmed: String {
        let bytes = [UInt8](self)
        return String(bytes[ASCII.trimmed(bytes, bytes.startIndex..<bytes.endIndex)])
    }

    /// ASCII letters made small, as option names are.
    var lowercasedASCII: String { String(utf8.map(ASCII.lowercased)) }

    /// The pieces between line feeds.
    var lines: [String] { utf8.split(separator: 0x0a, omittingEmptySubsequences: false).map { String($0) } }

    /// Every occurrence of `text` replaced; `text` is not empty.
    func replacing(each text: String, by other: String) -> String {
        let bytes = [UInt8](self)
        let wanted = [UInt8](text)
        let replacement = [UInt8](other)
        var result: [UInt8] = []
        var index = 0
        while let found = bytes.span.bytes.firstRange(of: wanted.span.bytes, from: index) {
            result += bytes[index..<found]
            result += replacement
            index = found + wanted.count
        }
        result += bytes[index...]
        return String(result)
    }
}

enum ASCII {
    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }
    static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7a).contains(byte | 0x20) }
    /// As `\w`, ASCII only.
    static func isWord(_ byte: UInt8) -> Bool { isDigit(byte) || isLetter(byte) || byte == 0x5f }
    static func lowercased(_ byte: UInt8) -> UInt8 { (0x41...0x5a).contains(byte) ? byte | 0x20 : byte }

    static func trimmed(_ bytes: [UInt8], _ range: Range<Int>) -> Range<Int> {
        var (lower, upper) = (range.lowerBound, range.upperBound)
        while lower < upper, isSpace(bytes[lower]) { lower += 1 }
        while upper > lower, isSpace(bytes[upper - 1]) { upper -= 1 }
        return lower..<upper
    }
}
