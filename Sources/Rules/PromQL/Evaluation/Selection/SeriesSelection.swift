import Telemetry

/// The series that a selector's matchers find, kept as long as the store's series do not change.
final class SeriesSelection {
    let matchers: [LabelMatcher]
    private(set) var series: [SeriesID] = []
    private(set) var shape = Shape.empty()
    private var generation: UInt64?

    init(_ matchers: [LabelMatcher]) { self.matchers = matchers }

    /// Looks again if series have come or gone; the shape stays the same if it was others that did.
    func refresh(_ reader: any SampleReader) {
        let current = reader.seriesGeneration
        guard generation != current else { return }
        let found = reader.series(matching: matchers)
        let labels = found.map { reader.labels(of: $0) }
        if found != series || labels != shape.labels {
            series = found
            shape = Shape(labels)
        }
        generation = current
    }
}
