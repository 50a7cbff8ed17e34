import Testing

@testable import Exporter

private let id = identifier(0xabc)
private let uid = "1234abcd-0000-1111-2222-333344445555"

@Suite("The names of cgroups")
struct CgroupKindTests {
    @Test(
        "a path says whose container it is",
        arguments: [
            ("/docker/\(id)", CgroupKind.container(.docker, id: id)),
            ("/system.slice/docker-\(id).scope", .container(.docker, id: id)),
            ("/machine.slice/libpod-\(id).scope", .container(.podman, id: id)),
            (
                "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-\(id).scope",
                .container(.podman, id: id)
            ),
            ("/libpod_parent/libpod-\(id)", .container(.podman, id: id)),
            ("/machine.slice/libpod-conmon-\(id).scope", .ignored),
            ("/kubepods.slice/kubepods-burstable.slice", .plain),
            (
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod\(uid.replacing("-", with: "_")).slice",
                .pod(uid: uid)
            ),
            ("/kubepods/besteffort/pod\(uid)", .pod(uid: uid)),
            ("/kubepods/pod\(uid)/\(id)", .container(.unknown, id: id)),
            ("/kubepods/pod\(uid)/volumes", .plain),
            (
                "/kubepods.slice/kubepods-pod\(uid.replacing("-", with: "_")).slice/cri-containerd-\(id).scope",
                .container(.containerd, id: id)
            ),
            (
                "/kubepods.slice/kubepods-pod\(uid.replacing("-", with: "_")).slice/crio-\(id).scope",
                .container(.crio, id: id)
            ),
            (
                "/kubepods/pod\(uid)/kubepods-pod\(uid.replacing("-", with: "_")).slice:cri-containerd:\(id)",
                .container(.containerd, id: id)
            ),
            ("/kubepods/pod\(uid)/crio-conmon-\(id)", .ignored),
            ("/system.slice/nerdctl-\(id).scope", .container(.nerdctl, id: id)),
            ("/default/\(id)", .container(.unknown, id: id)),
            ("/lxc.payload.web", .container(.lxc, id: "web")),
            ("/lxc.monitor.web", .ignored),
            ("/machine.slice/systemd-nspawn@a\\x2db.service", .container(.nspawn, id: "a-b")),
            ("/machine.slice/machine-qemu\\x2d1.scope", .plain),
            ("/system.slice/nginx.service", .plain),
            ("/docker/\(id.dropLast())", .plain),
            ("/docker", .plain),
            ("/system.slice/docker-.scope", .plain),
            ("/kubepods/pod../x", .plain),
        ])
    func paths(path: String, expected: CgroupKind) {
        var kind = CgroupKind.plain
        var parent = ""
        for part in path.split(separator: "/").map(String.init) {
            kind = CgroupKind(part, parent: parent, parentKind: kind)
            parent = part
        }
        #expect(kind == expected)
    }

    @Test(
        "of systemd's trees services and users are units",
        arguments: [
            ("/system.slice/nginx.service", CgroupKind.unit("nginx.service")),
            ("/system.slice/system-getty.slice/getty@tty1.service", .unit("getty@tty1.service")),
            ("/system.slice/docker-\(id).scope", .ignored),
            ("/user.slice/user-1000.slice", .unit("user-1000.slice")),
            ("/kubepods.slice", .ignored),
        ])
    func units(path: String, expected: CgroupKind) {
        var kind = CgroupKind.plain
        var parent = ""
        for part in path.split(separator: "/").map(String.init) {
            kind = UnitsCollector.kind(part, parent: parent, parentKind: kind)
            parent = part
        }
        #expect(kind == expected)
    }
}
