/// Values that are no numbers but marks, told apart by their bits.
///
/// Both are signalling NaNs: arithmetic never produces them, as its NaNs are quiet.
package enum SampleBits {
    /// Prometheus's stale marker (`model/value`): the series has ended here. Inside frames: no sample at this step.
    package static let stale: UInt64 = 0x7ff0_0000_0000_0002
    /// Stands where a native histogram would be, which the engine refuses to read.
    package static let histogram: UInt64 = 0x7ff0_0000_0000_0003
}

extension Double {
    /// No sample at this step of a frame; in the store, the end of a series.
    package static var absent: Double { Double(bitPattern: SampleBits.stale) }

    package var isAbsent: Bool { bitPattern == SampleBits.stale }

    package var isHistogramMark: Bool { bitPattern == SampleBits.histogram }
}
