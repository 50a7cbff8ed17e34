import Configuration
import Logs
import Loki
import Web

/// The whole of `tocsin.yaml`.
struct AgentConfiguration: Sendable, ConfigurationSection {
    var stateDirectory = Self.defaultStateDirectory
    var server = ServerSection()
    var store = StoreConfiguration()
    var logs = LogsSection()
    var metrics = MetricsSection()
    var rules = RulesSection()
    var alerting = AlertingSection()
    var jails = JailsSection()

    static let defaultStateDirectory = "/var/lib/tocsin"
    /// Read when no `--config` is given and it is there.
    static let defaultPath = "/etc/tocsin/tocsin.yaml"

    static let configurationKeys = [
        ConfigurationKey(
            "state_dir", "path", default: defaultStateDirectory,
            "Everything the agent keeps: store, checkpoints, quarantine. Changed only by a restart."),
        ConfigurationKey("server", "mapping", "The HTTP server: see [server](#server)."),
        ConfigurationKey("store", "mapping", "The store on disk: see [store](#store)."),
        ConfigurationKey("logs", "mapping", "Where lines come from and go to: see [logs](#logs)."),
        ConfigurationKey("metrics", "mapping", "What is measured: see [metrics](#metrics)."),
        ConfigurationKey("rules", "mapping", "What is watched: see [rules](#rules)."),
        ConfigurationKey("alerting", "mapping", "Who is told of alerts: see [alerting](#alerting)."),
        ConfigurationKey("jails", "mapping", "Who is banned: see [jails](#jails)."),
    ]

    init() {}

    init(_ reader: MappingReader) {
        stateDirectory = reader.string("state_dir") ?? stateDirectory
        if !stateDirectory.hasPrefix("/") { stateDirectory = reader.context.resolve(stateDirectory) }
        server = reader.section("server") ?? server
        store = reader.section("store") ?? store
        logs = reader.section("logs") ?? logs
        metrics = reader.section("metrics") ?? metrics
        rules = reader.section("rules") ?? rules
        alerting = reader.section("alerting") ?? alerting
        jails = reader.section("jails") ?? jails
        reader.finish()
    }
}

/// `server:` of the configuration file.
struct ServerSection: Sendable, Equatable, ConfigurationSection {
    var addresses: [ListenAddress] = [.tcp(host: "127.0.0.1", port: 9464)]
    /// The file with TLS, users and limits; nil: plain HTTP, and nobody is asked who it is.
    var webConfig: String?

    /// Where a command of this host asks: in the clear, and without a password.
    var plainAddresses: [ListenAddress] {
        guard webConfig != nil else { return addresses }
        return addresses.filter { if case .unix = $0 { true } else { false } }
    }

    static let configurationKeys = [
        ConfigurationKey(
            "listen", "address or list of addresses", default: "127.0.0.1:9464",
            "`host:port`, `:port` for all addresses, or `unix:/path`, with `?mode=0660&group=adm` behind it if wanted. "
                + "On a non-loopback address only `/metrics`, the health paths and the signed `/api/bans/feed` answer, but for "
                + "clients that have proven who they are. Changed only by a restart."),
        ConfigurationKey(
            "web_config", "path",
            "Prometheus's web configuration file: TLS, client certificates, users, headers, a rate limit; see "
                + "[web.md](web.md). Its path is changed only by a restart, its contents at any time."),
    ]

    init() {}

    init(_ reader: MappingReader) {
        if let value = reader.value("listen") {
            var texts: [String] = []
            if case .sequence = value.node.content {
                texts = value.strings() ?? []
            } else if let text = value.string() {
                texts = [text]
            }
            var parsed: [ListenAddress] = []
            for text in texts {
                do throws(WebServerError) {
                    parsed.append(try ListenAddress(text))
                } catch {
                    reader.report("listen: \(error.description)", at: "listen")
                }
            }
            if !parsed.isEmpty { addresses = parsed }
        }
        webConfig = reader.path("web_config")
        reader.finish()
    }
}

/// `logs:` of the configuration file.
struct LogsSection: Sendable, Equatable, ConfigurationSection {
    var clients: [ClientConfiguration] = []
    var scrapes: [ScrapeConfiguration] = DefaultScrapes.all
    var limits = LimitsSection()

    static let configurationKeys = [
        ConfigurationKey(
            "clients", "list of clients", default: "[]",
            "The Loki servers to deliver to: see [Destinations](#destinations-logsclients)."),
        ConfigurationKey(
            "scrape_configs", "list of jobs",
            "Where lines come from: see [scrape_configs](#scrape_configs). Without the key: the journal, containers and /var/log."
        ),
        ConfigurationKey("limits_config", "mapping", "Caps of the whole agent; see [limits_config](#limits_config)."),
    ]

    init() {}

    init(_ reader: MappingReader) {
        clients = reader.sections("clients") ?? []
        for (index, client) in clients.enumerated() {
            if clients[..<index].contains(where: { $0.name == client.name }) {
                reader.report("two clients are named \(client.name): give each its own `name`", at: "clients")
            }
        }
        scrapes = reader.scrapeConfigurations("scrape_configs") ?? scrapes
        limits = reader.section("limits_config") ?? limits
        reader.finish()
    }
}

/// `logs.limits_config:` of the configuration file.
struct LimitsSection: Sendable, Equatable, ConfigurationSection {
    /// Distinct values of a label in one job before it moves to structured metadata.
    var maxLabelValues = 2500

    static let configurationKeys = [
        ConfigurationKey(
            "max_label_values", "integer", default: "2500",
            "A label of a job that takes more values than this becomes structured metadata, with a warning.")
    ]

    init() {}

    init(_ reader: MappingReader) {
        maxLabelValues = reader.int("max_label_values", in: 1...1_000_000) ?? maxLabelValues
        reader.finish()
    }
}
