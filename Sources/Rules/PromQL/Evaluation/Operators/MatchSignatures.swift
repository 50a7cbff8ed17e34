import Telemetry

/// Which series of two shapes share the labels that `on` or `ignoring` compares; kept while both shapes are the same.
final class MatchSignatures {
    private let matching: VectorMatching
    private var shapes: (left: Shape, right: Shape)?
    private(set) var left: [Int32] = []
    private(set) var right: [Int32] = []
    /// How many different signatures there are.
    private(set) var count = 0

    init(_ matching: VectorMatching) { self.matching = matching }

    /// Whether the shapes are others than the last time.
    func refresh(_ leftShape: Shape, _ rightShape: Shape) -> Bool {
        if let shapes, shapes.left === leftShape, shapes.right === rightShape { return false }
        shapes = (leftShape, rightShape)
        var known: [LabelSet: Int32] = [:]
        func signature(_ set: LabelSet) -> Int32 {
            let key = matching.signature(of: set)
            if let existing = known[key] { return existing }
            let new = Int32(known.count)
            known[key] = new
            return new
        }
        left = leftShape.labels.map(signature)
        right = rightShape.labels.map(signature)
        count = known.count
        return true
    }
}

extension VectorMatching {
    /// The labels that have to be the same on both sides.
    func signature(of set: LabelSet) -> LabelSet {
        isOn ? set.keeping(labels) : set.removingName(and: labels)
    }
}
