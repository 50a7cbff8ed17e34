import Bytes
import Glibc

/// Why an encoding cannot be read.
package struct TranscoderError: Error, CustomStringConvertible, Sendable, Equatable {
    package var description: String
}

/// Turns the lines of a file in some encoding into UTF-8.
///
/// Lines are found in the file's own bytes (`lineEnd`) and converted one by one (`append`), each on its own, so that the
/// end of every line is known as an offset in the file and reading can go on from any of them. For UTF-8 nothing needs to be
/// converted: see `isIdentity`.
package struct Transcoder: ~Copyable {
    enum Encoding: Equatable {
        case utf8, utf16LittleEndian, utf16BigEndian
        /// UTF-16 whose byte order the first bytes tell.
        case utf16
        case latin1, windows1252
        case other
    }

    private(set) var encoding: Encoding
    private var converter: CharacterConverter?
    /// Ill-formed sequences replaced by U+FFFD so far.
    package private(set) var replacementCount = 0

    /// `name` is a WHATWG or IANA name in any case, or one that iconv(3) knows; empty for UTF-8.
    package init(encoding name: String) throws(TranscoderError) {
        let plain = String(decoding: name.utf8.filter { $0 != 0x2d && $0 != 0x5f && $0 != 0x20 }, as: UTF8.self)
        converter = nil
        switch plain.lowercased() {
        case "", "utf8", "unicode11utf8", "ascii", "usascii": encoding = .utf8
        case "utf16": encoding = .utf16
        case "utf16le", "ucs2", "iso10646ucs2", "unicode": encoding = .utf16LittleEndian
        case "utf16be", "unicodefffe": encoding = .utf16BigEndian
        case "latin1", "l1", "iso88591", "cp819", "ibm819": encoding = .latin1
        case "windows1252", "cp1252", "xcp1252": encoding = .windows1252
        default:
            converter = try CharacterConverter(name)
            encoding = .other
        }
    }

    /// Whether lines are UTF-8 already (but for errors, which a later stage repairs) and `append` need not be called.
    package var isIdentity: Bool { encoding == .utf8 }

    /// Bytes of a newline; line starts are multiples of it.
    package var unitSize: Int {
        switch encoding {
        case .utf16, .utf16LittleEndian, .utf16BigEndian: 2
        default: 1
        }
    }

    /// Looks at the first bytes of the file, four or as many as there are, obeys a byte-order mark whatever the encoding
    /// was said to be, and returns the mark's length: where the first line begins. Nil where more bytes are needed to tell.
    /// To be called before anything else, also when reading goes on from the middle of a file.
    package mutating func begin(_ head: RawSpan) -> Int? {
        let count = head.byteCount
        guard count >= 2 else {
            let isUndecided = count == 1 && [0xef, 0xff, 0xfe].contains(head.byte(at: 0))
            return isUndecided || encoding == .utf16 || count == 0 ? nil : 0
        }
        switch (head.byte(at: 0), head.byte(at: 1)) {
        case (0xff, 0xfe):
            encoding = .utf16LittleEndian
            return 2
        case (0xfe, 0xff):
            encoding = .utf16BigEndian
            return 2
        case (0xef, 0xbb):
            guard count >= 3 else { return nil }
            if head.byte(at: 2) == 0xbf {
                encoding = .utf8
                return 3
            }
        case (let first, let second):
            // Without a mark: a line that begins with ASCII gives the order away; little is what Windows writes.
            if encoding == .utf16 {
                encoding = first == 0 && second != 0 ? .utf16BigEndian : .utf16LittleEndian
            }
        }
        return 0
    }

    /// The offset after the first newline at or after `start`; nil where `source` has none. For encodings of two bytes
    /// `source` and `start` must begin at a multiple of `unitSize` in the file.
    @inline(__always)
    package func lineEnd(_ source: RawSpan, from start: Int) -> Int? {
        if unitSize == 2 { return wideLineEnd(source, from: start) }
        guard let newline = source.firstIndex(of: 0x0a, from: start) else { return nil }
        return newline &+ 1
    }

    private func wideLineEnd(_ source: RawSpan, from start: Int) -> Int? {
        let isBig = encoding == .utf16BigEndian
        var from = start
        while let found = source.firstIndex(of: 0x0a, from: from) {
            let unit = found &- (isBig ? 1 : 0)
            if unit >= start, (unit &- start) & 1 == 0, unit &+ 1 < source.byteCount,
                source.byte(at: isBig ? unit : unit &+ 1) == 0
            {
                return unit &+ 2
            }
            from = found &+ 1
        }
        return nil
    }

    /// The largest offset up to `limit` at which `line` can be cut without splitting a character; at least one unit.
    package func cut(_ line: RawSpan, at limit: Int) -> Int {
        guard limit < line.byteCount else { return line.byteCount }
        switch encoding {
        case .utf8:
            var offset = limit
            while offset > 0, limit &- offset < 3, line.byte(at: offset) & 0xc0 == 0x80 { offset -= 1 }
            // More than three continuation bytes are no character.
            if line.byte(at: offset) & 0xc0 == 0x80 || offset == 0 { return max(limit, 1) }
            return offset
        case .utf16, .utf16LittleEndian, .utf16BigEndian:
            let offset = max(limit & ~1, 2)
            if offset &+ 2 <= line.byteCount, offset > 2, unit(line, offset) & 0xfc00 == 0xdc00,
                unit(line, offset &- 2) & 0xfc00 == 0xd800
            {
                return offset &- 2
            }
            return min(offset, line.byteCount)
        default: return max(limit, 1)
        }
    }

    /// The end of the text of the line that ends, with its newline, at `end`.
    package func textEnd(_ source: RawSpan, lineEnd end: Int) -> Int { max(0, end - unitSize) }

    /// Appends `line`, given without its newline, as UTF-8.
    package mutating func append(_ line: RawSpan, to text: inout ByteBuffer) {
        switch encoding {
        case .utf8:
            if line.isUTF8 { text.append(line) } else { replacementCount += text.append(repairing: line) }
        case .utf16, .utf16LittleEndian, .utf16BigEndian: appendWide(line, to: &text)
        case .latin1: appendBytes(line, to: &text) { UInt32($0) }
        case .windows1252: appendBytes(line, to: &text) { Windows1252.scalar($0) }
        case .other: replacementCount += converter?.append(line, to: &text) ?? 0
        }
    }

    @inline(__always)
    private func unit(_ line: RawSpan, _ offset: Int) -> UInt32 {
        let first = UInt32(line.byte(at: offset))
        let second = UInt32(line.byte(at: offset &+ 1))
        return encoding == .utf16BigEndian ? first << 8 | second : second << 8 | first
    }

    private mutating func appendWide(_ line: RawSpan, to text: inout ByteBuffer) {
        text.reserve(line.byteCount)
        var offset = 0
        while offset &+ 2 <= line.byteCount {
            var value = unit(line, offset)
            offset &+= 2
            if value & 0xfc00 == 0xd800, offset &+ 2 <= line.byteCount, unit(line, offset) & 0xfc00 == 0xdc00 {
                value = 0x10000 &+ ((value & 0x3ff) << 10) &+ (unit(line, offset) & 0x3ff)
                offset &+= 2
            }
            append(value, to: &text)
        }
        if offset < line.byteCount { append(0xd800, to: &text) }
    }

    private mutating func appendBytes(
        _ line: RawSpan, to text: inout ByteBuffer, _ scalar: (UInt8) -> UInt32
    ) {
        text.reserve(line.byteCount)
        for offset in 0..<line.byteCount {
            let byte = line.byte(at: offset)
            if byte < 0x80 { text.append(byte) } else { append(scalar(byte), to: &text) }
        }
    }

    /// A scalar, or U+FFFD for half of a surrogate pair.
    private mutating func append(_ value: UInt32, to text: inout ByteBuffer) {
        guard let scalar = Unicode.Scalar(value) else {
            replacementCount += 1
            text.append("\u{FFFD}" as StaticString)
            return
        }
        for byte in scalar.utf8 { text.append(byte) }
    }
}

/// The upper half of windows-1252 (WHATWG Encoding Standard: the five free places stand for control characters).
private enum Windows1252 {
    private static let upper: InlineArray<32, UInt16> = [
        0x20ac, 0x81, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8d,
        0x017d, 0x8f, 0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a,
        0x0153, 0x9d, 0x017e, 0x0178,
    ]

    static func scalar(_ byte: UInt8) -> UInt32 {
        (0x80...0x9f).contains(byte) ? UInt32(upper[Int(byte) - 0x80]) : UInt32(byte)
    }
}
