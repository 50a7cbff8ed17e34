import Configuration
import Telemetry
import Transport

/// One entry of `alertmanagers` as Prometheus has it (`alertmanager_config`): where some are, and how they are reached.
package struct AlertmanagerGroup: Sendable, Equatable {
    /// As `static_configs` gives them, with `__address__`.
    var targets: [LabelSet] = []
    var scheme = Scheme.http
    var pathPrefix = "/"
    /// Seconds for one request.
    var timeout = 10.0
    var http = HTTPClientConfiguration()
    /// What becomes of targets.
    var relabeling: [RelabelRule] = []
    /// What becomes of alerts for these alone.
    var alertRelabeling: [RelabelRule] = []

    enum Scheme: String, Sendable, CaseIterable {
        case http, https
    }

    enum Version: String, Sendable, CaseIterable {
        case v2
    }

    /// The Alertmanagers that relabelling keeps, and the URLs of those that it drops.
    func endpoints() -> (active: [AlertmanagerEndpoint], dropped: [String]) {
        var active: [AlertmanagerEndpoint] = []
        var dropped: [String] = []
        let relabeler = try? Relabeler(relabeling)
        for target in targets {
            var labels = target
            if labels["__scheme__"] == nil { labels["__scheme__"] = scheme.rawValue }
            if labels["__alerts_path__"] == nil { labels["__alerts_path__"] = path }
            guard let kept = relabeler?.apply(labels), let url = try? HTTPTarget(parsing: Self.url(of: kept)) else {
                dropped.append(Self.url(of: labels))
                continue
            }
            active.append(
                AlertmanagerEndpoint(target: url, timeout: timeout, http: http, relabeling: alertRelabeling))
        }
        return (active, dropped)
    }

    private static func url(of labels: LabelSet) -> String {
        "\(labels["__scheme__"] ?? "")://\(labels["__address__"] ?? "")\(labels["__alerts_path__"] ?? "")"
    }

    /// Of the API v2.
    private var path: String {
        "/" + (pathPrefix.split(separator: "/") + ["api", "v2", "alerts"]).joined(separator: "/")
    }
}

/// One Alertmanager.
struct AlertmanagerEndpoint: Sendable, Equatable {
    /// Where alerts are posted.
    var target: HTTPTarget
    var timeout: Double
    var http: HTTPClientConfiguration
    var relabeling: [RelabelRule]
}

extension AlertmanagerGroup: ConfigurationSection {
    package static let ownKeys: [ConfigurationKey] = [
        ConfigurationKey("static_configs", "list of {targets, labels}", "Alertmanagers as `host:port`."),
        ConfigurationKey("scheme", "`http` or `https`", default: "http", "How they are spoken to."),
        ConfigurationKey("path_prefix", "string", default: "/", "What their paths begin with."),
        ConfigurationKey("timeout", "duration", default: "10s", "How long one request may take."),
        ConfigurationKey("api_version", "`v2`", default: "v2", "Alertmanager 0.27 and later have no other."),
        ConfigurationKey(
            "relabel_configs", "list",
            "What becomes of Alertmanagers; see [relabel_configs](#relabel_configs). Labels: `__address__`, `__scheme__`, `__alerts_path__`."
        ),
        ConfigurationKey(
            "alert_relabel_configs", "list", "What becomes of alerts for these alone, after the list for all."),
    ]

    package static let configurationKeys: [ConfigurationKey] =
        ownKeys + ReceiverHTTP.configurationKeys
        + [
            "azure", "consul", "dns", "ec2", "file", "gce", "http", "kubernetes", "marathon", "openstack",
        ].map { .refused("\($0)_sd_configs", "Alertmanagers are found by static_configs only") }
        + [.refused("sigv4", "requests are not signed; use authorization")]

    package init(_ reader: MappingReader) {
        self.init()
        for group in reader.sections("static_configs", StaticAlertmanagers.self) ?? [] {
            targets += group.targets.map { group.labels.overridden(by: ["__address__": $0]) }
        }
        scheme = reader.choice("scheme") ?? scheme
        pathPrefix = reader.string("path_prefix") ?? pathPrefix
        timeout = reader.duration("timeout", in: 0.001...3600) ?? timeout
        _ = reader.choice("api_version", Version.self)
        relabeling = reader.sections("relabel_configs") ?? []
        alertRelabeling = reader.sections("alert_relabel_configs") ?? []
        http = ReceiverHTTP(reader).client
        if !reader.has("static_configs") { reader.report("expected static_configs, found no Alertmanager") }
    }
}

/// One group of `static_configs`.
private struct StaticAlertmanagers: ConfigurationSection {
    var targets: [String] = []
    var labels: LabelSet

    static let configurationKeys: [ConfigurationKey] = [
        ConfigurationKey("targets", "list of host:port", "Alertmanagers."),
        ConfigurationKey("labels", "mapping of strings", "For relabelling."),
    ]

    init(_ reader: MappingReader) {
        labels = reader.labels("labels") ?? [:]
        for target in reader.value("targets")?.items() ?? [] {
            guard let text = target.string() else { continue }
            guard !text.contains("/"), (try? HTTPTarget(parsing: "http://\(text)")) != nil else {
                target.report("expected host:port, found \"\(text)\"")
                continue
            }
            targets.append(text)
        }
        if !reader.has("targets") { reader.report("expected targets, found none") }
    }
}
