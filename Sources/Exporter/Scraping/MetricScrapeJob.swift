import Telemetry
import Transport

/// One entry of `metrics.scrape_configs`: Prometheus's `scrape_config`.
package struct MetricScrapeJob: Sendable, Equatable {
    package var jobName: String
    /// Seconds.
    package var scrapeInterval = 60.0
    /// Seconds; at most the interval.
    package var scrapeTimeout = 10.0
    /// Whether the file gives the job no interval or timeout of its own.
    var inheritsInterval = false
    var inheritsTimeout = false
    package var metricsPath = "/metrics"
    package var scheme = Scheme.http
    /// Query parameters; each may have several values.
    package var params: [String: [String]] = [:]
    package var honorLabels = false
    package var honorTimestamps = true
    package var trackTimestampsStaleness = false
    /// Asked for in this order of preference.
    package var scrapeProtocols = ScrapeProtocol.allCases
    /// What a page without a usable content type is read as; such a scrape fails without it.
    package var fallbackScrapeProtocol: ScrapeProtocol?
    package var enableCompression = true
    /// `scrape_timeout_seconds`, `scrape_sample_limit` and `scrape_body_size_bytes` besides the usual series.
    package var extraScrapeMetrics = false
    package var limits = SeriesLimits()
    /// Bytes of a page, uncompressed; 0 for the hard cap alone.
    package var bodySizeLimit = 0
    /// Targets after relabelling; 0 for none. More than that, and all of the job fail.
    package var targetLimit = 0
    package var http = HTTPClientConfiguration()
    package var relabelRules: [RelabelRule] = []
    package var metricRelabelRules: [RelabelRule] = []
    package var discoveries: [DiscoveryConfiguration] = []

    package init(jobName: String) { self.jobName = jobName }

    /// What is scraped where the configuration says nothing: docker's containers that ask for it by their labels.
    package static var labelledContainers: MetricScrapeJob {
        var job = MetricScrapeJob(jobName: "containers")
        job.inheritsInterval = true
        job.inheritsTimeout = true
        // A page that a plain file server gives out often has no type.
        job.fallbackScrapeProtocol = .text0
        var docker = DockerDiscoveryConfiguration()
        docker.labelled = true
        docker.isOptional = true
        job.discoveries = [.docker(docker)]
        return job
    }

    package enum Scheme: String, Sendable, CaseIterable {
        case http, https
    }
}

/// A format of pages, as Prometheus names it; its protobuf is not read here.
package enum ScrapeProtocol: String, Sendable, CaseIterable {
    case openMetrics1 = "OpenMetricsText1.0.0"
    case openMetrics0 = "OpenMetricsText0.0.1"
    case text1 = "PrometheusText1.0.0"
    case text0 = "PrometheusText0.0.4"

    /// The media type for the `Accept` header.
    package var mediaType: String {
        switch self {
        case .openMetrics1: "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8"
        case .openMetrics0: "application/openmetrics-text;version=0.0.1"
        case .text1: "text/plain;version=1.0.0;escaping=allow-utf-8"
        case .text0: "text/plain;version=0.0.4"
        }
    }

    var isOpenMetrics: Bool { self == .openMetrics1 || self == .openMetrics0 }

    /// The `Accept` header for these, the first preferred: as Prometheus 3 writes it.
    package static func accept(_ protocols: [ScrapeProtocol]) -> String {
        var header = ""
        for (index, item) in protocols.enumerated() {
            header += "\(item.mediaType);q=0.\(protocols.count + 1 - index),"
        }
        return header + "*/*;q=0.\(1)"
    }

    /// What a page of this content type is, or nil where it is blank or none of ours.
    static func of(contentType: String) -> ScrapeProtocol? {
        let fields = contentType.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" }.lowercased() }
        switch fields.first {
        case "application/openmetrics-text": return .openMetrics1
        case "text/plain": return .text0
        default: return nil
        }
    }
}

/// Where a job's targets come from.
package enum DiscoveryConfiguration: Sendable, Equatable {
    case fixed([TargetGroup])
    case files(FileDiscoveryConfiguration)
    case docker(DockerDiscoveryConfiguration)
}

/// Targets that belong together: labels each of them has, and their own.
package struct TargetGroup: Sendable, Equatable {
    /// Each with at least `__address__`.
    package var targets: [LabelSet]
    package var labels: LabelSet

    package init(targets: [LabelSet], labels: LabelSet = [:]) {
        self.targets = targets
        self.labels = labels
    }
}

/// `file_sd_configs`.
package struct FileDiscoveryConfiguration: Sendable, Equatable {
    /// Paths, the last part of which may hold `*`.
    package var files: [String] = []

    package init(files: [String]) { self.files = files }
}

/// `docker_sd_configs`.
package struct DockerDiscoveryConfiguration: Sendable, Equatable {
    /// `unix:///run/docker.sock`, `tcp://host:port` or `http(s)://…`.
    package var host = "unix:///var/run/docker.sock"
    /// Seconds.
    package var refreshInterval = 60.0
    /// For containers that publish no port.
    package var port = 80
    /// What stands for a container on the host's network.
    package var hostNetworkingHost = "localhost"
    /// Only the first network of a container.
    package var matchFirstNetwork = true
    /// Docker's own, each with its values.
    package var filters: [String: [String]] = [:]
    /// Takes containers that ask for it by their labels `prometheus.io/scrape`, `prometheus.io/port` and
    /// `prometheus.io/path`, and no others.
    package var labelled = false
    /// Whether a host without the socket simply has no containers.
    package var isOptional = false
    package var http = HTTPClientConfiguration()

    package init() {}
}
