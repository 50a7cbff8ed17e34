import Configuration
import Telemetry

/// One entry of `scrape_configs` as it is written: a job may name several sources, each of which becomes a
/// `ScrapeConfiguration`.
package struct ScrapeJob: Sendable, Equatable {
    package var jobName: String
    package var configurations: [ScrapeConfiguration]
}

extension ScrapeJob: ConfigurationSection {
    package static let configurationKeys: [ConfigurationKey] =
        [
            ConfigurationKey("job_name", "string", "Name of the job; required."),
            ConfigurationKey("journal", "mapping", "systemd's journal; see [journal](#journal)."),
            ConfigurationKey(
                "docker_sd_configs", "list", "Docker containers; see [docker_sd_configs](#docker_sd_configs)."),
            ConfigurationKey("static_configs", "list", "Files; see [static_configs](#static_configs)."),
            ConfigurationKey("cri", "mapping", "Kubernetes pods (containerd, CRI-O); see [cri](#cri)."),
            ConfigurationKey(
                "podman", "mapping", "Podman containers with the `k8s-file` log driver; see [podman](#podman)."),
            ConfigurationKey(
                "relabel_configs", "list", "What becomes of the labels; see [relabel_configs](#relabel_configs)."),
            ConfigurationKey(
                "pipeline_stages", "list",
                "At most one stage for now, `docker: {}` or `cri: {}`: the format of the job's files."),
            ConfigurationKey(
                "encoding", "string",
                "Encoding of the files, an IANA name; empty for UTF-8. A byte-order mark is always obeyed."),
            ConfigurationKey("limits", "mapping", "Caps on single lines; see [limits](#limits)."),
            .refused("decompression", "not supported; rotated files that were compressed are read by themselves"),
        ]
        + [
            "syslog", "loki_push_api", "file_sd_configs", "kubernetes_sd_configs", "gelf", "kafka", "gcplog",
            "windows_events", "cloudflare", "heroku_drain", "azure_event_hubs",
        ].map { .refused($0, "not supported yet") }

    package init(_ reader: MappingReader) {
        jobName = reader.requiredString("job_name")
        configurations = []
        var sources: [ScrapeConfiguration.Source] = []
        if let journal = reader.section("journal", JournalConfiguration.self) { sources.append(.journal(journal)) }
        for docker in reader.sections("docker_sd_configs", DockerConfiguration.self) ?? [] {
            sources.append(.docker(docker))
        }
        if let files = reader.sections("static_configs", FileTargetConfiguration.self), !files.isEmpty {
            sources.append(.files(files))
        }
        if let pods = reader.section("cri", PodLogsConfiguration.self) { sources.append(.cri(pods)) }
        if let podman = reader.section("podman", PodmanConfiguration.self) { sources.append(.podman(podman)) }
        let named = ["journal", "docker_sd_configs", "static_configs", "cri", "podman"]
        // A misspelt source is reported as the unknown key that it is.
        if !named.contains(where: reader.has), reader.unknownKeys.isEmpty {
            reader.report("job \"\(jobName)\": expected a source (\(named.joined(separator: ", "))), found none")
        }

        let rules = reader.sections("relabel_configs", RelabelRule.self)
        let format = ScrapeJob.format(reader.value("pipeline_stages")) ?? .plain
        let encoding = reader.string("encoding") ?? ""
        do throws(TranscoderError) { _ = try Transcoder(encoding: encoding) } catch {
            reader.value("encoding")?.report(error.description)
        }
        let limits = reader.section("limits", LineLimits.self) ?? LineLimits()
        configurations = sources.map { source in
            var configuration = ScrapeConfiguration(jobName: jobName, source: source)
            configuration.relabelRules = rules
            configuration.limits = limits
            if case .files = source {
                configuration.format = format
                configuration.encoding = encoding
            }
            return configuration
        }
    }

    /// The format that the stages ask for, nil where there are none or unsupported ones.
    private static func format(_ stages: ValueReader?) -> FileFormat? {
        guard let items = stages?.items() else { return nil }
        var format: FileFormat?
        for (index, item) in items.enumerated() {
            guard let entries = item.entries(), entries.count == 1, let stage = entries.first else {
                item.report("expected one stage such as docker: {}, found \(item.node.summary)")
                continue
            }
            guard let wanted = FileFormat(rawValue: stage.key), wanted != .plain, index == 0 else {
                let reason = index == 0 || FileFormat(rawValue: stage.key) == nil ? "" : " after another stage"
                item.context.report(
                    "pipeline stage \"\(stage.key)\"\(reason) is not supported yet;"
                        + " supported: one stage, docker: {} or cri: {}", at: stage.keyPosition)
                continue
            }
            if stage.value.entries()?.isEmpty == false {
                stage.value.report("expected {}: options of the stage \(stage.key) are not supported yet")
            }
            format = wanted
        }
        return format
    }
}

extension MappingReader {
    /// `scrape_configs`: the configurations of all jobs, whose names must differ.
    package func scrapeConfigurations(_ key: String) -> [ScrapeConfiguration]? {
        var names: Set<String> = []
        return value(key)?.items()?.flatMap { item -> [ScrapeConfiguration] in
            guard let job = item.section(ScrapeJob.self) else { return [] }
            if !names.insert(job.jobName).inserted {
                item.report("expected each job_name once, found \"\(job.jobName)\" again")
            }
            return job.configurations
        }
    }
}
