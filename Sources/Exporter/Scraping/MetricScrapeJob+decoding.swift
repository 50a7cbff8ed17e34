import Configuration
import Telemetry
import Transport

extension MetricScrapeJob: ConfigurationSection {
    package static let configurationKeys: [ConfigurationKey] =
        [
            ConfigurationKey("job_name", "string", "Name of the job, its targets' label `job`; required, each once."),
            ConfigurationKey(
                "scrape_interval", "duration", "How often its targets are scraped; as `global` says by default."),
            ConfigurationKey(
                "scrape_timeout", "duration", "How long a scrape may take; as `global` says by default."),
            ConfigurationKey("metrics_path", "string", default: "/metrics", "Path of the page."),
            ConfigurationKey("scheme", "`http` or `https`", default: "http", "How the targets are reached."),
            ConfigurationKey("params", "mapping of lists", "Query parameters."),
            ConfigurationKey(
                "honor_labels", "bool", default: "false",
                "Whether labels of the page win over the target's; else they become `exported_…`."),
            ConfigurationKey(
                "honor_timestamps", "bool", default: "true", "Whether timestamps of the page are taken."),
            ConfigurationKey(
                "track_timestamps_staleness", "bool", default: "false",
                "Whether series with timestamps of the page get stale markers."),
            ConfigurationKey(
                "scrape_protocols", "list",
                "Formats asked for, the best first: `OpenMetricsText1.0.0`, `OpenMetricsText0.0.1`, "
                    + "`PrometheusText1.0.0`, `PrometheusText0.0.4`. All of them by default; `PrometheusProto` is ignored."
            ),
            ConfigurationKey(
                "fallback_scrape_protocol", "string",
                "What a page is read as whose content type is missing or unknown. Without it such a scrape fails."),
            ConfigurationKey("enable_compression", "bool", default: "true", "Whether to ask for gzip."),
            ConfigurationKey(
                "extra_scrape_metrics", "bool", default: "false",
                "Whether to add `scrape_timeout_seconds`, `scrape_sample_limit` and `scrape_body_size_bytes`."),
            ConfigurationKey(
                "sample_limit", "integer", default: "0", "Samples of a scrape after relabelling; more fail it."),
            ConfigurationKey("label_limit", "integer", default: "0", "Labels of a series; more fail the scrape."),
            ConfigurationKey(
                "label_name_length_limit", "integer", default: "0", "Bytes of a label's name; more fail the scrape."),
            ConfigurationKey(
                "label_value_length_limit", "integer", default: "0", "Bytes of a label's value; more fail the scrape."),
            ConfigurationKey(
                "body_size_limit", "size", default: "0",
                "Bytes of a page, uncompressed; more fail the scrape. 64 MiB at most."),
            ConfigurationKey(
                "target_limit", "integer", default: "0", "Targets after relabelling; with more all of them fail."),
            ConfigurationKey("static_configs", "list", "Targets; see [scrape_static_configs](#scrape_static_configs)."),
            ConfigurationKey(
                "file_sd_configs", "list", "Files with targets; see [file_sd_configs](#file_sd_configs)."),
            ConfigurationKey(
                "docker_sd_configs", "list",
                "Containers; see [metrics_docker_sd_configs](#metrics_docker_sd_configs)."),
            ConfigurationKey(
                "relabel_configs", "list",
                "What becomes of targets; see [relabel_configs](configuration.md#relabel_configs)."),
            ConfigurationKey(
                "metric_relabel_configs", "list",
                "What becomes of series; see [relabel_configs](configuration.md#relabel_configs)."),
            .ignored("keep_dropped_targets", "targets dropped by relabelling are kept up to a fixed number"),
            ConfigurationKey(
                "http_headers", "mapping of mappings",
                "Further request headers as Prometheus has them, `NAME: {values: [VALUE]}`; the same as `headers`."),
            .ignored("enable_http2", "requests are made by HTTP/1.1"),
            .ignored("metric_name_validation_scheme", "names in UTF-8 are always taken"),
            .ignored("metric_name_escaping_scheme", "names are asked for as they are"),
            .ignored("scrape_failure_log_file", "`/api/v1/targets` tells why a target fails"),
            .ignored("scrape_native_histograms", "native histograms come in protobuf only, which is not read"),
            .ignored(
                "native_histogram_min_bucket_factor", "native histograms come in protobuf only, which is not read"),
            .ignored("native_histogram_bucket_limit", "native histograms come in protobuf only, which is not read"),
            .ignored("scrape_classic_histograms", "classic histograms are always read"),
            .ignored("always_scrape_classic_histograms", "classic histograms are always read"),
            .refused("convert_classic_histograms_to_nhcb", "native histograms are not supported"),
            .refused("proxy_from_environment", "the environment's proxy is never used; set proxy_url and no_proxy"),
        ] + HTTPClientConfiguration.configurationKeys
        + [
            "azure_sd_configs", "consul_sd_configs", "digitalocean_sd_configs", "dns_sd_configs",
            "dockerswarm_sd_configs", "ec2_sd_configs", "eureka_sd_configs", "gce_sd_configs", "hetzner_sd_configs",
            "http_sd_configs", "ionos_sd_configs", "kubernetes_sd_configs", "kuma_sd_configs", "lightsail_sd_configs",
            "linode_sd_configs", "marathon_sd_configs", "nerve_sd_configs", "nomad_sd_configs", "openstack_sd_configs",
            "ovhcloud_sd_configs", "puppetdb_sd_configs", "scaleway_sd_configs", "serverset_sd_configs",
            "triton_sd_configs", "uyuni_sd_configs", "vultr_sd_configs",
        ].map { .refused($0, "not supported: this agent scrapes targets of its own host and those that files name") }

