import Configuration
import Logs
import Telemetry
import Transport

extension ClientConfiguration: ConfigurationSection {
    package static let configurationKeys = ownKeys + HTTPClientConfiguration.configurationKeys

    /// Without those of the HTTP client, which stand in line with them.
    package static let ownKeys: [ConfigurationKey] = [
        ConfigurationKey(
            "url", "URL",
            "Loki's push endpoint, `http://host:3100/loki/api/v1/push`; or `unix:/run/loki.sock:/loki/api/v1/push`."
        ),
        ConfigurationKey(
            "name", "string",
            "What metrics, readiness and the saved position call it. Without one it is made of the URL's host and the tenant. Renaming a destination sends it everything that is stored again."
        ),
        ConfigurationKey("tenant_id", "string", "`X-Scope-OrgID` of entries without a tenant of their own."),
        ConfigurationKey(
            "external_labels", "mapping of strings", "Added to every stream; a stream's own labels win."),
        ConfigurationKey(
            "timeout", "duration", default: "10s",
            "How long a request may take. For one over 64 KiB it counts from the last byte that the server has taken."
        ),
        ConfigurationKey(
            "backoff_config", "mapping", "Waits between tries; see [backoff_config](#backoff_config)."),
        ConfigurationKey(
            "drop_rate_limited_batches", "bool", default: "false",
            "Drop what the server refuses for the tenant's rate (429) instead of sending it later."),
        ConfigurationKey(
            "limits", "mapping", "Limits to check before sending; see [client limits](#client_limits)."),
        ConfigurationKey(
            "batchwait", "duration", default: "1s",
            "Accepted for promtail's files; blocks are made by the store, once for all destinations."),
        ConfigurationKey("batchsize", "size", default: "1MiB", "Accepted as `batchwait` is."),
    ]

    package init(_ reader: MappingReader) {
        let url = reader.requiredString("url")
        var tenant = reader.string("tenant_id") ?? ""
        if !tenant.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) {
            reader.report("tenant_id: expected printable ASCII without spaces", at: "tenant_id")
            tenant = ""
        }
        let name = reader.string("name") ?? ""
        var authority = "loki"
        if !url.isEmpty {
            // A URL may hold a password: it is never shown.
            do { authority = try HTTPTarget(parsing: url).authority } catch {
                reader.report("url: \(error)", at: "url")
            }
        }
        self.init(name: name.isEmpty ? Self.name(authority, tenant) : name, url: url)
        tenantID = tenant
        http = HTTPClientConfiguration(reader)
        externalLabels = reader.labels("external_labels") ?? externalLabels
        timeout = reader.duration("timeout", in: 0.1...3600) ?? timeout
        backoff = reader.section("backoff_config") ?? backoff
        dropRateLimitedBatches = reader.bool("drop_rate_limited_batches") ?? dropRateLimitedBatches
        limits = reader.section("limits") ?? limits
        batchWait = reader.duration("batchwait") ?? batchWait
        batchSize = reader.byteCount("batchsize") ?? batchSize
    }

    /// A name that stays when the destinations' order changes: of letters, digits, `.`, `_` and `-`.
    private static func name(_ authority: String, _ tenant: String) -> String {
        let text = tenant.isEmpty ? authority : "\(authority)-\(tenant)"
        var name = ""
        for byte in text.utf8 {
            let isPlain =
                (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
            if isPlain { name.unicodeScalars.append(Unicode.Scalar(byte)) } else if name.last != "-" { name += "-" }
        }
        return name.drop { $0 == "-" }.isEmpty ? "loki" : String(name.drop { $0 == "-" })
    }
}

extension ClientConfiguration.BackoffConfiguration: ConfigurationSection {
    package static let configurationKeys: [ConfigurationKey] = [
        ConfigurationKey("min_period", "duration", default: "500ms", "Wait before the first retry; it doubles."),
        ConfigurationKey("max_period", "duration", default: "30s", "No wait is longer."),
        ConfigurationKey(
            "max_retries", "int", default: "0",
            "Drop a batch after so many retries, as promtail does after 10. 0: never; the store keeps it."),
    ]

    package init(_ reader: MappingReader) {
        self.init()
        minPeriod = reader.duration("min_period", in: 0.001...3600) ?? minPeriod
        maxPeriod = reader.duration("max_period", in: 0.001...86400) ?? maxPeriod
        maxRetries = reader.int("max_retries", in: 0...1_000_000) ?? maxRetries
        if maxPeriod < minPeriod {
            reader.report("max_period: expected at least min_period", at: "max_period")
        }
    }
}

extension ClientConfiguration.Limits: ConfigurationSection {
    package static let configurationKeys: [ConfigurationKey] = [
        ConfigurationKey(
            "max_line_size", "size", default: "0",
            "Longer lines go into the quarantine. 0 here and below: the server decides, and what it refuses goes into the quarantine with its reason."
        ),
        ConfigurationKey(
            "max_line_size_truncate", "bool", default: "false",
            "Send a longer line cut to size; the whole of it is in the quarantine."),
        ConfigurationKey("max_label_names_per_series", "int", default: "0", "Most labels of a stream."),
        ConfigurationKey("max_label_name_length", "size", default: "0", "Longest label name."),
        ConfigurationKey("max_label_value_length", "size", default: "0", "Longest label value."),
        ConfigurationKey("reject_old_samples_max_age", "duration", default: "0s", "Oldest entry sent."),
        ConfigurationKey("creation_grace_period", "duration", default: "0s", "How far ahead of now an entry may be."),
        ConfigurationKey(
            "max_structured_metadata_size", "size", default: "0", "Most bytes of an entry's structured metadata."),
        ConfigurationKey(
            "max_structured_metadata_entries_count", "int", default: "0", "Most pairs of structured metadata."),
        ConfigurationKey(
            "max_request_size", "size", default: "0",
            "Largest request, compressed; larger ones are split. What is refused with 413 is split anyway."),
    ]

    package init(_ reader: MappingReader) {
        self.init()
        maxLineSize = reader.byteCount("max_line_size") ?? maxLineSize
        maxLineSizeTruncate = reader.bool("max_line_size_truncate") ?? maxLineSizeTruncate
        maxLabelNamesPerSeries = reader.int("max_label_names_per_series") ?? maxLabelNamesPerSeries
        maxLabelNameLength = reader.byteCount("max_label_name_length") ?? maxLabelNameLength
        maxLabelValueLength = reader.byteCount("max_label_value_length") ?? maxLabelValueLength
        rejectOldSamplesMaxAge = reader.duration("reject_old_samples_max_age") ?? rejectOldSamplesMaxAge
        creationGracePeriod = reader.duration("creation_grace_period") ?? creationGracePeriod
        maxStructuredMetadataSize = reader.byteCount("max_structured_metadata_size") ?? maxStructuredMetadataSize
        maxStructuredMetadataEntriesCount =
            reader.int("max_structured_metadata_entries_count") ?? maxStructuredMetadataEntriesCount
        maxRequestSize = reader.byteCount("max_request_size") ?? maxRequestSize
    }
}
