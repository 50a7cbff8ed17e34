import CAllocations
import Rules
import Telemetry

/// Allocations of this thread, which appends and reads; the store's own thread writes files meanwhile.
extension Runner {
    static func allocations(series: Int) throws {
        let directory = "/tmp/tocsin-series-allocations"
        defer { removeStore(directory) }
        var host = Host(.busy, count: series, sources: 5)
        let store = try SeriesStore(
            configuration: SeriesStoreConfiguration(directory: directory), metrics: MetricRegistry())
        store.start()
        var batch = SeriesBatch()
        var tick: Int64 = 0
        var counts: [UInt] = []
        func append() {
            var count: UInt = 0
            for source in host.series.indices {
                host.fill(&batch, source: source, time: 1_700_000_000_000 + tick * step)
                let before = callocations_of_this_thread()
                store.append(batch)
                count += callocations_of_this_thread() - before
            }
            tick += 1
            counts.append(count)
        }
        for _ in 0..<100 { append() }
        counts = []
        for _ in 0..<300 { append() }
        let appended = counts.reduce(0, +)

        var read: UInt = 0
        var found = 0
        for _ in 0..<10 {
            let start = callocations_of_this_thread()
            store.read { reader in
                for place in 0..<Int32(series)
                where reader.newest(of: SeriesID(index: place), after: .min, through: .max) != nil { found += 1 }
            }
            read += callocations_of_this_thread() - start
        }
        put([
            ("series", Double(series)), ("allocations_per_tick", Double(appended) / 300),
            ("median_tick", Double(counts.sorted()[150])),
            ("allocations_per_sample", Double(appended) / 300 / Double(series)),
            ("allocations_per_instant_read", Double(read) / 10),
            ("newest_samples_of_a_read", Double(found) / 10),
        ])
        store.stop()
    }
}