    package init(_ reader: MappingReader) {
        self.init(jobName: reader.requiredString("job_name"))
        let year = 365.0 * 86400
        scrapeInterval = reader.duration("scrape_interval", in: 0.1...year) ?? scrapeInterval
        inheritsInterval = reader.value("scrape_interval") == nil
        inheritsTimeout = reader.value("scrape_timeout") == nil
        scrapeTimeout = reader.duration("scrape_timeout", in: 0.001...year) ?? min(scrapeTimeout, scrapeInterval)
        if scrapeTimeout > scrapeInterval {
            reader.report("scrape_timeout: expected at most scrape_interval", at: "scrape_timeout")
        }
        metricsPath = reader.string("metrics_path") ?? metricsPath
        if !metricsPath.hasPrefix("/") { reader.report("metrics_path: expected a slash first", at: "metrics_path") }
        scheme = reader.choice("scheme") ?? scheme
        for entry in reader.value("params")?.entries() ?? [] { params[entry.key] = entry.value.strings() ?? [] }
        honorLabels = reader.bool("honor_labels") ?? honorLabels
        honorTimestamps = reader.bool("honor_timestamps") ?? honorTimestamps
        trackTimestampsStaleness = reader.bool("track_timestamps_staleness") ?? trackTimestampsStaleness
        readProtocols(reader)
        enableCompression = reader.bool("enable_compression") ?? enableCompression
        extraScrapeMetrics = reader.bool("extra_scrape_metrics") ?? extraScrapeMetrics
        limits.samples = reader.int("sample_limit") ?? 0
        limits.labels = reader.int("label_limit") ?? 0
        limits.labelNameLength = reader.int("label_name_length_limit") ?? 0
        limits.labelValueLength = reader.int("label_value_length_limit") ?? 0
        bodySizeLimit = reader.byteCount("body_size_limit", in: 0...ScrapeLimits.pageSize) ?? 0
        targetLimit = reader.int("target_limit") ?? 0
        http = HTTPClientConfiguration(reader)
        for entry in reader.value("http_headers")?.entries() ?? [] {
            guard let header = entry.value.mapping(Self.headerKeys) else { continue }
            http.headers[entry.key] = (header.strings("values") ?? []).joined(separator: ", ")
            header.finish()
        }
        relabelRules = reader.sections("relabel_configs") ?? []
        metricRelabelRules = reader.sections("metric_relabel_configs") ?? []
        readDiscoveries(reader)
    }

    private static let headerKeys: [ConfigurationKey] = [
        ConfigurationKey("values", "list of strings", "The header's values."),
        .refused("secrets", "write the header into headers, with ${VARIABLE}"),
        .refused("files", "write the header into headers, with ${VARIABLE}"),
    ]

    private mutating func readProtocols(_ reader: MappingReader) {
        if let items = reader.value("scrape_protocols")?.items() {
            var chosen: [ScrapeProtocol] = []
            for item in items {
                if item.string() == "PrometheusProto" {
                    item.context.warn("scrape_protocols: PrometheusProto is not read", at: item.position)
                } else if let choice: ScrapeProtocol = item.choice(), !chosen.contains(choice) {
                    chosen.append(choice)
                }
            }
            if chosen.isEmpty { reader.report("scrape_protocols: expected at least one", at: "scrape_protocols") }
            scrapeProtocols = chosen
        }
        fallbackScrapeProtocol = reader.choice("fallback_scrape_protocol")
    }

    private mutating func readDiscoveries(_ reader: MappingReader) {
        let groups = reader.sections("static_configs", TargetGroup.self) ?? []
        if !groups.isEmpty { discoveries.append(.fixed(groups)) }
        for files in reader.sections("file_sd_configs", FileDiscoveryConfiguration.self) ?? [] {
            discoveries.append(.files(files))
        }
        for docker in reader.sections("docker_sd_configs", DockerDiscoveryConfiguration.self) ?? [] {
            discoveries.append(.docker(docker))
        }
    }
}

