import Telemetry

/// One entry of `logs.scrape_configs`: promtail's keys, and `cri` and `podman` beside them.
package struct ScrapeConfiguration: Sendable, Equatable {
    package var jobName: String
    package var source: Source
    /// Nil where the file has no `relabel_configs`: the source's own default rules then give the usual labels.
    package var relabelRules: [RelabelRule]?
    /// The format given by a first pipeline stage `docker: {}` or `cri: {}`, for files.
    package var format: FileFormat = .plain
    /// `encoding`: a WHATWG or IANA name; empty for UTF-8 (a byte-order mark is always obeyed).
    package var encoding: String = ""
    package var limits = LineLimits()

    package enum Source: Sendable, Equatable {
        case journal(JournalConfiguration)
        case docker(DockerConfiguration)
        case cri(PodLogsConfiguration)
        case podman(PodmanConfiguration)
        case files([FileTargetConfiguration])
    }

    package init(jobName: String, source: Source) {
        self.jobName = jobName
        self.source = source
    }
}

/// How the lines of a file are wrapped.
package enum FileFormat: String, Sendable, CaseIterable { case plain, docker, cri }

/// Caps on single lines.
package struct LineLimits: Sendable, Equatable {
    /// Longest line in bytes that is stored whole; what is longer is cut into pieces of this size, each marked with
    /// structured metadata `line_part` = 1, 2, …  Loki's own default limit is 256 KB.
    package var maxLineSize: Int = 256 << 10
    /// Longest line, journal field or joined partial in bytes that is kept at all; the rest of it is dropped, counted,
    /// and the last piece marked `line_truncated`.
    package var maxJoinedSize: Int = 16 << 20

    package init() {}
}

/// `journal:` of a scrape configuration.
package struct JournalConfiguration: Sendable, Equatable {
    /// How far back the very first start reads, in seconds. Ignored once there is a position. Promtail: 7 h.
    package var maxAge: Double = 7 * 3600
    /// Labels of every entry.
    package var labels: LabelSet = [:]
    /// A journal directory; empty for the host's own (/var/log/journal and /run/log/journal).
    package var path: String = ""
    /// journald namespace (`systemd.unit(5)`, LogNamespace=); empty for the default one, `*` for all.
    package var namespace: String = ""
    /// The entry as JSON instead of its MESSAGE.
    package var json: Bool = false
    /// promtail's `matches`: `FIELD=value` terms; different fields are ANDed, the same field ORed; `+` between terms
    /// is OR of groups, as journalctl has it.
    package var matches: String = ""
    /// Only these units (`ssh.service`; globs with `*`), kernel and init messages about them included.
    package var units: [String] = []
    package var excludeUnits: [String] = []
    package var identifiers: [String] = []
    package var excludeIdentifiers: [String] = []
    /// Entries of this priority and more urgent: 0 (emerg) to 7 (debug).
    package var maxPriority: Int = 7
    /// `FIELD=value` terms; an entry that has any of them is left out.
    package var excludeMatches: [String] = []
    /// Use the client's time (`_SOURCE_REALTIME_TIMESTAMP`) instead of journald's time of receipt.
    package var useSourceTime: Bool = false
    /// Journal fields kept as structured metadata, by name.
    package var structuredMetadata: [String] = []

    package init() {}
}

/// `docker_sd_configs:` of a scrape configuration.
package struct DockerConfiguration: Sendable, Equatable {
    /// dockerd's API, `unix:///var/run/docker.sock`, asked only for what has no file.
    package var host: String = "unix:///var/run/docker.sock"
    /// dockerd's data root; its `containers/` holds the logs.
    package var dataRoot: String = "/var/lib/docker"
    /// Listen to the API's event stream too.
    package var useEvents: Bool = false
    /// Seconds between two looks at the containers directory beside inotify.
    package var refreshInterval: Double = 60
    /// promtail's `filters`: name (`name`, `id`, `label`, `network`, `status`) and accepted values.
    package var filters: [Filter] = []
    package var hostNetworkingHost: String = "localhost"
    package var matchFirstNetwork: Bool = true
    /// Labels of every line.
    package var labels: LabelSet = [:]

    package struct Filter: Sendable, Equatable {
        package var name: String
        package var values: [String]
        package init(name: String, values: [String]) {
            self.name = name
            self.values = values
        }
    }

    package init() {}
}

/// `cri:` of a scrape configuration: Kubernetes pods' logs.
package struct PodLogsConfiguration: Sendable, Equatable {
    package var path: String = "/var/log/pods"
    package var labels: LabelSet = [:]
    package init() {}
}

/// `podman:` of a scrape configuration: containers with the `k8s-file` log driver.
package struct PodmanConfiguration: Sendable, Equatable {
    /// containers/storage directories.
    package var paths: [String] = ["/var/lib/containers/storage/overlay-containers"]
    package var labels: LabelSet = [:]
    package init() {}
}

/// One group of `static_configs:`.
package struct FileTargetConfiguration: Sendable, Equatable {
    /// `__path__`: a glob with `*`, `?`, `[…]`, `{a,b}` and `**`.
    package var path: String
    /// `__path_exclude__`.
    package var exclude: String = ""
    /// All other labels of the group.
    package var labels: LabelSet = [:]
    package init(path: String) { self.path = path }
}

/// `store:` of the configuration file.
package struct StoreConfiguration: Sendable, Equatable {
    /// Bytes on disk at which the policy of the sources decides.
    package var maxSize: Int = 1 << 30
    /// Age in seconds beyond which delivered segments go.
    package var retention: Double = 24 * 3600
    /// Bytes at which a segment is closed and the next begun.
    package var segmentSize: Int = 16 << 20
    package init() {}
}
