import Configuration
import Exporter
import Telemetry
import Testing
import Transport

/// `scrape_configs` of a file.
private struct Jobs: ConfigurationSection {
    static let configurationKeys = [ConfigurationKey("scrape_configs", "list", "Jobs.")]
    var jobs: [MetricScrapeJob]

    init(_ reader: MappingReader) { jobs = reader.metricScrapeJobs("scrape_configs") ?? [] }
}

private let surroundings = ConfigurationSurroundings(
    variable: { _ in nil }, read: { _ in .failure(FileFailure("No such file or directory")) })

private func read(_ yaml: String) throws -> [MetricScrapeJob] {
    try ConfigurationFile<Jobs>(Array(yaml.utf8), file: "/etc/t.yaml", surroundings: surroundings).contents.jobs
}

private func problem(_ entry: String) -> String {
    do {
        _ = try read("scrape_configs:\n- job_name: j\n  \(entry)\n")
        return ""
    } catch {
        return "\(error)"
    }
}

@Suite("Configuration of scrapes")
struct MetricScrapeJobTests {
    @Test("Prometheus's keys are read")
    func keys() throws {
        let job = try #require(
            try read(
                """
                scrape_configs:
                - job_name: app
                  scrape_interval: 15s
                  scrape_timeout: 5s
                  metrics_path: /m
                  scheme: https
                  params: {a: [b, c]}
                  honor_labels: true
                  honor_timestamps: false
                  track_timestamps_staleness: true
                  scrape_protocols: [PrometheusProto, PrometheusText0.0.4]
                  fallback_scrape_protocol: OpenMetricsText1.0.0
                  enable_compression: false
                  extra_scrape_metrics: true
                  sample_limit: 1
                  label_limit: 2
                  label_name_length_limit: 3
                  label_value_length_limit: 4
                  body_size_limit: 5MB
                  target_limit: 6
                  basic_auth: {username: u, password: p}
                  tls_config: {insecure_skip_verify: true}
                  proxy_url: http://proxy:3128
                  follow_redirects: false
                  static_configs: [{targets: ["a:1"], labels: {x: y, __unix_socket__: /run/s}}]
                  file_sd_configs: [{files: [t/*.yml, /a.json]}]
                  docker_sd_configs: [{labelled: true, filters: [{name: label, values: [a, b]}]}]
                  relabel_configs: [{source_labels: [a], target_label: b}]
                  metric_relabel_configs: [{action: drop, source_labels: [c], regex: d}]
                """
            ).first)
        #expect(job.jobName == "app")
        #expect(job.scrapeInterval == 15)
        #expect(job.scrapeTimeout == 5)
        #expect(job.metricsPath == "/m")
        #expect(job.scheme == .https)
        #expect(job.params == ["a": ["b", "c"]])
        #expect(job.honorLabels && !job.honorTimestamps && job.trackTimestampsStaleness)
        #expect(job.scrapeProtocols == [.text0])
        #expect(job.fallbackScrapeProtocol == .openMetrics1)
        #expect(!job.enableCompression && job.extraScrapeMetrics)
        #expect(job.limits.samples == 1 && job.limits.labels == 2)
        #expect(job.limits.labelNameLength == 3 && job.limits.labelValueLength == 4)
        #expect(job.bodySizeLimit == 5 << 20)
        #expect(job.targetLimit == 6)
        #expect(job.http.basicAuth?.username == "u")
        #expect(job.http.proxyURL == "http://proxy:3128" && !job.http.followRedirects)
        #expect(job.relabelRules.count == 1 && job.metricRelabelRules.count == 1)
        var docker = DockerDiscoveryConfiguration()
        docker.labelled = true
        docker.filters = ["label": ["a", "b"]]
        #expect(
            job.discoveries == [
                .fixed([
                    TargetGroup(targets: [["__address__": "a:1"]], labels: ["x": "y", "__unix_socket__": "/run/s"])
                ]),
                .files(FileDiscoveryConfiguration(files: ["/etc/t/*.yml", "/a.json"])), .docker(docker),
            ])
    }

    @Test("the defaults are Prometheus's, the timeout no longer than the interval")
    func defaults() throws {
        let job = try #require(try read("scrape_configs: [{job_name: j}]").first)
        #expect(job.scrapeInterval == 60 && job.scrapeTimeout == 10)
        #expect(job.metricsPath == "/metrics" && job.scheme == .http && job.honorTimestamps && !job.honorLabels)
        #expect(job.limits == SeriesLimits() && job.enableCompression && job.discoveries.isEmpty)
        let quick = job.inheriting(interval: 5, timeout: 10)
        #expect(quick.scrapeInterval == 5 && quick.scrapeTimeout == 5)
        #expect(try read("scrape_configs: [{job_name: j, scrape_interval: 2s}]").first?.scrapeTimeout == 2)
    }

    @Test(
        "what is wrong is told with its place",
        arguments: [
            ("scrape_timeout: 2m", "expected at most scrape_interval"), ("metrics_path: m", "expected a slash first"),
            ("scheme: ftp", "expected one of http, https"), ("oauth2: {}", "client_id is missing"),
            ("http_sd_configs: []", "http_sd_configs: not supported"),
            ("scrape_protocols: [PrometheusProto]", "expected at least one"),
            ("static_configs: [{targets: [\"a/b\"]}]", "a path goes into metrics_path"),
            ("file_sd_configs: [{files: [a.txt]}]", "expected names that end in .json"),
            ("docker_sd_configs: [{host: /run/docker.sock}]", "expected unix://"),
            ("relabel_configs: [{action: replace}]", "needs a target_label"),
            ("honour_labels: true", "did you mean honor_labels?"),
        ])
    func problems(_ entry: String, _ reason: String) {
        #expect(problem(entry).contains(reason), "\(problem(entry))")
    }

    @Test("a job's name may stand once")
    func names() {
        #expect(throws: ConfigurationError.self) { try read("scrape_configs: [{job_name: j}, {job_name: j}]") }
    }
}
