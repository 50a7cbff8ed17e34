import CLinux
import Configuration
import Exporter
import Glibc
import Telemetry

/// `metrics:` of the configuration file.
struct MetricsSection: Sendable, Equatable, ConfigurationSection {
    var host = HostConfiguration()
    var global = GlobalSection()
    var scrapes: [MetricScrapeJob]
    var probes: [ProbeConfiguration] = []
    var remoteWrites: [RemoteWriteConfiguration] = []
    var own = OwnSeries.Configuration(instance: ProcessFacts.hostName)

    static let configurationKeys =
        [
            ConfigurationKey("global", "mapping", "Prometheus's `global`: see [global](#global).")
        ] + HostConfiguration.configurationKeys + [
            ConfigurationKey(
                "job_name", "string", default: "node", "The label `job` of the host's own series in remote write."),
            ConfigurationKey(
                "instance", "string", "The label `instance` of the host's own series; the host's name by default."),
            ConfigurationKey(
                "scrape_configs", "list of jobs",
                "Targets to scrape, as Prometheus has them: see [scraping](#scraping). Without the key: docker's containers "
                    + "that have the label `prometheus.io/port` or `prometheus.io/scrape: \"true\"`."),
            ConfigurationKey(
                "probes", "list of probes", default: "[]", "What is asked from outside: see [probes](#probes)."),
            ConfigurationKey(
                "remote_write", "list of servers", default: "[]",
                "Servers to send every series to: see [remote_write](#remote_write)."),
        ]

    init() { scrapes = Self.defaultScrapes(GlobalSection()) }

    init(_ reader: MappingReader) {
        let global = reader.section("global") ?? GlobalSection()
        self.global = global
        host = HostConfiguration(reader)
        own.job = reader.string("job_name") ?? own.job
        own.instance = reader.string("instance") ?? own.instance
        own.interval = global.scrapeInterval
        own.timeout = global.scrapeTimeout
        scrapes =
            reader.metricScrapeJobs("scrape_configs").map { jobs in jobs.map(global.completed) }
            ?? Self.defaultScrapes(global)
        probes = reader.sections("probes") ?? probes
        for (index, probe) in probes.enumerated()
        where probes[..<index].contains(where: { $0.name == probe.name && $0.job == probe.job }) {
            reader.report("two probes are named \(probe.name): give each its own `name`", at: "probes")
        }
        remoteWrites = reader.sections("remote_write") ?? remoteWrites
        for (index, server) in remoteWrites.enumerated() {
            remoteWrites[index].externalLabels = global.externalLabels
            if remoteWrites[..<index].contains(where: { $0.name == server.name }) {
                reader.report("two servers are named \(server.name): give each its own `name`", at: "remote_write")
            }
        }
        reader.finish()
    }

    private static func defaultScrapes(_ global: GlobalSection) -> [MetricScrapeJob] {
        [global.completed(.labelledContainers)]
    }
}

/// `metrics.global:` of the configuration file.
struct GlobalSection: Sendable, Equatable, ConfigurationSection {
    /// Seconds.
    var scrapeInterval = 15.0
    var scrapeTimeout = 10.0
    var externalLabels: LabelSet = [:]

    static let configurationKeys = [
        ConfigurationKey(
            "scrape_interval", "duration", default: "15s",
            "How often the host's own series are collected for remote write, and targets scraped that say nothing else."
        ),
        ConfigurationKey("scrape_timeout", "duration", default: "10s", "Time that a collection or scrape may take."),
        ConfigurationKey(
            "external_labels", "mapping of strings", "Labels that every series gets which leaves by remote write."),
    ]

    init() {}

    init(_ reader: MappingReader) {
        scrapeInterval = reader.duration("scrape_interval", in: 1...86_400) ?? scrapeInterval
        scrapeTimeout = reader.duration("scrape_timeout", in: 0.1...86_400) ?? min(scrapeTimeout, scrapeInterval)
        if scrapeTimeout > scrapeInterval {
            reader.report("scrape_timeout: expected at most scrape_interval", at: "scrape_timeout")
        }
        externalLabels = reader.labels("external_labels") ?? externalLabels
        reader.finish()
    }

    /// `job` with the interval and timeout that it has none of its own of.
    func completed(_ job: MetricScrapeJob) -> MetricScrapeJob {
        job.inheriting(interval: scrapeInterval, timeout: scrapeTimeout)
    }
}
