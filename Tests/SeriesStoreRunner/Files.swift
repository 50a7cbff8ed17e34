import Bytes
import Glibc
import Rules
import Telemetry

/// A store that outlives the process that fills it.
extension Runner {
    static let step: Int64 = 15_000

    /// Fills it as the agent would, only faster, and does not end.
    static func fill(_ directory: String, _ kind: HostKind, series: Int, hours: Double) throws {
        var host = Host(kind, count: series, sources: 5)
        var configuration = SeriesStoreConfiguration(directory: directory)
        configuration.writeInterval = 0.01
        let store = try SeriesStore(configuration: configuration, metrics: MetricRegistry())
        store.start()
        var batch = SeriesBatch()
        let ticks = Int64(hours * 240)
        let end = Timestamp.now.milliseconds
        let start = cpu()
        for tick in 0..<ticks {
            for source in host.series.indices {
                // A collection takes its time with some milliseconds of jitter.
                host.fill(
                    &batch, source: source, time: end - (ticks - 1 - tick) * step + (tick * 5 + Int64(source)) % 7)
                store.append(batch)
            }
        }
        let spent = cpu() - start
        // Longer than it takes until everything is in the log.
        sleep(2)
        put([
            ("samples", Double(ticks) * Double(series)), ("fill_seconds", spent),
            ("memory_mib", Double(store.memoryInUse) / 1_048_576), ("disk_mib", Double(store.diskInUse) / 1_048_576),
        ])
        while true { pause() }
    }

    static func open(_ directory: String) throws {
        let wall = Timestamp.monotonic
        let start = cpu()
        let store = try SeriesStore(
            configuration: SeriesStoreConfiguration(directory: directory), metrics: MetricRegistry())
        let spent = cpu() - start
        let seconds = Timestamp.monotonic.seconds(since: wall)
        var samples = 0
        store.read { reader in
            var columns = SampleColumns()
            for series in reader.series(matching: []) {
                columns.removeAll()
                reader.append(samplesOf: series, after: .min, through: .max, to: &columns)
                samples += columns.count
            }
        }
        put([
            ("replay_ms", seconds * 1000), ("replay_cpu_ms", spent * 1000), ("samples", Double(samples)),
            ("series", Double(store.seriesCount)), ("memory_mib", Double(store.memoryInUse) / 1_048_576),
        ])
    }

    static func removeStore(_ directory: String) {
        for name in (try? StoreDirectory(path: directory).names()) ?? [] { unlink(directory + "/" + name) }
        rmdir(directory)
    }

    static func put(_ figures: [(name: String, value: Double)]) {
        var json = JSONWriter()
        json.beginObject()
        for (name, value) in figures {
            json.key(name)
            json.string("\((value * 1000).rounded() / 1000)")
        }
        json.endObject()
        json.endLine()
        let line = json.written()
        _ = write(1, line, line.count)
    }
}
