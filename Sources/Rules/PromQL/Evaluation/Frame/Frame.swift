/// What a node found at every step of a grid.
struct Frame {
    var shape: Shape
    var steps: Int
    /// Series by series, each with a value or `.absent` for every step.
    var values: [Double]
    /// The order in which an instant query shows its series (`sort`, `topk`); nil for that of the shape.
    var order: [Int32]?
    /// Whether marks of native histograms may be among the values, each for one in the evaluation's table.
    var hasHistograms = false

    init(_ shape: Shape, steps: Int, values: [Double]) {
        self.shape = shape
        self.steps = steps
        self.values = values
    }

    /// Leaves only numbers; whether there were others.
    mutating func removeHistograms() -> Bool {
        guard hasHistograms else { return false }
        hasHistograms = false
        var found = false
        for index in values.indices where values[index].isHistogramMark {
            values[index] = .absent
            found = true
        }
        return found
    }
}

/// The times at which an expression is evaluated, in milliseconds since 1970.
struct TimeGrid {
    var start: Int64
    /// More than 0.
    var step: Int64
    var count: Int

    init(start: Int64, step: Int64, count: Int) {
        self.start = start
        self.step = step
        self.count = count
    }

    init(at time: Int64) { self.init(start: time, step: 1, count: 1) }

    /// `start`, `start + step`, … up to `end`; empty where `end` lies before `start`.
    init(from start: Int64, through end: Int64, step: Int64) {
        self.init(start: start, step: step, count: end < start ? 0 : Int((end - start) / step) + 1)
    }

    func time(_ index: Int) -> Int64 { start + Int64(index) * step }

    var end: Int64 { time(max(count - 1, 0)) }

    /// Only the first step.
    var first: TimeGrid { TimeGrid(start: start, step: step, count: min(count, 1)) }
}
