import Telemetry
import Testing

@testable import Exporter

private let uid = "1234abcd-0000-1111-2222-333344445555"
private let application = identifier(0xd1)
private let sandbox = identifier(0xd2)

@Suite("Names of podman's, containerd's and Kubernetes' containers")
struct ContainerNamesTests {
    private func page(_ fixture: CgroupFixture, _ options: [String: String] = [:]) throws -> Page {
        var run = try CollectorRun(ContainersCollector.description, fixture.tree, options: options)
        return try run.page()
    }

    private func annotations(_ id: String, _ text: String, _ fixture: CgroupFixture, namespace: String = "k8s.io") {
        fixture.tree.write(
            "root/run/containerd/io.containerd.runtime.v2.task/\(namespace)/\(id)/config.json",
            #"{"ociVersion":"1.1.0","annotations":{\#(text)}}"#)
    }

    private func pod(_ layout: CgroupFixture.Layout) -> (fixture: CgroupFixture, path: String) {
        let fixture = CgroupFixture(layout)
        let slice = "kubepods-burstable-pod\(uid.replacing("-", with: "_")).slice"
        let path = "/kubepods.slice/kubepods-burstable.slice/\(slice)"
        fixture.write(path, .init(processes: []))
        fixture.write("\(path)/cri-containerd-\(application).scope", .init(processes: [500]))
        fixture.write("\(path)/cri-containerd-\(sandbox).scope", .init(processes: [501]))
        fixture.process(500, namespace: 501)
        return (fixture, path)
    }

    @Test(
        "a pod's containers are labelled as Kubernetes' cAdvisor does, the network with the sandbox",
        arguments: CgroupFixture.Layout.allCases)
    func containerd(layout: CgroupFixture.Layout) throws {
        let (fixture, path) = pod(layout)
        let shared = #""io.kubernetes.cri.sandbox-name":"web-0","io.kubernetes.cri.sandbox-namespace":"shop""#
        annotations(
            application,
            shared + #","io.kubernetes.cri.container-type":"container","io.kubernetes.cri.container-name":"nginx","#
                + #""io.kubernetes.cri.image-name":"nginx:1""#, fixture)
        annotations(sandbox, shared + #","io.kubernetes.cri.container-type":"sandbox""#, fixture)
        fixture.tree.link(
            "root/var/log/containers/web-0_shop_nginx-\(application).log",
            to: "/var/log/pods/shop_web-0_\(uid)/nginx/3.log")
        let page = try page(fixture)
        let labels =
            #"{container="nginx",id="\#(path)/cri-containerd-\#(application).scope",image="nginx:1",name="\#(application)","#
            + #"namespace="shop",pod="web-0"}"#
        #expect(page["container_memory_working_set_bytes\(labels)"] == 8_000_000)
        #expect(page["container_start_time_seconds\(labels)"] == 1_700_000_123.45)
        #expect(page[#"container_memory_rss{id="\#(path)",namespace="shop",pod="web-0"}"#] == 5_000_000)
        let networks = page.names(with: "container_network_receive_bytes_total").filter { $0.contains("web-0") }
        #expect(
            networks == [
                #"container_network_receive_bytes_total{id="\#(path)/cri-containerd-\#(sandbox).scope",interface="eth0","#
                    + #"name="\#(sandbox)",namespace="shop",pod="web-0"}"#
            ])
        let restarts =
            #"{container="nginx",image="nginx:1",namespace="shop",pod="web-0",runtime="containerd"}"#
        #expect(page["tocsin_container_restarts_total\(restarts)"] == 3)
    }

    @Test("where the runtime's files may not be read the kubelet's directories give the names")
    func logDirectories() throws {
        let (fixture, path) = pod(.v2)
        fixture.tree.directory("root/var/log/pods/shop_web-0_\(uid)")
        fixture.tree.link(
            "root/var/log/containers/web-0_shop_nginx-\(application).log",
            to: "/var/log/pods/shop_web-0_\(uid)/nginx/0.log")
        let page = try page(fixture)
        let id = "\(path)/cri-containerd-\(application).scope"
        #expect(
            page[
                #"container_memory_rss{container="nginx",id="\#(id)",name="\#(application)",namespace="shop",pod="web-0"}"#
            ]
                == 5_000_000)
        // Nobody says which is the sandbox, so the network is the pod's.
        let networks = page.names(with: "container_network_receive_bytes_total").filter { $0.contains("web-0") }
        #expect(
            networks == [
                #"container_network_receive_bytes_total{id="\#(path)",interface="eth0",namespace="shop",pod="web-0"}"#
            ])
    }

