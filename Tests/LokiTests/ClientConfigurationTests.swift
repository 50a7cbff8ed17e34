import Configuration
import Telemetry
import Testing
import Transport

@testable import Loki

@Suite("The configuration of a destination")
struct ClientConfigurationTests {
    private func read(_ yaml: String) throws -> ClientConfiguration {
        let surroundings = ConfigurationSurroundings(
            variable: { _ in nil }, read: { _ in .failure(FileFailure("No such file or directory")) })
        return try ConfigurationFile<ClientConfiguration>(
            Array(yaml.utf8), file: "/etc/t.yaml", surroundings: surroundings
        ).contents
    }

    @Test("promtail's keys and ours are read")
    func everything() throws {
        let client = try read(
            """
            url: https://logs.example.org/loki/api/v1/push
            tenant_id: team-a
            batchwait: 2s
            batchsize: 1048576
            timeout: 15s
            external_labels: {host: h1}
            backoff_config: {min_period: 1s, max_period: 1m, max_retries: 10}
            drop_rate_limited_batches: true
            basic_auth: {username: u, password: p}
            tls_config: {ca_file: /etc/ca.pem}
            headers: {X-A: b}
            limits: {max_line_size: 256KB, max_line_size_truncate: true, creation_grace_period: 10m}
            """)
        #expect(client.name == "logs.example.org-team-a")
        #expect(client.tenantID == "team-a")
        #expect(client.timeout == 15)
        #expect(client.externalLabels == ["host": "h1"])
        #expect(client.backoff.maxRetries == 10)
        #expect(client.backoff.maxPeriod == 60)
        #expect(client.dropRateLimitedBatches)
        #expect(client.http.basicAuth?.username == "u")
        #expect(client.http.headers == ["X-A": "b"])
        #expect(client.limits.maxLineSizeTruncate)
        #expect(client.limits.creationGracePeriod == 600)
    }

    @Test(
        "what is wrong is said, and no password with it",
        arguments: [
            "tenant_id: a\n", "url: loki:3100\n", "url: ftp://u:hunter2@x/\n", "url: http://x/\ntenant: a\n",
            "url: http://x/\ntenant_id: 'a b'\n", "url: http://x/\nbackoff_config: {min_period: 2m, max_period: 1m}\n",
            "url: http://x/\nlimits: {max_line_size: -1}\n",
        ])
    func refuses(yaml: String) {
        #expect { try read(yaml) } throws: { error in
            !"\(error)".isEmpty && !"\(error)".contains("hunter2")
        }
    }
}
