import Configuration
import Glibc
import Testing

@testable import Web

@Suite("Documentation of the web configuration")
struct DocumentationTests {
    private let documented: [(name: String, keys: [ConfigurationKey])] = [
        ("web", WebConfiguration.configurationKeys),
        ("tls_server_config", TLSServerConfiguration.configurationKeys),
        ("http_server_config", HTTPServerConfiguration.configurationKeys),
        ("headers", ResponseHeaderSection.configurationKeys),
        ("rate_limit", RateLimitSection.configurationKeys),
    ]

    /// With TOCSIN_UPDATE_DOCS=1 in the environment the tables are written instead of compared.
    @Test("docs/web.md has exactly the keys that the reader knows")
    func tables() throws {
        let path = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/") + "/docs/web.md"
        let text = String(decoding: try ConfigurationSurroundings.process.read(path).get(), as: UTF8.self)
        let (expected, strangers) = ConfigurationDocument.filled(text, with: documented)
        #expect(strangers == [])
        if getenv("TOCSIN_UPDATE_DOCS") != nil {
            let file = try #require(fopen(path, "w"))
            fputs(expected, file)
            fclose(file)
        } else {
            #expect(text == expected, "run the test with TOCSIN_UPDATE_DOCS=1 to write the tables")
        }
    }

    @Test("the example's hash is one that is taken")
    func example() throws {
        let hash = try #require(BcryptHash("$2b$10$OFaYIgeS.8y.ZiUanK5hlutGMJay30LPojMqn6aMKbmII5w6.EYJ2"))
        #expect(try hash.matches(Array("correct horse".utf8)))
    }
}
