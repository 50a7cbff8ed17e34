/// Walks the messages of one part of a netlink answer (netlink(7)). The bytes are the kernel's, in the host's order, which is
/// little-endian on all that we run on; lengths that lead outside end the walk.
package struct NetlinkCursor: ~Escapable {
    private let text: RawSpan
    private let wanted: UInt32?
    private var offset = 0
    private var start = 0
    private var end = 0
    /// Of the message that the walk is at.
    package private(set) var type: UInt16 = 0
    package private(set) var flags: UInt16 = 0
    package private(set) var sequence: UInt32 = 0
    /// Whether the answer ends here.
    package private(set) var isDone = false
    /// The errno that the kernel answered with; 0 for none.
    package private(set) var code: Int32 = 0

    /// - Parameter sequence: of the question whose answer this is, other messages being passed over; nil for every message, ends
    ///   and errors like others.
    @_lifetime(copy text)
    package init(_ text: RawSpan, sequence: UInt32?) {
        self.text = text
        wanted = sequence
    }

    /// `struct nlmsghdr`: length, type, flags, sequence, port.
    package mutating func next() -> Bool {
        while !isDone, let length = text.load(littleEndian: offset, as: UInt32.self).map({ Int($0) }), length >= 16,
            length <= text.byteCount - offset, let type = text.load(littleEndian: offset + 4, as: UInt16.self),
            let flags = text.load(littleEndian: offset + 6, as: UInt16.self),
            let sequence = text.load(littleEndian: offset + 8, as: UInt32.self)
        {
            start = offset + 16
            end = offset + length
            offset = min(text.byteCount, offset + (length + 3) & ~3)
            guard wanted == nil || sequence == wanted else { continue }
            (self.type, self.flags, self.sequence) = (type, flags, sequence)
            // NLMSG_ERROR and NLMSG_DONE both carry a negative errno, or 0.
            if type == 2 || type == 3 {
                code = text.load(littleEndian: start, as: Int32.self).map { $0 < 0 && $0 > -4096 ? -$0 : 0 } ?? 0
                isDone = wanted != nil
                return !isDone
            }
            return true
        }
        return false
    }

    /// What stands behind the header.
    package var payload: RawSpan {
        @_lifetime(copy self)
        get { text.extracting(start..<end) }
    }
}

/// Walks attributes: a length and a kind of two bytes each, then the value.
package struct NetlinkAttributes: ~Escapable {
    private let text: RawSpan
    private var offset: Int
    package private(set) var kind: UInt16 = 0
    private var start = 0
    private var end = 0

    /// Attributes begin at `offset`.
    @_lifetime(copy text)
    package init(_ text: RawSpan, from offset: Int) {
        self.text = text
        self.offset = offset
    }

    package mutating func next() -> Bool {
        guard let length = text.load(littleEndian: offset, as: UInt16.self).map({ Int($0) }), length >= 4,
            length <= text.byteCount - offset, let kind = text.load(littleEndian: offset + 2, as: UInt16.self)
        else { return false }
        start = offset + 4
        end = offset + length
        offset = min(text.byteCount, offset + (length + 3) & ~3)
        // The two highest bits say how the value is written.
        self.kind = kind & 0x3fff
        return true
    }

    package var value: RawSpan {
        @_lifetime(copy self)
        get { text.extracting(range) }
    }

    /// Where the value lies.
    package var range: Range<Int> { start..<end }
}
