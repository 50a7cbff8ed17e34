import Glibc
import Telemetry
import Testing

@testable import Logs

@Suite("pod and podman discovery")
struct PodDiscoveryTests {
    private let tree = TemporaryTree()

    @Test("a pod's containers are found, the newest run active, rotated files left to the reader")
    func pods() {
        let container = "kube-system_dns-abc_1234-5678/coredns"
        for name in [
            "0.log", "9.log", "10.log", "10.log.20261120-090807", "9.log.20261120-090807.gz", "x.log", "01.log",
        ] {
            tree.write("\(container)/\(name)", "")
        }
        tree.directory("no-pod/x")
        var configuration = PodLogsConfiguration()
        configuration.path = tree.path
        configuration.labels = ["job": "pods", "container": "fixed"]
        let found = PodDiscovery(configuration).discover()
        #expect(found.problems.isEmpty)
        #expect(found.targets.map { String($0.path.split(separator: "/").last ?? "") } == ["0.log", "9.log", "10.log"])
        #expect(found.targets.map(\.isFinished) == [true, true, false])
        #expect(found.targets.allSatisfy { $0.format == .cri })
        #expect(
            found.targets.last?.labels == [
                "job": "pods", "namespace": "kube-system", "pod": "dns-abc", "container": "fixed",
                "__path__": "\(tree.path)/\(container)/10.log", "__meta_kubernetes_namespace": "kube-system",
                "__meta_kubernetes_pod_name": "dns-abc", "__meta_kubernetes_pod_uid": "1234-5678",
                "__meta_kubernetes_pod_container_name": "coredns",
                "__meta_kubernetes_pod_container_restart_count": "10",
            ])
        #expect(found.watchedDirectories.contains("\(tree.path)/\(container)"))
    }

    @Test("a link to docker's own log is read as such")
    func docker() {
        tree.directory("ns_pod_uid/c")
        symlink("/var/lib/docker/containers/x/x-json.log", "\(tree.path)/ns_pod_uid/c/0.log")
        var configuration = PodLogsConfiguration()
        configuration.path = tree.path
        #expect(PodDiscovery(configuration).discover().targets.first?.format == .docker)
    }

    @Test("podman's containers have their names and annotations")
    func podman() {
        tree.write("storage/abc123/userdata/ctr.log", "")
        tree.write("storage/abc123/userdata/config.json", #"{"ociVersion":"1.0","annotations":{"io.x/y":"1"}}"#)
        tree.write("storage/def456def456def/userdata/ctr.log", "")
        tree.directory("storage/ghi/userdata")
        tree.write(
            "storage/containers.json",
            #"[{"id":"abc123","names":["web"],"metadata":"{\"image-name\":\"x/web:1\",\"name\":\"web\"}"}]"#)
        var configuration = PodmanConfiguration()
        configuration.paths = ["\(tree.path)/storage", "\(tree.path)/absent"]
        let found = PodmanDiscovery(configuration).discover()
        #expect(found.problems.isEmpty)
        #expect(found.targets.map { $0.labels["container"] } == ["web", "def456def456"])
        #expect(found.targets.first?.labels["__meta_podman_container_image"] == "x/web:1")
        #expect(found.targets.first?.labels["__meta_podman_container_annotation_io_x_y"] == "1")
        #expect(found.targets.first?.path == "\(tree.path)/storage/abc123/userdata/ctr.log")
        #expect(found.watchedDirectories.contains("\(tree.path)/storage/ghi/userdata"))
    }
}
