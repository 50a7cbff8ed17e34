// For Benchmarks: SeriesStoreRunner [SERIES] [HOURS] puts samples of a host every 15 s through a series store and through
// plain arrays, and prints what each costs as a line of JSON.
import Bytes
import Configuration
import Glibc
import Rules
import Telemetry

/// Samples of a host in the shares that were measured: 83 of 100 series constant, the rest counters of bytes, of CPU time in
/// hundredths of a second and of events, gauges of memory, and a few that are any number.
struct Host {
    var series: [[Series]] = []
    var values: [[Double]] = []
    private var state: UInt64 = 0x5eed

    init(count: Int, sources: Int) {
        for source in 0..<sources {
            let metadata = (0..<60).map { MetricMetadata(name: "host_family_\($0)_total", type: .counter) }
            var own: [Series] = []
            for number in 0..<(count / sources) {
                let family = metadata[number % metadata.count]
                own.append(
                    Series(
                        labels: [
                            "__name__": family.name, "job": "node", "instance": "host-\(source).example.org:9100",
                            "device": "device-\(number / metadata.count)",
                        ], metadata: family))
            }
            series.append(own)
            values.append(own.indices.map { Double($0 * 4096) })
        }
    }

    private mutating func random(_ bound: UInt64) -> Double {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return Double((z ^ (z >> 31)) % bound)
    }

    /// The next batch of a source.
    mutating func fill(_ batch: inout SeriesBatch, source: Int, time: Int64) {
        batch.removeAll()
        for number in series[source].indices {
            if number % 100 < 17 {
                let old = values[source][number]
                switch number % 100 {
                case 0..<5: values[source][number] = old + 10_000 + random(5000)
                case 5..<9: values[source][number] = ((old * 100).rounded() + random(150)) / 100
                case 9..<13: values[source][number] = old + (random(3) == 0 ? random(40) : 0)
                case 13..<16: values[source][number] = max(0, old + (random(2001) - 1000) * 4096)
                default: values[source][number] = random(1 << 50) / 0x1p50
                }
            }
            batch.samples.append(
                SeriesSample(series: series[source][number], timestamp: time, value: values[source][number]))
        }
    }
}

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
        let arguments = CommandLine.arguments.dropFirst().map { Double($0) ?? 0 }
        let count = Int(arguments.first ?? 5000)
        let ticks = Int((arguments.count > 1 ? arguments[1] : 2) * 240)
        let directory = "/tmp/tocsin-series-\(getpid())"
        defer {
            for name in (try? StoreDirectory(path: directory).names()) ?? [] { unlink(directory + "/" + name) }
            rmdir(directory)
        }
        var host = Host(count: count, sources: 5)
        var batch = SeriesBatch()
        for source in host.series.indices { host.fill(&batch, source: source, time: 0) }
        var configuration = SeriesStoreConfiguration(directory: directory)
        // All of it in the log: the longest replay.
        configuration.blockInterval = 1e9
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
        var json = JSONWriter()
        json.beginObject()
        func put(_ name: String, _ value: Double) {
            json.key(name)
            json.string("\((value * 1000).rounded() / 1000)")
        }
        put("series", Double(count))
        put("samples", Double(total + count))
        put("append_ns_per_sample", append / Double(total) * 1e9)
        put("first_ns_per_series", first / Double(count) * 1e9)
        put("plain_array_ns_per_sample", plain / Double(total + count) * 1e9)
        put("append_to_plain_array", append / Double(total) / (plain / Double(total + count)))
        put("bytes_per_sample", Double(memory - empty) / Double(total))
        put("memory_mib", Double(memory) / 1048576)
        put("resident_anonymous_mib", Double(resident) / 1048576)
        put("log_bytes_per_sample", Double(disk) / Double(total))
        put("replay_ms", replay * 1000)
        put("select_all_us", names * 1e6)
        put("newest_ns_per_series", newest / Double(count) * 1e9)
        put("range_5m_ns_per_series", rate / Double(count) * 1e9)
        json.endObject()
        json.endLine()
        let line = json.written()
        _ = write(1, line, line.count)
    }
}
