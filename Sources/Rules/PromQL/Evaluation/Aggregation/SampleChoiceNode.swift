import Bytes

/// `topk`, `bottomk`, `limitk` and `limit_ratio`: some samples of each group, as they are.
final class SampleChoiceNode: PlanNode {
    enum Kind { case top, bottom, limit, ratio }

    private let kind: Kind
    private let parameter: PlanNode
    private let node: PlanNode
    private let grouping: Grouping
    private let range: TextRange
    private let parameterRange: TextRange
    private var heaps: [SampleHeap] = []
    private var hashes: (shape: Shape, offsets: [Double])?

    init(
        _ kind: Kind, _ parameter: PlanNode, _ node: PlanNode, by grouping: Grouping, range: TextRange,
        parameterRange: TextRange
    ) {
        self.range = range
        self.kind = kind
        self.parameter = parameter
        self.node = node
        self.grouping = grouping
        self.parameterRange = parameterRange
        super.init(isInvariant: parameter.isInvariant && node.isInvariant)
    }

    override func run(_ grid: TimeGrid, _ evaluation: Evaluation) throws(QueryError) -> Frame {
        let parameters = try parameter.evaluate(grid, evaluation).values
        var hadHistograms = false
        var frame = try input(grid, evaluation, &hadHistograms)
        defer { evaluation.give(parameters) }
        if kind == .ratio {
            try chooseByRatio(&frame, parameters, evaluation)
            return frame
        }
        let most = parameters.filter { !$0.isNaN }.max()
        guard let most, most >= 1 else {
            if most == nil, !parameters.isEmpty { throw .execution("Parameter value is NaN") }
            frame.mapSteps { _, _ in .absent }
            return frame
        }
        try check(parameters)
        if hadHistograms { evaluation.remarkOnIgnoredHistograms(kind == .top ? "topk" : "bottomk", at: range) }
        grouping.refresh(frame.shape)
        let isInstant = grid.count == 1 && kind != .limit
        frame.order = isInstant ? [] : frame.order
        for step in 0..<grid.count { choose(&frame, step, Int(min(parameters[step], Double(frame.shape.count)))) }
        return frame
    }

    /// Native histograms have no order, but can be drawn.
    private func input(
        _ grid: TimeGrid, _ evaluation: Evaluation, _ hadHistograms: inout Bool
    ) throws(QueryError) -> Frame {
        guard kind == .top || kind == .bottom else { return try node.run(grid, evaluation) }
        return try node.evaluateFloats(grid, evaluation, &hadHistograms)
    }

    private func check(_ parameters: [Double]) throws(QueryError) {
        for parameter in parameters {
            if parameter.isNaN { throw .execution("Parameter value is NaN") }
            if parameter <= -0x1p63 {
                throw .execution("Scalar value \(Bytes.GoNumber.general(parameter)) underflows int64")
            }
            if parameter >= 0x1p63 {
                throw .execution("Scalar value \(Bytes.GoNumber.general(parameter)) overflows int64")
            }
        }
    }

    private func choose(_ frame: inout Frame, _ step: Int, _ count: Int) {
        let steps = frame.steps
        let groups = grouping.output.count
        while heaps.count < groups { heaps.append(SampleHeap()) }
        for group in 0..<groups { heaps[group].removeAll() }
        for row in 0..<frame.shape.count {
            let place = row * steps + step
            let value = frame.values[place]
            if value.isAbsent { continue }
            frame.values[place] = .absent
            guard count >= 1 else { continue }
            let group = Int(grouping.groups[row])
            switch kind {
            case .top: heaps[group].offer(value, row, limit: count, keepsLargest: true)
            case .bottom: heaps[group].offer(value, row, limit: count, keepsLargest: false)
            case .limit, .ratio:
                if heaps[group].count < count { heaps[group].append(value, row) }
            }
        }
        for group in 0..<groups {
            if frame.order != nil, kind != .limit { heaps[group].sort(descending: kind == .top) }
            for entry in heaps[group].entries {
                frame.values[entry.row * steps + step] = entry.value
                frame.order?.append(Int32(entry.row))
            }
        }
    }

