import Configuration
import Transport

/// `alerting.heartbeat:` of the agent's configuration: a URL that hears of the agent for as long as it keeps watch, and whose
/// owner raises the alarm when it does not (healthchecks.io, Dead Man's Snitch, Uptime Kuma).
package struct HeartbeatConfiguration: ConfigurationSection, Sendable, Equatable {
    package enum Method: String, Sendable, CaseIterable {
        case get = "GET"
        case post = "POST"
    }

    var url: SecretReference?
    /// Seconds.
    package var interval = 60.0
    var method = Method.get
    /// Seconds.
    var timeout = 10.0
    /// Seconds for which deliveries may fail or hang.
    package var failingFor = 600.0
    /// Nil for the global one.
    package var http: HTTPClientConfiguration?

    package static let configurationKeys = [
        ConfigurationKey("url", "secret", "What is asked for; required, here or in a file."),
        ConfigurationKey("url_file", "path", "A file with the URL, read each time."),
        ConfigurationKey("interval", "duration", default: "1m", "How often."),
        ConfigurationKey("method", "GET or POST", default: "GET", "How."),
        ConfigurationKey("timeout", "duration", default: "10s", "How long a request may take."),
        ConfigurationKey(
            "failing_for", "duration", default: "10m",
            "How long a receiver may fail, or a notification be stuck, before the heartbeat is withheld."),
        ConfigurationKey(
            "http_config", "mapping",
            "How requests are made, as for [receivers](receivers.md#http_config); by default as `global` says."),
    ]

    package init(_ reader: MappingReader) {
        url = reader.secretReference("url", orFile: "url_file")
        if case .inPlace? = url { _ = reader.serviceURL("url") }
        if url == nil { reader.report("expected url or url_file, found neither") }
        interval = reader.duration("interval", in: 1...86_400) ?? interval
        method = reader.choice("method") ?? method
        timeout = reader.duration("timeout", in: 0.1...600) ?? timeout
        failingFor = reader.duration("failing_for", in: 1...86_400) ?? failingFor
        http = reader.section("http_config", ReceiverHTTP.self)?.client
        reader.finish()
    }
}
