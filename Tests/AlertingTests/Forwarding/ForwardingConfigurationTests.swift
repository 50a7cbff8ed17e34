import Configuration
import Telemetry
import Testing
import Transport

@testable import Alerting

@Suite struct ForwardingConfigurationTests {
    private struct Section: ConfigurationSection {
        static let configurationKeys =
            ForwardingConfiguration.configurationKeys + [ConfigurationKey("route", "mapping", "")]
        var forwarding: ForwardingConfiguration

        init(_ reader: MappingReader) {
            forwarding = ForwardingConfiguration(reader, hasRoute: reader.value("route") != nil)
        }
    }

    private static func read(_ text: String) throws(ConfigurationError) -> ForwardingConfiguration {
        try ConfigurationFile<Section>(Array(text.utf8), file: "tocsin.yaml").contents.forwarding
    }

    @Test(
        "Alertmanagers as Prometheus has them",
        arguments: [
            (
                "static_configs: [{targets: ['a:9093', 'b:9093']}]",
                ["http://a:9093/api/v2/alerts", "http://b:9093/api/v2/alerts"], []
            ),
            (
                "static_configs: [{targets: ['[::1]:9093']}], scheme: https, path_prefix: /am/, timeout: 5s, api_version: v2",
                ["https://[::1]:9093/am/api/v2/alerts"], []
            ),
            (
                "static_configs: [{targets: [a]}, {targets: [a]}], basic_auth: {username: u, password: p}, tls_config: {insecure_skip_verify: true}, enable_http2: true",
                ["http://a/api/v2/alerts"], []
            ),
            (
                "static_configs: [{targets: [a, b], labels: {zone: x}}], relabel_configs: [{source_labels: [zone, __address__], regex: 'x;a', action: drop}, {target_label: __scheme__, replacement: https}, {source_labels: [__alerts_path__], target_label: __alerts_path__, replacement: /p$1}]",
                ["https://b/p/api/v2/alerts"], ["http://a/api/v2/alerts"]
            ),
        ] as [(String, [String], [String])])
    func alertmanagers(_ text: String, _ active: [String], _ dropped: [String]) throws {
        let (found, gone) = try Self.read("alertmanagers: [{\(text)}]").endpoints()
        #expect(found.map(\.target.url) == active)
        #expect(gone == dropped)
    }

    @Test("who tells people, by what there is")
    func policies() throws {
        let there = "alertmanagers: [{static_configs: [{targets: [a]}]}]\n"
        #expect(try Self.read("{}").policy == .local)
        #expect(try Self.read("route: {a: b}").policy == .local)
        #expect(try Self.read(there).policy == .forward)
        #expect(try Self.read(there + "route: {a: b}").policy == .fallback)
        #expect(try Self.read(there + "route: {a: b}\npolicy: forward").policy == .forward)
        let chosen = try Self.read(there + "route: {a: b}\npolicy: fallback\nfallback_after: 2m")
        #expect(chosen.policy == .fallback && chosen.fallbackAfter == 120)
    }

    @Test(
        "what cannot be",
        arguments: [
            ("policy: forward", "policy: forward needs alertmanagers"),
            ("policy: fallback\nalertmanagers: [{static_configs: [{targets: [a]}]}]", "policy: fallback needs a route"),
            ("policy: other", "policy: expected"), ("alertmanagers: [{}]", "expected static_configs"),
            ("alertmanagers: [{static_configs: [{targets: ['http://a/']}]}]", "expected host:port"),
            ("alertmanagers: [{static_configs: [{targets: [a]}], api_version: v1}]", "api_version: expected"),
            ("alertmanagers: [{dns_sd_configs: [{names: [a]}]}]", "static_configs only"),
            ("alertmanagers: [{static_configs: [{targets: [a]}], relabel_configs: [{regex: '('}]}]", "regex"),
            (
                "alertmanagers: [{static_configs: [{targets: [a]}], basic_auth: {username: a}, bearer_token: b}]",
                "one way to log in"
            ),
            ("alertmanagers: [{static_config: [{targets: [a]}]}]", "did you mean static_configs?"),
        ])
    func refused(_ text: String, _ reason: String) {
        do {
            _ = try Self.read(text)
            Issue.record("taken: \(text)")
        } catch {
            #expect("\(error)".contains(reason), "\(error)")
        }
    }
}