    private func chooseByRatio(
        _ frame: inout Frame, _ parameters: [Double], _ evaluation: Evaluation
    ) throws(QueryError) {
        guard parameters.contains(where: { $0 != 0 }) else {
            frame.mapSteps { _, _ in .absent }
            return
        }
        if parameters.contains(where: \.isNaN) { throw .execution("Ratio value is NaN") }
        for (extreme, bound) in [(parameters.max() ?? 0, 1.0), (parameters.min() ?? 0, -1.0)]
        where bound > 0 ? extreme > bound : extreme < bound {
            evaluation.annotations.warn(
                "ratio value should be between -1 and 1, got \(Bytes.GoNumber.general(extreme)), capping to "
                    + Bytes.GoNumber.general(bound), at: parameterRange)
        }
        if hashes?.shape !== frame.shape {
            hashes = (frame.shape, frame.shape.labels.map { Double(SeriesHash.of($0)) / Double(UInt64.max) })
        }
        guard let offsets = hashes?.offsets else { return }
        var index = 0
        for row in 0..<frame.shape.count {
            for step in 0..<frame.steps {
                let ratio = min(max(parameters[step], -1), 1)
                let isChosen = ratio >= 0 ? offsets[row] < ratio : offsets[row] >= 1 + ratio
                if !isChosen || ratio == 0 { frame.values[index] = .absent }
                index += 1
            }
        }
    }
}

/// The best samples so far, the worst of them on top: Go's `container/heap`, so that among equals the same ones stay.
struct SampleHeap {
    struct Entry {
        var value: Double
        var row: Int
    }

    private(set) var entries: [Entry] = []

    var count: Int { entries.count }

    mutating func removeAll() { entries.removeAll(keepingCapacity: true) }

    mutating func append(_ value: Double, _ row: Int) { entries.append(Entry(value: value, row: row)) }

    mutating func offer(_ value: Double, _ row: Int, limit: Int, keepsLargest: Bool) {
        if entries.count < limit {
            append(value, row)
            // Prometheus pushes a group's first sample onto a heap of the other order, which makes no difference for one.
            siftUp(entries.count - 1, keepsLargest)
            return
        }
        let worst = entries[0].value
        let isBetter = keepsLargest ? worst < value : worst > value
        guard isBetter || (worst.isNaN && !value.isNaN) else { return }
        entries[0] = Entry(value: value, row: row)
        siftDown(keepsLargest)
    }

    /// The best first, NaN last.
    mutating func sort(descending: Bool) {
        entries.sort { a, b in
            if a.value.isNaN || b.value.isNaN { return !a.value.isNaN && b.value.isNaN }
            return descending ? a.value > b.value : a.value < b.value
        }
    }

    /// Whether `a` is worse than `b`.
    private func precedes(_ a: Int, _ b: Int, _ keepsLargest: Bool) -> Bool {
        let (first, second) = (entries[a].value, entries[b].value)
        if first.isNaN { return true }
        return keepsLargest ? first < second : first > second
    }

    private mutating func siftUp(_ start: Int, _ keepsLargest: Bool) {
        var index = start
        while index > 0 {
            let parent = (index - 1) / 2
            guard precedes(index, parent, keepsLargest) else { return }
            entries.swapAt(index, parent)
            index = parent
        }
    }

    private mutating func siftDown(_ keepsLargest: Bool) {
        var index = 0
        while true {
            var child = 2 * index + 1
            guard child < entries.count else { return }
            if child + 1 < entries.count, precedes(child + 1, child, keepsLargest) { child += 1 }
            guard precedes(child, index, keepsLargest) else { return }
            entries.swapAt(index, child)
            index = child
        }
    }
}
