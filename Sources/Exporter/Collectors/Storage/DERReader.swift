import Bytes

/// Walks the elements of a DER encoding (ITU-T X.690): each a tag, a length and contents. Whatever runs over the end, has
/// an indefinite length or a tag of several bytes ends the walk.
struct DERReader: ~Escapable {
    private let text: RawSpan
    private var following = 0
    private(set) var tag: UInt8 = 0
    private var start = 0

    @_lifetime(copy text)
    init(_ text: RawSpan) { self.text = text }

    /// Goes to the next element; false at the end or where there is none.
    mutating func next() -> Bool {
        guard following + 2 <= text.byteCount else { return false }
        let tag = text.byte(at: following)
        guard tag & 0x1f != 0x1f else { return false }
        var length = Int(text.byte(at: following + 1))
        var begin = following + 2
        if length >= 0x80 {
            let count = length & 0x7f
            guard (1...4).contains(count), begin + count <= text.byteCount else { return false }
            length = 0
            for _ in 0..<count {
                length = length << 8 | Int(text.byte(at: begin))
                begin += 1
            }
        }
        guard length <= text.byteCount - begin else { return false }
        self.tag = tag
        start = begin
        following = begin + length
        return true
    }

    /// As `next`; false too where the element has another tag.
    mutating func next(_ tag: UInt8) -> Bool { next() && self.tag == tag }

    /// What the element holds.
    var contents: RawSpan {
        @_lifetime(copy self)
        get { text.extracting(start..<following) }
    }

    /// Offset behind the element.
    var end: Int { following }
}
