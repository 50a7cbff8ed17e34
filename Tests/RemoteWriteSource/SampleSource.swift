import Telemetry

/// Series whose every value can be told from its time, and some with every value that is hard to carry.
struct SampleSource {
    private let counters: [Series]
    private let specials: [(series: Series, value: Double)]
    private var mortal: Series
    private var generation = 0
    private let began: Int64

    init(series count: Int, began: Int64) {
        self.began = began
        let counter = MetricMetadata(
            name: "source_count", type: .counter, help: "Counts \"something\",\nin two lines.", unit: "things")
        counters = (0..<count).map { number in
            Series(
                labels: [
                    "__name__": "source_count_total", "number": String(number), "job": "source",
                    "instance": "host:1", "device": "disk\(number % 7)",
                ], metadata: counter)
        }
        let gauge = MetricMetadata(name: "source_special", type: .gauge, help: "Values that are hard to carry.")
        func special(_ kind: String, _ value: Double) -> (Series, Double) {
            (
                Series(
                    labels: ["__name__": "source_special", "kind": kind, "job": "source", "instance": "host:1"],
                    metadata: gauge), value
            )
        }
        func named(_ name: String, _ value: Double) -> (Series, Double) {
            (
                Series(labels: ["__name__": name, "job": "source", "instance": "host:1"], metadata: gauge),
                value
            )
        }
        specials = [
            special("zero", 0), special("negative", -1.5), special("integer", 123_456_789), special("nan", .nan),
            special("inf", .infinity), special("-inf", -.infinity), special("huge", 1e308), special("tiny", 1e-308),
            special("scientific", 6.02214076e23), special("Grüße, 世界 \u{1F514} \"quoted\" \\ \n", 1),
            named("source:rule:sum", 2), named("source.näme/with dots", 3),
        ]
        mortal = Self.mortal(0)
    }

    private static func mortal(_ generation: Int) -> Series {
        Series(
            labels: [
                "__name__": "source_mortal", "generation": String(generation), "job": "source", "instance": "host:1",
            ], metadata: MetricMetadata(name: "source_mortal", type: .gauge, help: "Ends every third time."))
    }

    /// The value of a counter at a time, which the judge knows too.
    static func value(_ number: Int, _ time: Int64) -> Double { Double(time % 1_000_000_000) + Double(number) / 1000 }

    /// Puts the samples of `tick`, at `time` in milliseconds, into `batch`.
    mutating func fill(_ batch: inout SeriesBatch, tick: Int, time: Int64) {
        batch.removeAll()
        for (number, series) in counters.enumerated() {
            batch.samples.append(
                SeriesSample(
                    series: series, timestamp: time, value: Self.value(number, time), startTimestamp: began))
        }
        for special in specials {
            batch.samples.append(SeriesSample(series: special.series, timestamp: time, value: special.value))
        }
        let isLast = tick % 3 == 2
        batch.samples.append(
            SeriesSample(
                series: mortal, timestamp: time, value: isLast ? StaleMarker.value : Double(generation)))
        if isLast {
            generation += 1
            mortal = Self.mortal(generation)
        }
        guard let first = counters.first else { return }
        batch.exemplars.append(
            SeriesExemplar(
                series: first, labels: ["trace_id": "t\(tick)"], value: Double(tick), timestamp: time))
    }
}
