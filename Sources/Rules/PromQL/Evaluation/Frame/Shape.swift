import Telemetry

/// The series of a frame, without their values.
///
/// Its identity is a cache key: as long as a node hands out the same shape, whatever was worked out from the labels
/// (groups, matches, the order of results) holds.
final class Shape {
    /// Which series lose their name at the end of the query (delayed name removal).
    enum NameRemoval {
        case none
        case all
        case some([Bool])
    }

    let labels: [LabelSet]
    let nameRemoval: NameRemoval
    private var withoutNames: Shape?
    private var final: FinalLabels?

    init(_ labels: [LabelSet], nameRemoval: NameRemoval = .none) {
        self.labels = labels
        self.nameRemoval = nameRemoval
    }

    /// No series.
    static func empty() -> Shape { Shape([]) }

    /// A scalar, or one series without labels.
    static func single() -> Shape { Shape([LabelSet()]) }

    var count: Int { labels.count }

    func removesName(_ index: Int) -> Bool {
        switch nameRemoval {
        case .none: false
        case .all: true
        case .some(let flags): flags[index]
        }
    }

    /// The same series, all of which lose their name at the end.
    var removingNames: Shape {
        if case .all = nameRemoval { return self }
        if let withoutNames { return withoutNames }
        let shape = Shape(labels, nameRemoval: .all)
        withoutNames = shape
        return shape
    }

    /// What the result of the query shows.
    var finalLabels: FinalLabels {
        if let final { return final }
        let made = FinalLabels(self)
        final = made
        return made
    }
}

/// The labels of a shape after the removal of names, and how they are sorted.
struct FinalLabels {
    let labels: [LabelSet]
    /// Indices in ascending order of labels.
    let order: [Int32]
    /// Whether two series have become the same.
    let hasDuplicates: Bool

    init(_ shape: Shape) {
        var labels = shape.labels
        for index in labels.indices where shape.removesName(index) { labels[index] = labels[index].withoutMetadata }
        let order = labels.indices.map(Int32.init).sorted { labels[Int($0)].precedes(labels[Int($1)]) }
        var hasDuplicates = false
        for index in order.indices.dropFirst()
        where labels[Int(order[index])] == labels[Int(order[index - 1])] {
            hasDuplicates = true
        }
        self.labels = labels
        self.order = order
        self.hasDuplicates = hasDuplicates
    }
}
