import Telemetry

/// What a query found.
package enum QueryValue: Sendable {
    case scalar(Double)
    case string(String)
    case vector([VectorSample])
    case matrix([MatrixSeries])
}

/// One series' value at the time of an instant query.
package struct VectorSample: Sendable {
    package var labels: LabelSet
    /// Milliseconds since 1970.
    package var timestamp: Int64
    /// NaN where it is a native histogram.
    package var value: Double
    package var histogram: SharedHistogram?

    package init(labels: LabelSet, timestamp: Int64, value: Double, histogram: SharedHistogram? = nil) {
        self.labels = labels
        self.timestamp = timestamp
        self.value = value
        self.histogram = histogram
    }
}

/// One series' samples over a range, in order of time.
package struct MatrixSeries: Sendable {
    package var labels: LabelSet
    package var points: [Point]
    /// Native histograms, at other times than the points.
    package var histograms: [HistogramPoint]

    package struct Point: Sendable {
        /// Milliseconds since 1970.
        package var timestamp: Int64
        package var value: Double

        package init(timestamp: Int64, value: Double) {
            self.timestamp = timestamp
            self.value = value
        }
    }

    package struct HistogramPoint: Sendable {
        /// Milliseconds since 1970.
        package var timestamp: Int64
        package var histogram: FloatHistogram

        package init(timestamp: Int64, histogram: FloatHistogram) {
            self.timestamp = timestamp
            self.histogram = histogram
        }
    }

    package init(labels: LabelSet, points: [Point], histograms: [HistogramPoint] = []) {
        self.labels = labels
        self.points = points
        self.histograms = histograms
    }

    /// Adds those of another series in order of time.
    mutating func merge(_ other: MatrixSeries) {
        points = (points + other.points).sorted { $0.timestamp < $1.timestamp }
        guard !other.histograms.isEmpty else { return }
        histograms = (histograms + other.histograms).sorted { $0.timestamp < $1.timestamp }
    }
}

/// A remark on a query that did not stop it, as Prometheus's `util/annotations`.
package struct QueryAnnotation: Sendable, Hashable {
    package enum Severity: Sendable, Hashable { case warning, info }

    package var severity: Severity
    /// `PromQL warning: …` or `PromQL info: …`, with its place as `(line:column)` at the end where it has one.
    package var message: String

    package init(_ severity: Severity, _ message: String) {
        self.severity = severity
        self.message = message
    }
}

package struct QueryResult: Sendable {
    package var value: QueryValue
    package var annotations: [QueryAnnotation]

    package init(value: QueryValue, annotations: [QueryAnnotation] = []) {
        self.value = value
        self.annotations = annotations
    }
}

/// Why a query has no result.
package enum QueryError: Error, Sendable, Equatable {
    /// It is no PromQL: Prometheus's own text, with `line:column: parse error: …`.
    case syntax(String)
    /// It went wrong while it was evaluated: Prometheus's own text.
    case execution(String)
    /// It would have held more samples than it may.
    case tooManySamples(limit: Int)
    /// Seconds.
    case timeout(limit: Double)
    case canceled
}

extension QueryError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .syntax(let text), .execution(let text): text
        case .tooManySamples: "query processing would load too many samples into memory in query execution"
        case .timeout: "query timed out in expression evaluation"
        case .canceled: "query was canceled in query execution"
        }
    }
}
