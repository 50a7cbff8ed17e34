// For tests and benchmarks:
//   ScrapeRunner scrape CONFIG SECONDS    scrapes the jobs of CONFIG (`scrape_configs: […]`), prints each sample as a line of JSON
//   ScrapeRunner load CONFIG SECONDS      the same, and prints only what it cost
//   ScrapeRunner parse PAGE ROUNDS        parses a page of the text format, prints bytes, samples and nanoseconds per round
//   ScrapeRunner cache PAGE ROUNDS        parses it and puts it through a series cache
import Bytes
import Configuration
import Exporter
import Glibc
import Synchronization
import Telemetry

struct Jobs: ConfigurationSection {
    static let configurationKeys = [ConfigurationKey("scrape_configs", "list", "Jobs.")]
    var jobs: [MetricScrapeJob]

    init(_ reader: MappingReader) { jobs = reader.metricScrapeJobs("scrape_configs") ?? [] }
}

/// Prints samples as they come.
final class PrintingSink: SampleSink {
    func append(_ batch: borrowing SeriesBatch) {
        for sample in batch.samples {
            var json = JSONWriter()
            json.beginObject()
            json.key("labels")
            json.beginObject()
            for label in sample.series.labels.labels {
                json.key(label.name)
                json.string(label.value)
            }
            json.endObject()
            json.key("time")
            json.integer(sample.timestamp)
            json.key("value")
            json.string(StaleMarker.isStale(sample.value) ? "stale" : "\(sample.value)")
            json.endObject()
            json.endLine()
            let line = json.written()
            _ = write(1, line, line.count)
        }
    }
}

/// Counts samples.
final class CountingSink: SampleSink {
    let count = Atomic<Int>(0)
    func append(_ batch: borrowing SeriesBatch) { count.add(batch.samples.count, ordering: .relaxed) }
}

/// Writes to standard error.
func note(_ text: String) {
    let bytes = Array(text.utf8)
    _ = write(2, bytes, bytes.count)
}

func fail(_ message: String) -> Never {
    note("ScrapeRunner: \(message)\n")
    exit(2)
}

func cpuSeconds() -> Double {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
        + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
}

/// Bytes of anonymous memory.
func anonymousMemory() -> Int {
    guard case .success(let bytes) = ConfigurationSurroundings.process.read("/proc/self/status") else { return 0 }
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") where line.hasPrefix("RssAnon:") {
        return (Int(line.split(separator: " ").dropFirst().first ?? "") ?? 0) * 1024
    }
    return 0
}

func jobs(_ path: String) -> [MetricScrapeJob] {
    do throws(ConfigurationError) { return try ConfigurationFile<Jobs>(path: path).contents.jobs } catch {
        fail("\(error)")
    }
}

func scrape(_ path: String, _ seconds: Double) {
    let scraper = Scraper(sinks: [PrintingSink()], userAgent: "Tocsin/test", metrics: MetricRegistry()) {
        note("\($0): \($1)\n")
    }
    do throws(RelabelError) { scraper.apply(try Scraper.Plan(jobs(path))) } catch { fail("\(error)") }
    usleep(UInt32(seconds * 1e6))
    for target in scraper.report.active { note("\(target.url) \(target.health) \(target.lastError)\n") }
    scraper.stop()
}

func load(_ path: String, _ seconds: Double) {
    let sink = CountingSink()
    let before = anonymousMemory()
    let scraper = Scraper(sinks: [sink], userAgent: "Tocsin/test", metrics: MetricRegistry())
    do throws(RelabelError) { scraper.apply(try Scraper.Plan(jobs(path))) } catch { fail("\(error)") }
    // The first scrapes, which make the series, do not count.
    let interval = scraper.report.active.first?.interval ?? 15
    usleep(UInt32(interval * 1.2 * 1e6))
    let first = sink.count.load(ordering: .relaxed)
    let cpu = cpuSeconds()
    let start = Timestamp.monotonic
    usleep(UInt32(seconds * 1e6))
    let spent = cpuSeconds() - cpu
    let elapsed = Timestamp.monotonic.seconds(since: start)
    let samples = sink.count.load(ordering: .relaxed) - first
    print(
        "cpu_percent \(spent / elapsed * 100) samples_per_second \(Double(samples) / elapsed) "
            + "anonymous_bytes \(anonymousMemory() - before) first_samples \(first)")
    scraper.stop()
}

func benchmark(_ path: String, _ rounds: Int, caches: Bool) {
    guard case .success(let page) = ConfigurationSurroundings.process.read(path) else { fail("cannot read \(path)") }
    var parser = PrometheusTextParser()
    var batch = SampleBatch()
    var cache = SeriesCache(SeriesRules(targetLabels: ["instance": "localhost:9100", "job": "node"]))
    var output = SeriesBatch()
    var best = Double.infinity
    for round in 0..<rounds {
        let start = Timestamp.monotonic
        batch.removeAll()
        do throws(ExpositionError) { try parser.parse(page.span.bytes, into: &batch) } catch { fail("\(error)") }
        if caches {
            output.removeAll()
            cache.begin()
            do throws(SeriesError) {
                try cache.take(batch, at: Int64(round + 1) * 1000, into: &output)
            } catch {
                fail("\(error)")
            }
            cache.finish(at: Int64(round + 1) * 1000, into: &output)
        }
        if round > 0 { best = min(best, Timestamp.monotonic.seconds(since: start)) }
    }
    print(
        "bytes \(page.count) samples \(batch.samples.count) families \(batch.families.count) nanoseconds \(best * 1e9)")
}

let arguments = CommandLine.arguments
guard arguments.count == 4, let number = Double(arguments[3]) else {
    fail("usage: scrape|load|parse|cache FILE NUMBER")
}
switch arguments[1] {
case "scrape": scrape(arguments[2], number)
case "load": load(arguments[2], number)
case "parse": benchmark(arguments[2], max(2, Int(number)), caches: false)
case "cache": benchmark(arguments[2], max(2, Int(number)), caches: true)
default: fail("unknown command \(arguments[1])")
}
