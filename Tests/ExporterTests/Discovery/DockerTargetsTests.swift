import Bytes
import Exporter
import PushServer
import Synchronization
import Telemetry
import Testing

private let containers = """
    [{"Id": "aaa", "Names": ["/web"], "Image": "nginx:1", "ImageID": "sha256:1", "Labels": {"com.docker.x": "y",
      "prometheus.io/port": "9113", "prometheus.io/path": "/m"}, "HostConfig": {"NetworkMode": "net"},
      "Ports": [{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
                {"IP": "::", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
                {"PrivatePort": 53, "Type": "udp"}, {"PrivatePort": 443, "Type": "tcp"}],
      "NetworkSettings": {"Networks": {"net": {"NetworkID": "n1", "IPAddress": "172.18.0.2"},
                                       "zzz": {"NetworkID": "n2", "IPAddress": "172.19.0.2"}}}},
     {"Id": "bbb", "Names": ["/side"], "Labels": {"prometheus.io/scrape": "true"},
      "HostConfig": {"NetworkMode": "container:aaa"}, "Ports": [], "NetworkSettings": {"Networks": {}}},
     {"Id": "ccc", "Names": ["/host"], "Labels": {"prometheus.io/scrape": "false", "prometheus.io/port": "1"},
      "HostConfig": {"NetworkMode": "host"}, "Ports": [],
      "NetworkSettings": {"Networks": {"host": {"NetworkID": "n3", "IPAddress": ""}}}},
     {"Id": "ddd", "Names": [], "Ports": []}]
    """
private let networks = """
    [{"Id": "n1", "Name": "net", "Scope": "local", "Internal": false, "Ingress": false, "Labels": {"a.b": "c"}}]
    """

private func targets(_ configuration: DockerDiscoveryConfiguration = DockerDiscoveryConfiguration()) throws
    -> [LabelSet]
{
    DockerTargets(configuration).targets(
        try JSONValue(parsing: Array(containers.utf8).span.bytes),
        networks: try JSONValue(parsing: Array(networks.utf8).span.bytes))
}

@Suite("Docker containers as targets")
struct DockerTargetsTests {
    @Test("each TCP port is a target with Prometheus's labels")
    func ports() throws {
        let found = try targets()
        #expect(found.compactMap { $0["__address__"] }.filter { $0.hasPrefix("172.18") }.count == 4)
        let first = try #require(found.first)
        #expect(
            first == [
                "__address__": "172.18.0.2:80", "__meta_docker_container_id": "aaa",
                "__meta_docker_container_name": "/web", "__meta_docker_container_image": "nginx:1",
                "__meta_docker_container_image_id": "sha256:1", "__meta_docker_container_network_mode": "net",
                "__meta_docker_container_label_com_docker_x": "y",
                "__meta_docker_container_label_prometheus_io_port": "9113",
                "__meta_docker_container_label_prometheus_io_path": "/m", "__meta_docker_network_id": "n1",
                "__meta_docker_network_name": "net", "__meta_docker_network_scope": "local",
                "__meta_docker_network_internal": "false", "__meta_docker_network_ingress": "false",
                "__meta_docker_network_label_a_b": "c", "__meta_docker_network_ip": "172.18.0.2",
                "__meta_docker_port_private": "80", "__meta_docker_port_public": "8080",
                "__meta_docker_port_public_ip": "0.0.0.0",
            ])
    }

    @Test(
        "a container without ports has the fallback port, one on the host's network the host, one that shares a network its owner's"
    )
    func others() throws {
        let found = try targets()
        let side = found.filter { $0["__meta_docker_container_name"] == "/side" }
        #expect(side.map { $0["__address__"] } == ["172.18.0.2:80"])
        let host = found.filter { $0["__meta_docker_container_name"] == "/host" }
        #expect(host.map { $0["__address__"] } == ["localhost"])
    }

    @Test("all networks are taken where that is wanted")
    func networks() throws {
        var configuration = DockerDiscoveryConfiguration()
        configuration.matchFirstNetwork = false
        #expect(try targets(configuration).contains { $0["__address__"] == "172.19.0.2:443" })
    }

    @Test("containers that ask for it by labels are found without relabelling")
    func labelled() throws {
        var configuration = DockerDiscoveryConfiguration()
        configuration.labelled = true
        let found = try targets(configuration)
        #expect(found.map { $0["container"] } == ["web", "side"])
        #expect(found.map { $0["__address__"] } == ["172.18.0.2:9113", "172.18.0.2:80"])
        #expect(found.map { $0["__metrics_path__"] } == ["/m", nil])
    }

    @Test("the job that is there by itself is silent on a host without docker")
    func absent() async throws {
        var job = MetricScrapeJob.labelledContainers
        var docker = DockerDiscoveryConfiguration()
        docker.host = "unix:///nowhere/docker.sock"
        docker.isOptional = true
        job.discoveries = [.docker(docker)]
        let problems = Mutex<[String]>([])
        let scraper = Scraper(sinks: [], userAgent: "t", metrics: MetricRegistry()) { name, _ in
            problems.withLock { $0.append(name) }
        }
        defer { scraper.stop() }
        var other = docker
        other.isOptional = false
        var asked = MetricScrapeJob(jobName: "asked")
        asked.discoveries = [.docker(other)]
        try scraper.apply([job, asked])
        #expect(await eventually { problems.withLock { $0 } == ["asked"] })
        #expect(job.inheriting(interval: 7, timeout: 9).scrapeTimeout == 7)
    }

    @Test("containers are asked for over Docker's socket and scraped")
    func scraped() async throws {
        let server = PushServer { request in
            let path = request.line.split(separator: " ")[1]
            let json = ["Content-Type: application/json"]
            if path.hasPrefix("/containers/json?filters=%7B%22status%22%3A%5B%22running%22%5D%7D") {
                let body = containers.replacing("172.18.0.2", with: "127.0.0.1")
                return .status(200, headers: json, body: body)
            }
            if path == "/networks" { return .status(200, headers: json, body: "[]") }
            return .status(404)
        }
        defer { server.stop() }
        let sink = RecordingSink()
        let scraper = Scraper(sinks: [sink], userAgent: "t", metrics: MetricRegistry())
        defer { scraper.stop() }
        var docker = DockerDiscoveryConfiguration()
        docker.host = "tcp://127.0.0.1:\(server.port)"
        docker.filters = ["status": ["running"]]
        try scraper.apply([job(port: 1) { $0.discoveries = [.docker(docker)] }])
        #expect(await eventually { scraper.report.active.count == 3 })
        #expect(scraper.report.active.map(\.url).contains("http://127.0.0.1:443/metrics"))
    }
}
