import Telemetry

/// Which series of a shape are the buckets of one classic histogram; kept while the shape is the same.
final class BucketGroups {
    struct Member {
        var bound: Double
        var row: Int
    }

    private(set) var groups: [[Member]] = []
    /// The histograms, without `le`.
    private(set) var output = Shape.empty()
    /// Series whose `le` is no number, and what to say of them.
    private(set) var misfits: [(row: Int, complaint: String)] = []
    private var input: Shape?

    func refresh(_ shape: Shape) {
        guard input !== shape else { return }
        input = shape
        groups = []
        misfits = []
        var known: [LabelSet: Int] = [:]
        var sets: [LabelSet] = []
        for (row, set) in shape.labels.enumerated() {
            let text = set["le"] ?? ""
            guard let bound = Double(text) else {
                misfits.append((row, BucketGroups.complaint(of: set, text)))
                continue
            }
            let key = set.removing(["le"])
            let group = known[key] ?? sets.count
            if group == sets.count {
                known[key] = group
                sets.append(key)
                groups.append([])
            }
            groups[group].append(Member(bound: bound, row: row))
        }
        for group in groups.indices { groups[group].sort { $0.bound < $1.bound } }
        output = Shape(sets, nameRemoval: .all)
    }

    private static func complaint(of set: LabelSet, _ text: String) -> String {
        let name = set.metricName
        return "bucket label \"le\" is missing or has a malformed value of \(GoQuoted.quote(text))"
            + (name.isEmpty ? "" : " for metric name \(GoQuoted.quote(name))")
    }

    /// Remarks on the series that are no buckets but have samples.
    func remark(on frame: Frame, at range: TextRange, _ evaluation: Evaluation) {
        for misfit in misfits {
            let row = misfit.row * frame.steps
            guard (0..<frame.steps).contains(where: { !frame.values[row + $0].isAbsent }) else { continue }
            evaluation.annotations.warn(misfit.complaint, at: range)
        }
    }

    /// Puts the buckets that a histogram has at a step into `buckets`.
    func collect(_ group: Int, _ step: Int, of frame: Frame, into buckets: inout ClassicBuckets) {
        buckets.removeAll()
        for member in groups[group] {
            let value = frame.values[member.row * frame.steps + step]
            if !value.isAbsent { buckets.append(member.bound, value) }
        }
    }
}
