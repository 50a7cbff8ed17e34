import Configuration
import Telemetry
import Transport

extension RemoteWriteConfiguration: ConfigurationSection {
    package static let configurationKeys =
        ownKeys + HTTPClientConfiguration.configurationKeys

    /// Without those of the HTTP client, which stand in line with them.
    package static let ownKeys: [ConfigurationKey] = [
        ConfigurationKey(
            "url", "URL",
            "The server's remote write endpoint, such as `http://host:9090/api/v1/write`; or `unix:/run/x.sock:/api/v1/write`."
        ),
        ConfigurationKey(
            "name", "string",
            "What metrics, readiness and the queue's directory call it; letters, digits, `.`, `_` and `-`. Without one it is made of the URL's host. Renaming it leaves behind what is queued."
        ),
        ConfigurationKey(
            "remote_timeout", "duration", default: "30s",
            "How long a request may take. For one over 64 KiB it counts from the last byte that the server has taken."
        ),
        ConfigurationKey(
            "write_relabel_configs", "list", "Relabelling of every series before it is queued."),
        ConfigurationKey(
            "send_exemplars", "bool", default: "false", "Whether exemplars are sent with their samples."),
        ConfigurationKey(
            "protobuf_message", "`prometheus.WriteRequest` or `io.prometheus.write.v2.Request`",
            default: "prometheus.WriteRequest",
            "Remote write 1.0 or 2.0. A server that answers 415 to 2.0 gets 1.0 from then on."),
        ConfigurationKey("queue_config", "mapping", "Batches and retries; see [queue_config](#queue_config)."),
        ConfigurationKey(
            "metadata_config", "mapping", "Types and help texts; see [metadata_config](#metadata_config)."),
        ConfigurationKey(
            "queue", "mapping", "The queue on disk; see [remote write queue](#remote_write_queue). A key of ours."),
        .ignored("send_native_histograms", "there are no native histograms to send"),
        .ignored("enable_http2", "requests are made by HTTP/1.1, one after another"),
        .ignored("round_robin_dns", "one connection is kept, its address is what the resolver gives first"),
        .refused("http_headers", "write headers: {NAME: VALUE} instead"),
        .refused("proxy_from_environment", "the environment's proxy is never used; set proxy_url and no_proxy"),
        .refused("sigv4", "requests are not signed for AWS; send through a proxy that signs them"),
        .refused("azuread", "Azure AD is not supported; use authorization with credentials_file"),
        .refused("google_iam", "Google IAM is not supported; use authorization with credentials_file"),
    ]

    package init(_ reader: MappingReader) {
        let url = reader.requiredString("url")
        var authority = "remote"
        if !url.isEmpty {
            // A URL may hold a password: it is never shown.
            do { authority = try HTTPTarget(parsing: url).authority } catch {
                reader.report("url: \(error)", at: "url")
            }
        }
        var name = reader.string("name") ?? ""
        if name.isEmpty {
            name = Self.plain(authority)
        } else if name != Self.plain(name) || name.utf8.count > 100 || name.hasPrefix(".") {
            reader.report(
                "name: expected letters, digits, \".\", \"_\" and \"-\", at most 100 and no dot first, found \"\(name)\"",
                at: "name")
            name = "remote"
        }
        self.init(name: name, url: url)
        http = HTTPClientConfiguration(reader)
        remoteTimeout = reader.duration("remote_timeout", in: 0.1...3600) ?? remoteTimeout
        writeRelabelConfigs = reader.sections("write_relabel_configs") ?? writeRelabelConfigs
        sendExemplars = reader.bool("send_exemplars") ?? sendExemplars
        message = reader.choice("protobuf_message") ?? message
        queueConfig = reader.section("queue_config") ?? queueConfig
        metadataConfig = reader.section("metadata_config") ?? metadataConfig
        queue = reader.section("queue") ?? queue
    }

