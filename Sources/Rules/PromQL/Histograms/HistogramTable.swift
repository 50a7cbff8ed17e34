/// The native histograms of one evaluation. In columns of numbers a mark stands for each: a signalling NaN that holds its place here,
/// so that numbers cost no more for it.
struct HistogramTable {
    private var histograms: [FloatHistogram] = []

    var count: Int { histograms.count }

    /// The mark that stands for a histogram from now on.
    mutating func put(_ histogram: FloatHistogram) -> Double {
        histograms.append(histogram)
        return SampleBits.mark(of: histograms.count - 1)
    }

    mutating func replace(_ mark: Double, by histogram: FloatHistogram) {
        guard let place = SampleBits.place(in: mark), place < histograms.count else { return }
        histograms[place] = histogram
    }

    /// nil where the number is no mark of this table.
    subscript(_ mark: Double) -> FloatHistogram? {
        guard let place = SampleBits.place(in: mark), place < histograms.count else { return nil }
        return histograms[place]
    }
}

/// A reader that knows the native histograms whose marks stand among its samples. Samples of any other that look like marks are
/// plain NaN.
package protocol HistogramReader: SampleReader {
    func histogram(_ mark: Double) -> FloatHistogram?
}