    @Test("CRI-O's containers are named by their annotations")
    func crio() throws {
        let fixture = CgroupFixture(.v2)
        let path = "/kubepods/besteffort/pod\(uid)/crio-\(application)"
        fixture.write(path, .init())
        fixture.tree.write(
            "root/run/containers/storage/overlay-containers/\(application)/userdata/config.json",
            #"{"annotations":{"io.kubernetes.container.name":"app","io.kubernetes.pod.name":"p","#
                + #""io.kubernetes.pod.namespace":"n","io.kubernetes.cri-o.ImageName":"quay.io/app:2","#
                + #""io.kubernetes.container.restartCount":"7"}}"#)
        let page = try page(fixture)
        #expect(
            page[
                #"container_memory_rss{container="app",id="\#(path)",image="quay.io/app:2",name="\#(application)","#
                    + #"namespace="n",pod="p"}"#] == 5_000_000)
        #expect(page.names(with: "tocsin_container_restarts_total").count == 1)
    }

    @Test("podman's containers are named by its storage, also users', and their processes are found below")
    func podman() throws {
        let fixture = CgroupFixture(.v2)
        let user = "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-\(sandbox).scope"
        fixture.write("/machine.slice/libpod-\(application).scope", .init(processes: []))
        fixture.tree.write(
            "sys/fs/cgroup/machine.slice/libpod-\(application).scope/container/cgroup.procs", "700\n701\n")
        fixture.process(700, namespace: 700)
        fixture.write(user, .init(processes: [800]))
        fixture.tree.write("root/etc/passwd", "root:x:0:0::/root:/bin/sh\nann:x:1000:1000:Ann:/home/ann:/bin/sh\n")
        func list(_ id: String, _ name: String) -> String {
            #"[{"id":"\#(id)","names":["\#(name)"],"metadata":"{\"image-name\":\"busybox:1\",\"name\":\"\#(name)\"}"}]"#
        }
        fixture.tree.write(
            "root/var/lib/containers/storage/overlay-containers/containers.json", list(application, "db"))
        fixture.tree.write(
            "root/home/ann/.local/share/containers/storage/vfs-containers/volatile-containers.json",
            list(sandbox, "mine"))
        let page = try page(fixture)
        let labels = #"{id="/machine.slice/libpod-\#(application).scope",image="busybox:1",name="db"}"#
        #expect(page["container_memory_rss\(labels)"] == 5_000_000)
        #expect(page["container_processes\(labels)"] == 2)
        #expect(page[#"container_memory_rss{id="\#(user)",image="busybox:1",name="mine"}"#] == 5_000_000)
        #expect(page.names(with: "container_network_receive_bytes_total").contains { $0.contains(#"name="db""#) })
    }

    @Test("nerdctl's, LXC's and nspawn's containers have their names")
    func others() throws {
        let fixture = CgroupFixture(.v2)
        fixture.write("/default/\(application)", .init())
        fixture.write("/lxc.payload.mail", .init(processes: [600]))
        fixture.write("/machine.slice/systemd-nspawn@build.service", .init(processes: [601]))
        annotations(application, #""nerdctl/name":"cache""#, fixture, namespace: "default")
        let page = try page(fixture)
        #expect(page[#"container_memory_rss{id="/default/\#(application)",name="cache"}"#] == 5_000_000)
        #expect(page[#"container_memory_rss{id="/lxc.payload.mail",name="mail"}"#] == 5_000_000)
        #expect(
            page[#"container_memory_rss{id="/machine.slice/systemd-nspawn@build.service",name="build"}"#] == 5_000_000)
    }

    @Test("a container that nobody knows is measured under its cgroup alone")
    func unknown() throws {
        let fixture = CgroupFixture(.v2)
        fixture.write("/docker/\(application)", .init())
        let page = try page(fixture)
        #expect(page[#"container_memory_rss{id="/docker/\#(application)"}"#] == 5_000_000)
        #expect(page.oddity == "")
    }
}
