import Telemetry

extension MetricType {
    /// The number that both messages have for it (`MetricMetadata.MetricType`, `Metadata.MetricType`).
    var wireNumber: UInt64 {
        switch self {
        case .untyped: 0
        case .counter: 1
        case .gauge: 2
        case .histogram: 3
        case .gaugehistogram: 4
        case .summary: 5
        case .info: 6
        case .stateset: 7
        }
    }
}

/// Field tags of the messages (Prometheus `prompb/io/prometheus/write/v2/types.proto`, `prompb/remote.proto`,
/// `prompb/types.proto`): field number and wire type in one byte.
enum WireTag {
    // Both: a sample's value and time.
    static let sampleValue: UInt8 = 0x09
    static let sampleTimestamp: UInt8 = 0x10
    static let samples: UInt8 = 0x12

    // 2.0.
    static let symbols: UInt8 = 0x22
    static let series2: UInt8 = 0x2a
    static let labelRefs: UInt8 = 0x0a
    static let exemplars2: UInt8 = 0x22
    static let metadata2: UInt8 = 0x2a
    static let sampleStart: UInt8 = 0x18
    static let exemplarValue2: UInt8 = 0x11
    static let exemplarTimestamp: UInt8 = 0x18
    static let metadataType: UInt8 = 0x08
    static let metadataHelp2: UInt8 = 0x18
    static let metadataUnit2: UInt8 = 0x20

    // 1.0.
    static let series1: UInt8 = 0x0a
    static let metadata1: UInt8 = 0x1a
    static let labels1: UInt8 = 0x0a
    static let labelName: UInt8 = 0x0a
    static let labelValue: UInt8 = 0x12
    static let exemplars1: UInt8 = 0x1a
    static let metadataFamily: UInt8 = 0x12
    static let metadataHelp1: UInt8 = 0x22
    static let metadataUnit1: UInt8 = 0x2a
}

extension UInt64 {
    /// A time in milliseconds as protobuf's int64 has it.
    init(wire time: Int64) { self.init(bitPattern: time) }
}
