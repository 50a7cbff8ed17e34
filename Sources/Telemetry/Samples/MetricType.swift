/// What a family's numbers mean; the words of the text format and of OpenMetrics.
package enum MetricType: String, Sendable {
    case counter, gauge, histogram, summary, untyped
    /// Of OpenMetrics only.
    case info, stateset, gaugehistogram
}

/// What a sample's name has behind its family's.
package enum SampleSuffix: UInt8, Sendable, CaseIterable {
    /// Nothing: the family's name is the sample's.
    case none
    case bucket, sum, count, created, total, info, gsum, gcount

    package var text: StaticString {
        switch self {
        case .none: ""
        case .bucket: "_bucket"
        case .sum: "_sum"
        case .count: "_count"
        case .created: "_created"
        case .total: "_total"
        case .info: "_info"
        case .gsum: "_gsum"
        case .gcount: "_gcount"
        }
    }
}
