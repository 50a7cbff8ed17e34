// For Benchmarks; each prints a line of JSON.
//
// SeriesStoreRunner [SERIES] [HOURS]: puts samples of a host every 15 s through a series store and through plain arrays, and tells
// what each costs.
// SeriesStoreRunner fill DIRECTORY quiet|busy SERIES HOURS: the same into a store that stays, up to now; then waits to be killed.
// SeriesStoreRunner allocations SERIES: calls of malloc and the like for a tick's samples, and for reading the newest of each
// series.
// SeriesStoreRunner open DIRECTORY: how long a start takes there, and what is there.
import Bytes
import Configuration
import Glibc
import Rules
import Telemetry

/// Seconds of this thread's CPU: the machine may be busy with other things.
func seconds(_ body: () throws -> Void) rethrows -> Double {
    let start = cpu()
    try body()
    return cpu() - start
}

func cpu() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

func anonymousMemory() -> Int {
    guard case .success(let bytes) = ConfigurationSurroundings.process.read("/proc/self/status") else { return 0 }
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") where line.hasPrefix("RssAnon:") {
        return (Int(line.split(separator: " ").dropFirst().first ?? "") ?? 0) * 1024
    }
    return 0
}

/// What a plain array costs: no compression, no lock, no durability, the series known by number.
func plainArrays(_ host: Host, ticks: Int) -> Double {
    var host = host
    var batch = SeriesBatch()
    var times: [[Int64]] = host.series.flatMap { $0.map { _ in [] } }
    var values: [[Double]] = host.series.flatMap { $0.map { _ in [] } }
    var total = 0.0
    for tick in 0..<ticks {
        var base = 0
        for source in host.series.indices {
            host.fill(&batch, source: source, time: Int64(tick) * 15_000)
            total += seconds {
                for place in batch.samples.indices {
                    times[base + place].append(batch.samples[place].timestamp)
                    values[base + place].append(batch.samples[place].value)
                }
            }
            base += batch.samples.count
        }
    }
    return total
}

@main
struct Runner {
    static func main() throws {
        let words = Array(CommandLine.arguments.dropFirst())
        switch words.first {
        case "fill" where words.count == 5:
            try fill(
                words[1], HostKind(rawValue: words[2]) ?? .busy, series: Int(words[3]) ?? 5000,
                hours: Double(words[4]) ?? 2)
        case "allocations" where words.count == 2: try allocations(series: Int(words[1]) ?? 5000)
        case "open" where words.count == 2: try open(words[1])
        default: try measure()
        }
    }

    static func measure() throws {
        let arguments = CommandLine.arguments.dropFirst().map { Double($0) ?? 0 }
        let count = Int(arguments.first ?? 5000)
        let ticks = Int((arguments.count > 1 ? arguments[1] : 2) * 240)
        let directory = "/tmp/tocsin-series-\(getpid())"
        defer { removeStore(directory) }
        var host = Host(count: count, sources: 5)
        var batch = SeriesBatch()
        for source in host.series.indices { host.fill(&batch, source: source, time: 0) }
        var configuration = SeriesStoreConfiguration(directory: directory)
        // All of it in the log: the longest replay.
        configuration.blockInterval = 1e9
        configuration.longestReplay = .max
        configuration.writeInterval = 0.01
        let before = anonymousMemory()
        var append = 0.0
        var first = 0.0
        var memory = 0
        var resident = 0
        var empty = 0
        var disk = 0
        do {
            let store = try SeriesStore(configuration: configuration, metrics: MetricRegistry())
            store.start()
            for tick in 0..<ticks {
                for source in host.series.indices {
                    host.fill(&batch, source: source, time: 1_700_000_000_000 + Int64(tick) * 15_000 + Int64(tick % 7))
                    let cost = seconds { store.append(batch) }
                    if tick == 0 { first += cost } else { append += cost }
                }
                if tick == 0 { empty = store.memoryInUse }
            }
            memory = store.memoryInUse
            store.stop()
            resident = anonymousMemory() - before
            disk = store.diskInUse
        }
        let plain = plainArrays(host, ticks: ticks)
        let total = (ticks - 1) * count
        var replay = Double.infinity
        var names = 0.0
        var newest = 0.0
        var rate = 0.0
        var found = 0
        for _ in 0..<3 {
            var store: SeriesStore?
            replay = min(
                replay, try seconds { store = try SeriesStore(configuration: configuration, metrics: MetricRegistry()) }
            )
            let now = 1_700_000_000_000 + Int64(ticks - 1) * 15_000 + 10
            let matcher = try LabelMatcher("__name__", .matches, "host_family_.*")
            store?.read { reader in
                var series = reader.series(matching: [matcher])
                names = seconds { series = reader.series(matching: [matcher]) }
                newest = seconds {
                    for one in series where reader.newest(of: one, after: now - 300_000, through: now) != nil {
                        found += 1
                    }
                }
                var columns = SampleColumns()
                rate = seconds {
                    for one in series {
                        columns.removeAll()
                        reader.append(samplesOf: one, after: now - 300_000, through: now, to: &columns)
                        found += columns.count
                    }
                }
            }
        }
        put([
            ("series", Double(count)),
            ("samples", Double(total + count)),
            ("append_ns_per_sample", append / Double(total) * 1e9),
            ("first_ns_per_series", first / Double(count) * 1e9),
            ("plain_array_ns_per_sample", plain / Double(total + count) * 1e9),
            ("append_to_plain_array", append / Double(total) / (plain / Double(total + count))),
            ("bytes_per_sample", Double(memory - empty) / Double(total)),
            ("memory_mib", Double(memory) / 1048576),
            ("resident_anonymous_mib", Double(resident) / 1048576),
            ("log_bytes_per_sample", Double(disk) / Double(total)),
            ("replay_ms", replay * 1000),
            ("select_all_us", names * 1e6),
            ("newest_ns_per_series", newest / Double(count) * 1e9),
            ("range_5m_ns_per_series", rate / Double(count) * 1e9),
        ])
    }
}
