/// One series, the same object for as long as its source sees it: what sinks keep their own state by.
package final class Series: Sendable {
    /// With `__name__`.
    package let labels: LabelSet
    package let metadata: MetricMetadata

    package init(labels: LabelSet, metadata: MetricMetadata) {
        self.labels = labels
        self.metadata = metadata
    }
}

/// What is known about a family.
package final class MetricMetadata: Sendable {
    package let name: String
    package let type: MetricType
    package let help: String
    package let unit: String

    package init(name: String, type: MetricType = .untyped, help: String = "", unit: String = "") {
        self.name = name
        self.type = type
        self.help = help
        self.unit = unit
    }
}

/// A value of a series at a time.
package struct SeriesSample: Sendable {
    package var series: Series
    /// Milliseconds since 1970.
    package var timestamp: Int64
    package var value: Double
    /// When a counter began at 0, milliseconds since 1970; 0 where that is not known.
    package var startTimestamp: Int64 = 0

    package init(series: Series, timestamp: Int64, value: Double, startTimestamp: Int64 = 0) {
        self.series = series
        self.timestamp = timestamp
        self.value = value
        self.startTimestamp = startTimestamp
    }
}

/// An example of what a series counts, such as a trace.
package struct SeriesExemplar: Sendable {
    package var series: Series
    package var labels: LabelSet
    package var value: Double
    /// Milliseconds since 1970.
    package var timestamp: Int64

    package init(series: Series, labels: LabelSet, value: Double, timestamp: Int64) {
        self.series = series
        self.labels = labels
        self.value = value
        self.timestamp = timestamp
    }
}

/// What one collection, scrape or probe brought, staleness markers included.
package struct SeriesBatch: Sendable {
    package var samples: [SeriesSample] = []
    package var exemplars: [SeriesExemplar] = []

    package init() {}

    /// Empties it, keeping the memory.
    package mutating func removeAll() {
        samples.removeAll(keepingCapacity: true)
        exemplars.removeAll(keepingCapacity: true)
    }
}

/// The value that says "this series has ended" (Prometheus `model/value`): a NaN of its own.
package enum StaleMarker {
    package static let value = Double(bitPattern: 0x7ff0_0000_0000_0002)

    package static func isStale(_ value: Double) -> Bool { value.bitPattern == 0x7ff0_0000_0000_0002 }
}

/// Where samples go: the series store, remote write. Called by one source at a time from any thread; does not wait.
package protocol SampleSink: Sendable {
    func append(_ batch: borrowing SeriesBatch)
}
