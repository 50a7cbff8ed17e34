/// Walks a text field by field, as the files of `/proc` want it: fields stand between spaces and tabs.
///
///     var fields = FieldCursor(line)
///     while fields.next() { use(fields.field) }
package struct FieldCursor: ~Escapable {
    private let text: RawSpan
    private var start = 0
    private var end = 0
    private let limit: Int

    @_lifetime(copy text)
    package init(_ text: RawSpan) {
        self.text = text
        limit = text.byteCount
    }

    /// Goes to the next field; false at the end.
    @inline(__always)
    package mutating func next() -> Bool {
        var index = end
        while index < limit, FieldCursor.isBlank(text.byte(at: index)) { index += 1 }
        start = index
        while index < limit, !FieldCursor.isBlank(text.byte(at: index)) { index += 1 }
        end = index
        return end > start
    }

    /// Skips `count` fields; false where there are fewer.
    package mutating func skip(_ count: Int) -> Bool {
        for _ in 0..<count where !next() { return false }
        return true
    }

    /// The field that `next` went to.
    package var field: RawSpan {
        @_lifetime(copy self)
        get { text.extracting(start..<end) }
    }

    /// What stands behind the field, blanks included.
    package var rest: RawSpan {
        @_lifetime(copy self)
        get { text.extracting(end..<limit) }
    }

    /// The next field as a number; nil at the end or where it is none.
    package mutating func nextNumber() -> Double? { next() ? field.number : nil }

    /// The next field as a whole number; nil at the end or where it is none.
    package mutating func nextInteger() -> UInt64? { next() ? field.unsigned : nil }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d }
}

/// Walks a text line by line; the last line may lack its end.
///
///     var lines = LineCursor(text)
///     while lines.next() { use(lines.line) }
package struct LineCursor: ~Escapable {
    private let text: RawSpan
    private var start = 0
    private var end = 0
    private var following = 0

    @_lifetime(copy text)
    package init(_ text: RawSpan) { self.text = text }

    /// Goes to the next line; false at the end.
    @inline(__always)
    package mutating func next() -> Bool {
        guard following < text.byteCount else { return false }
        start = following
        end = text.firstIndex(of: 0x0a, from: start) ?? text.byteCount
        following = end + 1
        return true
    }

    /// The line that `next` went to, without its end.
    package var line: RawSpan {
        @_lifetime(copy self)
        get { text.extracting(start..<end) }
    }
}
