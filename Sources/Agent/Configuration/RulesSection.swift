import Configuration
import Rules

/// `rules:` of the configuration file.
struct RulesSection: Sendable, Equatable, ConfigurationSection {
    /// Patterns of Prometheus rule files.
    var files: [String] = []
    /// Seconds, of groups that say nothing else.
    var evaluationInterval = 15.0
    /// Seconds that groups which say nothing else look back.
    var queryOffset = 0.0
    /// Seconds between two times that a firing alert is told again.
    var resendDelay = 60.0
    /// Seconds; what was pending before a downtime longer than that begins anew.
    var outageTolerance = 3600.0
    /// Of rules that say nothing else.
    var noData = NoData.resolve
    /// Whether the rules that come with the agent are evaluated.
    var hasDefaultPack = true
    /// What links in alerts begin with.
    var externalURL = ""
    var series = SeriesSection()
    var queries = QueriesSection()

    static let configurationKeys = [
        ConfigurationKey(
            "files", "list of paths", default: "[]",
            "Rule files as Prometheus has them; `*`, `?` and `[…]` stand for names. See [rules.md](rules.md)."),
        ConfigurationKey("default_pack", "bool", default: "true", "Evaluate the rules that come with the agent."),
        ConfigurationKey(
            "evaluation_interval", "duration", default: "15s",
            "How often a group is evaluated that does not say, and, from a start on, the step of a subquery that names none."
        ),
        ConfigurationKey(
            "query_offset", "duration", default: "0s", "How far in the past a group is evaluated that does not say."),
        ConfigurationKey(
            "resend_delay", "duration", default: "1m", "The least time between two tellings of an alert that fires."),
        ConfigurationKey(
            "outage_tolerance", "duration", default: "1h",
            "After a downtime of the agent longer than this, what was pending begins anew."),
        ConfigurationKey(
            "no_data", "keep, resolve or fire", default: "resolve",
            "What becomes of alerts whose data is missing, for rules that do not say: see [rules.md](rules.md)."),
        ConfigurationKey(
            "external_url", "string",
            "Where people reach this agent, for links in alerts; by default its first address."),
        ConfigurationKey("series", "mapping", "The series store: see [series](#series)."),
        ConfigurationKey("queries", "mapping", "Limits of queries over HTTP: see [queries](#queries)."),
    ]

    init() {}

    init(_ reader: MappingReader) {
        files = (reader.strings("files") ?? files).map(reader.context.resolve)
        hasDefaultPack = reader.bool("default_pack") ?? hasDefaultPack
        evaluationInterval = reader.duration("evaluation_interval", in: 1...86_400) ?? evaluationInterval
        queryOffset = reader.duration("query_offset", in: 0...86_400) ?? queryOffset
        resendDelay = reader.duration("resend_delay", in: 1...86_400) ?? resendDelay
        outageTolerance = reader.duration("outage_tolerance", in: 0...31 * 86_400) ?? outageTolerance
        noData = reader.choice("no_data") ?? noData
        externalURL = reader.string("external_url") ?? externalURL
        series = reader.section("series") ?? series
        queries = reader.section("queries") ?? queries
        reader.finish()
    }
}

/// `rules.series:` of the configuration file.
struct SeriesSection: Sendable, Equatable, ConfigurationSection {
    /// Seconds that every series is kept; longer where a rule looks further back.
    var retention = 6 * 3600.0
    var maxSeries = 50_000
    /// Bytes of memory.
    var maxMemory = 64 << 20
    /// Bytes of files.
    var maxDisk = 512 << 20
    /// Seconds that a sample may be older than the newest of its series.
    var outOfOrderWindow = 60.0

    static let configurationKeys = [
        ConfigurationKey(
            "retention", "duration", default: "6h",
            "How long samples are kept at least; series that rules look further back at are kept as long as that."),
        ConfigurationKey("max_series", "integer", default: "50000", "Further series are not taken, and counted."),
        ConfigurationKey("max_memory", "size", default: "64MiB", "Memory at which further series are not taken."),
        ConfigurationKey("max_disk", "size", default: "512MiB", "Size of its files at which the oldest samples go."),
        ConfigurationKey(
            "out_of_order_window", "duration", default: "1m",
            "How much older than the newest of its series a sample may be."),
    ]

    init() {}

    init(_ reader: MappingReader) {
        retention = reader.duration("retention", in: 300...31 * 86_400) ?? retention
        maxSeries = reader.int("max_series", in: 100...10_000_000) ?? maxSeries
        maxMemory = reader.byteCount("max_memory", in: 1 << 20...1 << 40) ?? maxMemory
        maxDisk = reader.byteCount("max_disk", in: 1 << 20...1 << 40) ?? maxDisk
        outOfOrderWindow = reader.duration("out_of_order_window", in: 0...3600) ?? outOfOrderWindow
        reader.finish()
    }
}

/// `rules.queries:` of the configuration file.
struct QueriesSection: Sendable, Equatable, ConfigurationSection {
    /// Seconds.
    var timeout = 30.0
    var maxSamples = 5_000_000
    var maxConcurrency = 2
    /// Seconds.
    var lookbackDelta = 300.0
    var takesRemoteWrite = false

    static let configurationKeys = [
        ConfigurationKey("timeout", "duration", default: "30s", "How long a query may take."),
        ConfigurationKey(
            "max_samples", "integer", default: "5000000", "Samples that a query may hold in memory at once."),
        ConfigurationKey("max_concurrency", "integer", default: "2", "Queries that run at once; further ones wait."),
        ConfigurationKey(
            "lookback_delta", "duration", default: "5m", "How old the newest sample of a series may be to count."),
        ConfigurationKey(
            "remote_write_receiver", "bool", default: "false",
            "Take samples by remote write 1.0 at `/api/v1/write`, for tests and sidecars."),
    ]

    init() {}

    init(_ reader: MappingReader) {
        timeout = reader.duration("timeout", in: 0.1...3600) ?? timeout
        maxSamples = reader.int("max_samples", in: 1000...1_000_000_000) ?? maxSamples
        maxConcurrency = reader.int("max_concurrency", in: 1...64) ?? maxConcurrency
        lookbackDelta = reader.duration("lookback_delta", in: 1...86_400) ?? lookbackDelta
        takesRemoteWrite = reader.bool("remote_write_receiver") ?? takesRemoteWrite
        reader.finish()
    }
}
