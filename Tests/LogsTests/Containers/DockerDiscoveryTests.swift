import Telemetry
import Testing

@testable import Logs

@Suite("docker discovery")
struct DockerDiscoveryTests {
    private let tree = TemporaryTree()

    private func add(
        _ id: String, name: String, driver: String = "json-file", running: Bool = true, labels: String = "{}",
        more: String = ""
    ) {
        let path = driver == "json-file" ? "/elsewhere/containers/\(id)/\(id)-json.log" : ""
        tree.write(
            "containers/\(id)/config.v2.json",
            """
            {"StreamConfig":{},"State":{"Running":\(running),"Paused":false,"Restarting":false,"Dead":false,
            "StartedAt":"2026-11-21T01:32:36.18016947Z","Health":null},"ID":"\(id)","Args":["-c","x"],
            "Config":{"Tty":false,"Env":null,"Image":"shop/web:1","Labels":\(labels)},"Image":"sha256:7df5",
            "NetworkSettings":{"Networks":{"shop":{"NetworkID":"7da2","IPAddress":"172.18.0.2"},
            "alpha":{"NetworkID":"99aa","IPAddress":"172.19.0.2"}},
            "Ports":{"443/tcp":null,"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8080"}],"53/udp":null}},
            "LogPath":"\(path)","Name":"/\(name)"\(more)}
            """)
        tree.write(
            "containers/\(id)/hostconfig.json",
            #"{"Binds":null,"LogConfig":{"Type":"\#(driver)","Config":{}},"NetworkMode":"shop"}"#)
    }

    private func discovery(_ filters: [DockerConfiguration.Filter] = []) -> DockerDiscovery {
        var configuration = DockerConfiguration()
        configuration.dataRoot = tree.path
        configuration.filters = filters
        configuration.labels = ["job": "docker"]
        return DockerDiscovery(configuration)
    }

    @Test("a container with a json-file log is a target with promtail's labels")
    func target() {
        add("aaa1", name: "web", labels: #"{"com.docker.compose.service":"web","x.y/z":"1"}"#)
        let found = discovery().discover()
        let path = "\(tree.path)/containers/aaa1/aaa1-json.log"
        #expect(found.problems.isEmpty)
        #expect(found.watchedDirectories == ["\(tree.path)/containers", "\(tree.path)/containers/aaa1"])
        #expect(found.targets.count == 1)
        #expect(found.targets.first?.path == path)
        #expect(found.targets.first?.format == .docker)
        #expect(found.targets.first?.isFinished == false)
        #expect(
            found.targets.first?.labels == [
                "job": "docker", "__path__": path, "__address__": "172.19.0.2:80",
                "__meta_docker_container_id": "aaa1", "__meta_docker_container_name": "/web",
                "__meta_docker_container_image": "shop/web:1", "__meta_docker_container_network_mode": "shop",
                "__meta_docker_container_label_com_docker_compose_service": "web",
                "__meta_docker_container_label_x_y_z": "1", "__meta_docker_network_id": "99aa",
                "__meta_docker_network_name": "alpha", "__meta_docker_network_ip": "172.19.0.2",
                "__meta_docker_port_private": "80", "__meta_docker_port_public": "8080",
                "__meta_docker_port_public_ip": "0.0.0.0",
            ])
    }

    @Test("what ends, is renamed or goes is seen at the next look")
    func changes() {
        add("aaa1", name: "web")
        #expect(discovery().discover().targets.first?.isFinished == false)
        add("aaa1", name: "shop", running: false)
        let ended = discovery().discover().targets.first
        #expect(ended?.isFinished == true)
        #expect(ended?.labels["__meta_docker_container_name"] == "/shop")
    }

    @Test("drivers without file are kept for the API, others left out")
    func drivers() {
        for (id, driver) in [("a", "json-file"), ("b", "local"), ("c", "journald"), ("d", "none"), ("e", "gelf")] {
            add(id, name: id, driver: driver)
        }
        #expect(discovery().discover().targets.map(\.path) == ["\(tree.path)/containers/a/a-json.log"])
        #expect(
            ["local", "gelf", "json-file", "journald", "none"].filter(DockerDiscovery.needsAPI) == ["local", "gelf"])
    }

    @Test(
        "filters hold as docker's own do",
        arguments: [
            ("name", ["web"], ["aaa1", "abb2"]), ("name", ["^web$"], ["aaa1"]), ("name", ["^/web$"], ["aaa1"]),
            ("name", ["db", "2"], ["abb2", "ccc3"]), ("id", ["a"], ["aaa1", "abb2"]), ("status", ["exited"], ["ccc3"]),
            ("label", ["tier"], ["aaa1", "abb2"]), ("label", ["tier=1", "zone"], ["aaa1"]), ("label", ["tier=9"], []),
            ("network", ["shop"], ["aaa1", "abb2", "ccc3"]), ("network", ["other"], []), ("name", ["("], []),
        ] as [(String, [String], [String])])
    func filters(_ name: String, _ values: [String], _ expected: [String]) {
        add("aaa1", name: "web", labels: #"{"tier":"1","zone":"x"}"#)
        add("abb2", name: "web2", labels: #"{"tier":"2"}"#)
        add("ccc3", name: "db", running: false)
        let found = discovery([DockerConfiguration.Filter(name: name, values: values)]).discover()
        #expect(found.targets.compactMap { $0.labels["__meta_docker_container_id"] } == expected)
    }

    @Test("a damaged description is a problem of its own and stops nobody else")
    func damaged() {
        add("aaa1", name: "web")
        tree.write("containers/bad/config.v2.json", "{\"ID\":")
        tree.directory("containers/empty")
        let found = discovery().discover()
        #expect(found.targets.count == 1)
        #expect(found.problems.count == 1)
        #expect(found.problems.first?.contains("bad/config.v2.json: expected a value at byte 6") == true)
    }

    @Test("where docker is not installed nothing is wrong, and its coming is waited for")
    func missing() {
        let found = discovery().discover()
        #expect(found.targets.isEmpty && found.problems.isEmpty)
        #expect(found.watchedDirectories == [tree.path])
    }
}
