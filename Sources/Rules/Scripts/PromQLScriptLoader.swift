import Telemetry

/// Puts the data of a script's `load` into the store.
enum PromQLScriptLoader {
    /// What is wrong with the data; the rest is in the store nevertheless.
    static func load(_ load: PromQLScript.Load, into samples: MemorySamples) -> String? {
        var problem: String?
        for (series, starts) in load.series {
            for (index, value) in series.values.enumerated() {
                let time = Int64(index) * load.step
                let start = starts?[index].map { time + $0 } ?? 0
                switch value {
                case .omitted: continue
                case .value(let number): samples.append(series.labels, time, number, start: start)
                case .histogram(let histogram, _):
                    if let flaw = histogram.value.flaw {
                        problem = problem ?? "\(series.labels.plainText): \(histogram.value.scriptText): \(flaw)"
                        continue
                    }
                    samples.append(series.labels, time, histogram.value, start: start)
                }
            }
        }
        guard load.addsNativeHistograms else { return problem }
        return problem ?? addNativeHistograms(load, to: samples)
    }

    /// Adds native histograms with the bounds of the classic ones.
    private static func addNativeHistograms(_ load: PromQLScript.Load, to samples: MemorySamples) -> String? {
        var order: [LabelSet] = []
        var histograms: [LabelSet: [Int: ClassicHistogram]] = [:]
        for series in load.series.map(\.series) {
            guard let part = ClassicHistogram.Part(series.labels) else { continue }
            let labels = part.histogram(of: series.labels)
            if histograms[labels] == nil { order.append(labels) }
            for (index, value) in series.values.enumerated() {
                guard case .value(let number) = value else { continue }
                histograms[labels, default: [:]][index, default: ClassicHistogram()].set(part, number)
            }
        }
        for labels in order {
            for (index, classic) in (histograms[labels] ?? [:]).sorted(by: { $0.key < $1.key }) {
                do throws(ClassicHistogram.Failure) {
                    samples.append(labels, Int64(index) * load.step, try classic.native())
                } catch {
                    return "\(labels.plainText): no native histogram can be made of it: \(error.reason)"
                }
            }
        }
        return nil
    }
}
