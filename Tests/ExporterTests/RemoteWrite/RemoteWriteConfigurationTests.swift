import Configuration
import Telemetry
import Testing
import Transport

@testable import Exporter

@Suite("Remote write configuration")
struct RemoteWriteConfigurationTests {
    private let nothing = ConfigurationSurroundings(
        variable: { _ in nil }, read: { _ in .failure(FileFailure("No such file or directory")) })

    private func read(_ yaml: String) throws(ConfigurationError) -> ConfigurationFile<RemoteWriteConfiguration> {
        try ConfigurationFile(Array(yaml.utf8), file: "/etc/t.yaml", surroundings: nothing)
    }

    @Test("Prometheus's keys are read")
    func keys() throws {
        let file = try read(
            """
            url: https://u:hunter2@example.org:9009/api/v1/push
            name: mimir
            remote_timeout: 10s
            headers: {X-Scope-OrgID: t}
            write_relabel_configs:
              - {source_labels: [__name__], regex: "go_.*", action: drop}
            basic_auth: {username: u, password: p}
            tls_config: {insecure_skip_verify: true}
            proxy_url: http://proxy:3128
            follow_redirects: false
            send_exemplars: true
            send_native_histograms: true
            protobuf_message: io.prometheus.write.v2.Request
            queue_config:
              {capacity: 5000, max_shards: 10, min_shards: 1, max_samples_per_send: 500, batch_send_deadline: 2s,
               min_backoff: 1s, max_backoff: 1m, retry_on_http_429: false, sample_age_limit: 1h}
            metadata_config: {send: false, send_interval: 5m, max_samples_per_send: 100}
            queue: {max_size: 128MiB, max_age: 12h}
            """)
        let read = file.contents
        #expect(read.name == "mimir" && read.remoteTimeout == 10 && read.http.headers == ["X-Scope-OrgID": "t"])
        #expect(read.writeRelabelConfigs.map(\.action) == [.drop])
        #expect(read.http.basicAuth?.username == "u" && read.http.tlsConfig.insecureSkipVerify)
        #expect(read.http.proxyURL == "http://proxy:3128" && !read.http.followRedirects)
        #expect(read.sendExemplars && read.message == .v2)
        #expect(read.queueConfig.capacity == 5000 && read.queueConfig.maxSamplesPerSend == 500)
        #expect(read.queueConfig.batchSendDeadline == 2 && read.queueConfig.minBackoff == 1)
        #expect(read.queueConfig.maxBackoff == 60 && !read.queueConfig.retryOnRateLimit)
        #expect(read.queueConfig.sampleAgeLimit == 3600)
        #expect(!read.metadataConfig.send && read.metadataConfig.sendInterval == 300)
        #expect(read.metadataConfig.maxSamplesPerSend == 100)
        #expect(read.queue.maxSize == 128 << 20 && read.queue.maxAge == 43200)
        #expect(file.warnings.count == 4, "\(file.warnings)")
    }

    @Test(
        "without a name the URL's host gives one that a directory can have",
        arguments: [
            ("http://localhost:9090/api/v1/write", "localhost-9090"), ("https://u:p@h.example/x", "h.example"),
            ("http://[::1]:9/x", "1-9"), ("unix:/run/x.sock:/w", "run-x.sock"),
        ])
    func name(url: String, expected: String) throws {
        #expect(try read("url: '\(url)'").contents.name == expected)
    }

    @Test(
        "what is wrong or not supported is told in a sentence without any secret",
        arguments: [
            ("name: x", "url is missing"), ("url: 'ftp://u:hunter2@h'", "expected http://"),
            ("url: http://h\nname: ../x", "expected letters, digits"),
            ("url: http://h\nsigv4: {}", "not signed for AWS"),
            ("url: http://h\nazuread: {}", "Azure AD is not supported"),
            ("url: http://h\ngoogle_iam: {}", "Google IAM is not supported"),
            ("url: http://h\noauth2: {client_secret: hunter2, client_id: i}", "token_url is missing"),
            ("url: http://h\nprotobuf_message: x", "one of prometheus.WriteRequest"),
            ("url: http://h\nqueue_config: {max_samples_per_send: 0}", "from 1 to"),
            ("url: http://h\nqueue_config: {min_backoff: 10s}", "at least min_backoff"),
            ("url: http://h\nqueue: {max_size: 1KiB}", "from 1MiB"),
            ("url: http://h\nwrite_relabel_configs: [{action: replace}]", "needs a target_label"),
            ("url: http://h\nbasic_auth: {username: u}\nbearer_token: hunter2", "expected one way to log in"),
        ])
    func wrong(yaml: String, message: String) {
        let error = #expect(throws: ConfigurationError.self) { _ = try read(yaml) }
        let found = error?.problems.map(\.description) ?? []
        #expect(found.count == 1 && found[0].contains(message) && !found[0].contains("hunter2"), "\(found)")
    }

    @Test("the defaults in the tables are those that hold")
    func defaults() throws {
        let plain = try read("url: http://h").contents
        for key in RemoteWriteConfiguration.configurationKeys where !key.defaultValue.isEmpty {
            #expect(try read("url: http://h\n\(key.name): \(key.defaultValue)").contents == plain, "\(key.name)")
        }
        let sections: [(String, [ConfigurationKey])] = [
            ("queue_config", RemoteWriteConfiguration.QueueConfiguration.configurationKeys),
            ("metadata_config", RemoteWriteConfiguration.MetadataConfiguration.configurationKeys),
            ("queue", RemoteWriteConfiguration.DiskQueueConfiguration.configurationKeys),
        ]
        for (section, keys) in sections {
            for key in keys where !key.defaultValue.isEmpty {
                let yaml = "url: http://h\n\(section): {\(key.name): \(key.defaultValue)}"
                #expect(try read(yaml).contents == plain, "\(section).\(key.name)")
            }
        }
    }
}
