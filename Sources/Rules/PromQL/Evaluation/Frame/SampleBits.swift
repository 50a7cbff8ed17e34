/// Values that are no numbers but marks, told apart by their bits.
///
/// Both are signalling NaNs: arithmetic never produces them, as its NaNs are quiet.
package enum SampleBits {
    /// Prometheus's stale marker (`model/value`): the series has ended here. Inside frames: no sample at this step.
    package static let stale: UInt64 = 0x7ff0_0000_0000_0002
    /// Above the place of a native histogram that is kept elsewhere.
    private static let histogram: UInt64 = 0x7ff0_0001

    static func mark(of place: Int) -> Double {
        Double(bitPattern: histogram << 32 | UInt64(UInt32(truncatingIfNeeded: place)))
    }

    /// The place of the histogram that a mark stands for.
    static func place(in mark: Double) -> Int? {
        isMark(mark.bitPattern) ? Int(UInt32(truncatingIfNeeded: mark.bitPattern)) : nil
    }

    @inline(__always)
    static func isMark(_ bits: UInt64) -> Bool { bits >> 32 == histogram }
}

extension Double {
    /// No sample at this step of a frame; in the store, the end of a series.
    package static var absent: Double { Double(bitPattern: SampleBits.stale) }

    package var isAbsent: Bool { bitPattern == SampleBits.stale }

    /// Whether a native histogram stands here.
    package var isHistogramMark: Bool { SampleBits.isMark(bitPattern) }
}
