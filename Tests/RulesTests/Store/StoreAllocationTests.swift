import CAllocations
import Telemetry
import Testing

@testable import Rules

/// Counted in a build for tests, by the thread that appends. In an optimised one `SeriesStoreRunner` counts, reads of the newest
/// samples too: those allocate only here.
struct StoreAllocationTests {
    private func counted(_ body: () -> Void) -> Int {
        let before = callocations_of_this_thread()
        body()
        return Int(callocations_of_this_thread() - before)
    }

    @Test("samples of known series allocate nothing for each")
    func steady() throws {
        let store = try SeriesStore(
            configuration: SeriesStoreConfiguration(directory: nil), metrics: MetricRegistry())
        let all = (0..<1000).map { series("m\($0)", .counter) }
        var batch = SeriesBatch()
        var tick: Int64 = 0
        func next() {
            batch.removeAll()
            for (number, series) in all.enumerated() {
                batch.samples.append(
                    SeriesSample(
                        series: series, timestamp: tick * 15_000, value: number % 4 == 0 ? Double(tick * 100) : 5))
            }
            tick += 1
        }
        var appended = 0
        for round in 0..<60 {
            next()
            let count = counted { store.append(batch) }
            if round >= 20 { appended += count }
        }
        #expect(appended < 40 * 100, "of 40,000 samples")
    }
}
