import Bytes

/// Walks the basic values of an answer in their order: texts as they are, numbers in decimal, booleans as `true` and
/// `false`, a zero behind each. Arrays and structs leave no trace; whoever asked knows what it consists of.
struct BusValues: ~Escapable {
    private let text: RawSpan
    private var start = 0
    private var end = -1

    @_lifetime(copy text)
    init(_ text: RawSpan) { self.text = text }

    /// Goes to the next value; false behind the last.
    mutating func next() -> Bool {
        guard let zero = text.firstIndex(of: 0, from: end + 1) else { return false }
        start = end + 1
        end = zero
        return true
    }

    /// Goes over `count` values; false where there are not so many.
    mutating func skip(_ count: Int) -> Bool {
        for _ in 0..<count where !next() { return false }
        return true
    }

    var value: RawSpan {
        @_lifetime(copy self)
        get { text.slice(start, max(start, end)) }
    }
}
