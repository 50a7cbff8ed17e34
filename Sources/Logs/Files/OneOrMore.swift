/// A collection of at least one element that needs no memory of its own for one: for what exists per followed file.
struct OneOrMore<Element>: RandomAccessCollection {
    private var head: Element
    private var rest: [Element] = []

    init(_ head: Element) { self.head = head }

    /// Nil where there are none.
    init?(_ elements: [Element]) {
        guard let head = elements.first else { return nil }
        self.head = head
        rest = Array(elements.dropFirst())
    }

    var startIndex: Int { 0 }
    var endIndex: Int { 1 + rest.count }

    subscript(index: Int) -> Element { index == 0 ? head : rest[index - 1] }
}
