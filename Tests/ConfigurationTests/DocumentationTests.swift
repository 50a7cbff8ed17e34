import Configuration
import Glibc
import Logs
import Loki
import Telemetry
import Testing
import Transport

/// Every section that docs/configuration.md describes, by the name of its table there.
private let documented: [(name: String, keys: [ConfigurationKey])] = [
    ("store", StoreConfiguration.configurationKeys),
    ("scrape_configs", ScrapeJob.configurationKeys),
    ("journal", JournalConfiguration.configurationKeys),
    ("docker_sd_configs", DockerConfiguration.configurationKeys),
    ("filters", DockerConfiguration.Filter.configurationKeys),
    ("cri", PodLogsConfiguration.configurationKeys),
    ("podman", PodmanConfiguration.configurationKeys),
    ("static_configs", FileTargetConfiguration.configurationKeys),
    ("relabel_configs", RelabelRule.configurationKeys),
    ("limits", LineLimits.configurationKeys),
    ("clients", ClientConfiguration.ownKeys),
    ("backoff_config", ClientConfiguration.BackoffConfiguration.configurationKeys),
    ("client_limits", ClientConfiguration.Limits.configurationKeys),
    ("http_client", HTTPClientConfiguration.configurationKeys),
    ("basic_auth", HTTPClientConfiguration.BasicAuth.configurationKeys),
    ("authorization", HTTPClientConfiguration.Authorization.configurationKeys),
    ("oauth2", OAuth2.configurationKeys),
    ("tls_config", HTTPClientConfiguration.TLSConfiguration.configurationKeys),
]

@Suite("Documentation of the configuration")
struct DocumentationTests {
    /// With TOCSIN_UPDATE_DOCS=1 in the environment the tables are written instead of compared.
    @Test("docs/configuration.md has exactly the keys that the reader knows")
    func tables() throws {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let path = "/\(root)/docs/configuration.md"
        let text = String(decoding: try ConfigurationSurroundings.process.read(path).get(), as: UTF8.self)
        let (expected, strangers) = ConfigurationDocument.filled(text, with: documented)
        // Those of the agent and of its metrics, which AgentTests compare.
        #expect(Set(strangers).isDisjoint(with: documented.map(\.name)))
        if getenv("TOCSIN_UPDATE_DOCS") != nil {
            let file = try #require(fopen(path, "w"))
            fputs(expected, file)
            fclose(file)
        } else {
            #expect(text == expected, "run the test with TOCSIN_UPDATE_DOCS=1 to write the tables")
        }
    }

    @Test("the defaults in the tables are those that hold")
    func defaults() throws {
        try check(StoreConfiguration.self)
        try check(ScrapeJob.self, "job_name: j\ncri: {}\n")
        try check(JournalConfiguration.self)
        try check(DockerConfiguration.self)
        try check(PodLogsConfiguration.self)
        try check(PodmanConfiguration.self)
        try check(RelabelRule.self, "target_label: x\n")
        try check(LineLimits.self)
        try check(ClientConfiguration.self, "url: http://loki/push\n")
        try check(ClientConfiguration.BackoffConfiguration.self)
        try check(ClientConfiguration.Limits.self)
        try check(HTTPClientConfiguration.self)
        try check(HTTPClientConfiguration.Authorization.self, "credentials: x\n")
        try check(HTTPClientConfiguration.TLSConfiguration.self)
    }

    private func check<Section: ConfigurationSection & Equatable>(_ type: Section.Type, _ yaml: String = "") throws {
        let plain = try read(Section.self, yaml).contents
        for key in Section.configurationKeys where !key.defaultValue.isEmpty {
            let isText = key.type == "string" || key.type == "regular expression"
            let value = isText ? "'\(key.defaultValue)'" : key.defaultValue
            #expect(try read(Section.self, "\(yaml)\(key.name): \(value)\n").contents == plain, "\(key.name)")
        }
    }
}
