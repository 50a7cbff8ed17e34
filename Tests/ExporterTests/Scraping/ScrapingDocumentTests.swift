import Configuration
import Exporter
import Glibc
import Testing

@Suite("Documentation of scraping")
struct ScrapingDocumentTests {
    /// With TOCSIN_UPDATE_DOCS=1 in the environment the tables are written instead of compared.
    @Test("docs/scraping.md has exactly the keys that the reader knows")
    func tables() throws {
        let root = #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
        let path = "/\(root)/docs/scraping.md"
        let text = String(decoding: try ConfigurationSurroundings.process.read(path).get(), as: UTF8.self)
        let (expected, strangers) = ConfigurationDocument.filled(
            text,
            with: [
                ("metrics_scrape_configs", MetricScrapeJob.configurationKeys),
                ("scrape_static_configs", TargetGroup.configurationKeys),
                ("file_sd_configs", FileDiscoveryConfiguration.configurationKeys),
                ("metrics_docker_sd_configs", DockerDiscoveryConfiguration.configurationKeys),
            ])
        #expect(strangers.isEmpty)
        if getenv("TOCSIN_UPDATE_DOCS") != nil {
            let file = try #require(fopen(path, "w"))
            fputs(expected, file)
            fclose(file)
        } else {
            #expect(text == expected, "run the test with TOCSIN_UPDATE_DOCS=1 to write the tables")
        }
    }
}
