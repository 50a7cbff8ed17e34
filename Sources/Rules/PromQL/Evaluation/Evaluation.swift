import Telemetry

/// One run of a query: its data, its limits, and what it remarked.
final class Evaluation {
    let reader: any SampleReader
    let options: QueryOptions
    /// Of the whole query, for `start()`, `end()`, `step()`, `range()` and `@ start()`; `step` is 0 in instant queries.
    let start: Int64
    let end: Int64
    let step: Int64
    var annotations = AnnotationSet()
    private(set) var histograms = HistogramTable()
    private let pool: BufferPool
    private let cancellation: QueryCancellation?
    private let deadline: Timestamp
    private var held = 0

    init(
        _ reader: any SampleReader, _ options: QueryOptions, start: Int64, end: Int64, step: Int64, pool: BufferPool,
        cancellation: QueryCancellation?
    ) {
        self.reader = reader
        self.options = options
        self.start = start
        self.end = end
        self.step = step
        self.pool = pool
        self.cancellation = cancellation
        deadline = Timestamp.monotonic.adding(seconds: options.timeout)
    }

    var range: Int64 { end - start }

    /// Whether it is a range query of more than one step.
    var isRange: Bool { end != start }

    /// To be called before something that takes long; `take` does, so that it is asked between the operations of an expression.
    func checkpoint() throws(QueryError) {
        if let cancellation, cancellation.isCanceled { throw .canceled }
        if Timestamp.monotonic > deadline { throw .timeout(limit: options.timeout) }
    }

    /// An empty column with room for `count` values, which count as held until `give`.
    func take(_ count: Int) throws(QueryError) -> [Double] {
        try checkpoint()
        try hold(count)
        return pool.take(count)
    }

    /// A column of `count` values.
    func take(_ count: Int, filledWith value: Double) throws(QueryError) -> [Double] {
        var values = try take(count)
        values.append(contentsOf: repeatElement(value, count: count))
        return values
    }

    /// Takes back a column that nobody reads any more.
    func give(_ values: consuming [Double]) {
        held -= values.count
        pool.give(values)
    }

    func hold(_ count: Int) throws(QueryError) {
        held += count
        if held > options.maximalSamples { throw .tooManySamples(limit: options.maximalSamples) }
    }

    func release(_ count: Int) { held -= count }

    /// The mark of a native histogram, which is kept and counts as held until the evaluation ends.
    func keep(_ histogram: FloatHistogram) throws(QueryError) -> Double {
        try hold(histogram.size)
        guard histograms.count < UInt32.max else { throw .tooManySamples(limit: options.maximalSamples) }
        return histograms.put(histogram)
    }

    /// The same for a sample that was read, which is NaN where the reader knows of no such histogram.
    func keep(read value: Double, _ reader: (any HistogramReader)?) throws(QueryError) -> Double {
        guard let histogram = reader?.histogram(value) else { return .nan }
        return try keep(histogram)
    }
}
