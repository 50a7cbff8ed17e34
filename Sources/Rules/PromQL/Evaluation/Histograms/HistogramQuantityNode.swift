/// `histogram_count`, `histogram_sum`, `histogram_avg`, `histogram_stdvar`, `histogram_stddev`: a number of each native histogram;
/// other samples have no result.
final class HistogramQuantityNode: PlanNode {
    enum Quantity: String {
        case count = "histogram_count"
        case sum = "histogram_sum"
        case average = "histogram_avg"
        case variance = "histogram_stdvar"
        case deviation = "histogram_stddev"
    }

    private let quantity: Quantity
    private let node: PlanNode

    init(_ quantity: Quantity, _ node: PlanNode) {
        self.quantity = quantity
        self.node = node
        super.init(isInvariant: node.isInvariant, isConstant: node.isConstant)
    }

    override func run(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        var frame = try node.run(grid, evaluation)
        frame.shape = frame.shape.removingNames
        for index in frame.values.indices where !frame.values[index].isAbsent {
            frame.values[index] = evaluation.histograms[frame.values[index]].map(value) ?? .absent
        }
        frame.hasHistograms = false
        return frame
    }

    private func value(_ histogram: FloatHistogram) -> Double {
        switch quantity {
        case .count: histogram.count
        case .sum: histogram.sum
        case .average: histogram.sum / histogram.count
        case .variance: histogram.variance
        case .deviation: histogram.variance.squareRoot()
        }
    }
}
