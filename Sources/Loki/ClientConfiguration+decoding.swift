import Configuration
import Logs
import Telemetry
import Transport

extension ClientConfiguration: ConfigurationSection {
    package static let configurationKeys: [ConfigurationKey] =
        [
            ConfigurationKey("name", "string", "Name in metrics, readiness and the saved cursor. Default: the URL's host."),
            ConfigurationKey(
                "url", "URL", "The push endpoint, `https://host/loki/api/v1/push` or `unix:/run/loki.sock:/path`; required."),
            ConfigurationKey("tenant_id", "string", "`X-Scope-OrgID` of lines that have no tenant of their own."),
            ConfigurationKey(
                "external_labels", "mapping of strings", "Labels added to every stream; the stream's own win."),
            ConfigurationKey("timeout", "duration", default: "10s", "How long one request may take."),
            ConfigurationKey("backoff_config", "mapping", "Pauses between tries: see [backoff_config](#backoff_config)."),
            ConfigurationKey(
                "drop_rate_limited_batches", "bool", default: "false",
                "Drop what the server refuses for its rate (429) instead of sending it later."),
            ConfigurationKey("limits", "mapping", "Checked before sending: see [client limits](#client-limits)."),
            .ignored("batchwait", "the store makes the blocks, once for all destinations, at the latest every second"),
            .ignored("batchsize", "the store makes the blocks, once for all destinations, of about 1 MiB"),
        ] + HTTPClientConfiguration.configurationKeys

    package init(_ reader: MappingReader) {
        let url = reader.requiredString("url")
        var host = ""
        if !url.isEmpty {
            do throws(HTTPTargetError) {
                host = try HTTPTarget(parsing: url).authority
            } catch {
                reader.report("url: \(error)", at: "url")
            }
        }
        self.init(name: reader.string("name") ?? host, url: url)
        http = HTTPClientConfiguration(reader)
        tenantID = reader.string("tenant_id") ?? tenantID
        externalLabels = reader.labels("external_labels") ?? externalLabels
        timeout = reader.duration("timeout", in: 0.1...3600) ?? timeout
        backoff = reader.section("backoff_config") ?? backoff
        dropRateLimitedBatches = reader.bool("drop_rate_limited_batches") ?? dropRateLimitedBatches
        limits = reader.section("limits") ?? limits
        reader.finish()
    }
}

extension ClientConfiguration.BackoffConfiguration: ConfigurationSection {
    package static let configurationKeys: [ConfigurationKey] = [
        ConfigurationKey("min_period", "duration", default: "500ms", "Pause before the first retry."),
        ConfigurationKey("max_period", "duration", default: "5m", "No pause is longer."),
        ConfigurationKey(
            "max_retries", "integer", default: "0",
            "After so many retries a batch is dropped, counted. 0: never. Promtail's default is 10."),
    ]

    package init(_ reader: MappingReader) {
        self.init()
        minPeriod = reader.duration("min_period", in: 0.001...3600) ?? minPeriod
        maxPeriod = reader.duration("max_period", in: 0.001...86400) ?? maxPeriod
        if maxPeriod < minPeriod {
            reader.report("max_period: expected at least min_period", at: "max_period")
        }
        maxRetries = reader.int("max_retries") ?? maxRetries
        reader.finish()
    }
}

extension ClientConfiguration.Limits: ConfigurationSection {
    package static let configurationKeys: [ConfigurationKey] = [
        ConfigurationKey("max_line_size", "bytes", default: "0", "Longest line."),
        ConfigurationKey(
            "max_line_size_truncate", "bool", default: "false",
            "Cut longer lines, the whole going to the quarantine, instead of only that."),
        ConfigurationKey("max_label_names_per_series", "integer", default: "0", "Most labels of a stream."),
        ConfigurationKey("max_label_name_length", "integer", default: "0", "Longest label name in bytes."),
        ConfigurationKey("max_label_value_length", "integer", default: "0", "Longest label value in bytes."),
        ConfigurationKey("reject_old_samples_max_age", "duration", default: "0s", "Oldest entry."),
        ConfigurationKey("creation_grace_period", "duration", default: "0s", "How far ahead an entry's time may be."),
        ConfigurationKey("max_structured_metadata_size", "bytes", default: "0", "Structured metadata of an entry."),
        ConfigurationKey(
            "max_structured_metadata_entries_count", "integer", default: "0", "Pairs of structured metadata of an entry."),
        ConfigurationKey(
            "max_request_size", "bytes", default: "0",
            "Compressed size of a request; larger blocks are split, for proxies with a small `client_max_body_size`."),
    ]

    package init(_ reader: MappingReader) {
        self.init()
        maxLineSize = reader.byteCount("max_line_size") ?? maxLineSize
        maxLineSizeTruncate = reader.bool("max_line_size_truncate") ?? maxLineSizeTruncate
        maxLabelNamesPerSeries = reader.int("max_label_names_per_series") ?? maxLabelNamesPerSeries
        maxLabelNameLength = reader.int("max_label_name_length") ?? maxLabelNameLength
        maxLabelValueLength = reader.int("max_label_value_length") ?? maxLabelValueLength
        rejectOldSamplesMaxAge = reader.duration("reject_old_samples_max_age") ?? rejectOldSamplesMaxAge
        creationGracePeriod = reader.duration("creation_grace_period") ?? creationGracePeriod
        maxStructuredMetadataSize = reader.byteCount("max_structured_metadata_size") ?? maxStructuredMetadataSize
        maxStructuredMetadataEntriesCount =
            reader.int("max_structured_metadata_entries_count") ?? maxStructuredMetadataEntriesCount
        maxRequestSize = reader.byteCount("max_request_size") ?? maxRequestSize
        reader.finish()
    }
}