extension TargetGroup: ConfigurationSection {
    package static let configurationKeys = [
        ConfigurationKey("targets", "list of strings", "Each `host:port`, or `host` with the scheme's port."),
        ConfigurationKey(
            "labels", "mapping of strings",
            "Labels of each of them; `__unix_socket__` names a socket file to scrape over."),
    ]

    package init(_ reader: MappingReader) {
        self.init(
            targets: (reader.strings("targets") ?? []).map { ["__address__": $0] },
            labels: reader.labels("labels") ?? [:])
        for address in reader.strings("targets") ?? [] {
            if let problem = TargetAddress.problem(of: address) { reader.report("targets: \(problem)", at: "targets") }
        }
    }
}

extension FileDiscoveryConfiguration: ConfigurationSection {
    package static let configurationKeys = [
        ConfigurationKey(
            "files", "list of paths",
            "JSON (`.json`) or YAML (`.yml`, `.yaml`) files with a list of `targets` and `labels`; `*` stands for any part of "
                + "a name."),
        ConfigurationKey(
            "refresh_interval", "duration", default: "5m", "Accepted; files are looked at every 5 s in any case."),
    ]

    package init(_ reader: MappingReader) {
        self.init(files: (reader.strings("files") ?? []).map(reader.context.resolve))
        _ = reader.duration("refresh_interval")
        if files.isEmpty { reader.report("files: expected at least one") }
        for file in files where ![".json", ".yml", ".yaml"].contains(where: file.hasSuffix) {
            reader.report("files: expected names that end in .json, .yml or .yaml, found \"\(file)\"", at: "files")
        }
    }
}

extension DockerDiscoveryConfiguration: ConfigurationSection {
    package static let configurationKeys: [ConfigurationKey] =
        [
            ConfigurationKey(
                "host", "string", default: "unix:///var/run/docker.sock",
                "Docker's address: `unix://`, `tcp://`, `http://` or `https://`."),
            ConfigurationKey("refresh_interval", "duration", default: "1m", "How often containers are listed."),
            ConfigurationKey("port", "integer", default: "80", "Port for containers that have none."),
            ConfigurationKey(
                "host_networking_host", "string", default: "localhost", "Host for containers on the host's network."),
            ConfigurationKey(
                "match_first_network", "bool", default: "true", "Only the first network of each container."),
            ConfigurationKey("filters", "list", "Docker's filters, each `{name: …, values: […]}`."),
            ConfigurationKey(
                "labelled", "bool", default: "false",
                "Only containers with the label `prometheus.io/scrape: \"true\"` or `prometheus.io/port`, at that port and at "
                    + "the path of `prometheus.io/path`."),
        ] + HTTPClientConfiguration.configurationKeys

    package init(_ reader: MappingReader) {
        self.init()
        host = reader.string("host") ?? host
        if !["unix://", "tcp://", "http://", "https://"].contains(where: host.hasPrefix) {
            reader.report("host: expected unix://, tcp://, http:// or https:// first", at: "host")
        }
        refreshInterval = reader.duration("refresh_interval", in: 1...86400) ?? refreshInterval
        port = reader.int("port", in: 1...65535) ?? port
        hostNetworkingHost = reader.string("host_networking_host") ?? hostNetworkingHost
        matchFirstNetwork = reader.bool("match_first_network") ?? matchFirstNetwork
        labelled = reader.bool("labelled") ?? labelled
        for item in reader.value("filters")?.items() ?? [] {
            guard let filter = item.mapping(Self.filterKeys) else { continue }
            filters[filter.requiredString("name"), default: []] += filter.strings("values") ?? []
            filter.finish()
        }
        http = HTTPClientConfiguration(reader)
    }

    private static let filterKeys = [
        ConfigurationKey("name", "string", "The filter's name, such as `label`."),
        ConfigurationKey("values", "list of strings", "What it takes."),
    ]
}

extension MetricScrapeJob {
    /// This job with the interval and the timeout of `global` where it has none of its own.
    package func inheriting(interval: Double, timeout: Double) -> MetricScrapeJob {
        var job = self
        if inheritsInterval { job.scrapeInterval = interval }
        if inheritsTimeout { job.scrapeTimeout = min(timeout, job.scrapeInterval) }
        return job
    }
}

extension MappingReader {
    /// `scrape_configs` of `metrics`: the jobs, whose names must differ.
    package func metricScrapeJobs(_ key: String) -> [MetricScrapeJob]? {
        var names: Set<String> = []
        return value(key)?.items()?.compactMap { item -> MetricScrapeJob? in
            guard let job = item.section(MetricScrapeJob.self) else { return nil }
            if !names.insert(job.jobName).inserted {
                item.report("expected each job_name once, found \"\(job.jobName)\" again")
            }
            return job
        }
    }
}