    /// `text` as a name for files and metrics: of letters, digits, `.`, `_` and `-`.
    private static func plain(_ text: String) -> String {
        var name = ""
        for byte in text.utf8 {
            let isPlain =
                (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                || [UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-")].contains(byte)
            if isPlain { name.unicodeScalars.append(Unicode.Scalar(byte)) } else if name.last != "-" { name += "-" }
        }
        let trimmed = name.drop { $0 == "-" || $0 == "." }
        return trimmed.isEmpty ? "remote" : String(trimmed.prefix(100))
    }
}

extension RemoteWriteConfiguration.QueueConfiguration: ConfigurationSection {
    package static let configurationKeys: [ConfigurationKey] = [
        ConfigurationKey(
            "capacity", "int", default: "100000",
            "Samples that may wait in memory to be written to the queue on disk; more are dropped and counted."),
        ConfigurationKey("max_samples_per_send", "int", default: "2000", "Samples in one request."),
        ConfigurationKey(
            "batch_send_deadline", "duration", default: "5s",
            "How long a sample waits at most for others to be sent with."),
        ConfigurationKey("min_backoff", "duration", default: "30ms", "Wait before the first retry; it doubles."),
        ConfigurationKey(
            "max_backoff", "duration", default: "5s", "No wait is longer, unless the server asks for it."),
        ConfigurationKey(
            "retry_on_http_429", "bool", default: "true",
            "Whether a batch that the server refuses for its rate (429) is sent again."),
        ConfigurationKey(
            "sample_age_limit", "duration", default: "0s",
            "Batches whose newest sample is older are dropped instead of sent. 0: none."),
        .ignored("max_shards", "one connection with one request in flight is enough for a host and keeps the order"),
        .ignored("min_shards", "there is always one"),
    ]

    package init(_ reader: MappingReader) {
        self.init()
        capacity = reader.int("capacity", in: 1...10_000_000) ?? capacity
        maxSamplesPerSend = reader.int("max_samples_per_send", in: 1...100_000) ?? maxSamplesPerSend
        batchSendDeadline = reader.duration("batch_send_deadline", in: 0.01...3600) ?? batchSendDeadline
        minBackoff = reader.duration("min_backoff", in: 0.001...3600) ?? minBackoff
        maxBackoff = reader.duration("max_backoff", in: 0.001...86400) ?? maxBackoff
        retryOnRateLimit = reader.bool("retry_on_http_429") ?? retryOnRateLimit
        sampleAgeLimit = reader.duration("sample_age_limit") ?? sampleAgeLimit
        if maxBackoff < minBackoff {
            reader.report("max_backoff: expected at least min_backoff", at: "max_backoff")
        }
    }
}

extension RemoteWriteConfiguration.MetadataConfiguration: ConfigurationSection {
    package static let configurationKeys: [ConfigurationKey] = [
        ConfigurationKey("send", "bool", default: "true", "Whether types and help texts are sent."),
        ConfigurationKey(
            "send_interval", "duration", default: "1m",
            "How often remote write 1.0 sends all of them; 2.0 has them with each series."),
        ConfigurationKey("max_samples_per_send", "int", default: "2000", "Families in one request of them."),
    ]

    package init(_ reader: MappingReader) {
        self.init()
        send = reader.bool("send") ?? send
        sendInterval = reader.duration("send_interval", in: 1...86400) ?? sendInterval
        maxSamplesPerSend = reader.int("max_samples_per_send", in: 1...100_000) ?? maxSamplesPerSend
    }
}

extension RemoteWriteConfiguration.DiskQueueConfiguration: ConfigurationSection {
    package static let configurationKeys: [ConfigurationKey] = [
        ConfigurationKey(
            "max_size", "size", default: "64MiB",
            "Room for samples that are not sent yet; beyond it the oldest are dropped and counted."),
        ConfigurationKey(
            "max_age", "duration", default: "0s", "Samples that have waited longer are dropped and counted. 0: none."),
    ]

    package init(_ reader: MappingReader) {
        self.init()
        maxSize = reader.byteCount("max_size", in: 1 << 20...1 << 40) ?? maxSize
        maxAge = reader.duration("max_age") ?? maxAge
    }
}
