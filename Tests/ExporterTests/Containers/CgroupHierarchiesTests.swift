import Bytes
import Telemetry
import Testing

@testable import Exporter

private func hierarchies(_ mountInfo: String, _ paths: HostPaths = HostPaths()) -> CgroupHierarchies {
    var buffer = ByteBuffer()
    buffer.append(mountInfo)
    return CgroupHierarchies(mountInfo: buffer.bytes, paths: paths)
}

@Suite("Where cgroups are mounted")
struct CgroupHierarchiesTests {
    @Test("version 2 alone has one tree for everything")
    func unified() {
        let found = hierarchies(CgroupFixture.mountInfo(.v2))
        #expect(found.unified == "/sys/fs/cgroup" && found.legacy.isEmpty)
        #expect(found.containerTree == "/sys/fs/cgroup")
        #expect(found.unitTree == "/sys/fs/cgroup")
        #expect(found.paths(of: "/a/b") == CgroupPaths(unified: "/sys/fs/cgroup/a/b"))
    }

    @Test("version 1 has a tree for each controller, and controllers that share one share its path")
    func legacy() {
        let found = hierarchies(CgroupFixture.mountInfo(.v1))
        #expect(found.unified == nil)
        #expect(found.containerTree == "/sys/fs/cgroup/memory")
        #expect(found.unitTree == "/sys/fs/cgroup/systemd")
        let paths = found.paths(of: "/a")
        #expect(paths.cpu == "/sys/fs/cgroup/cpu,cpuacct/a" && paths.cpuacct == paths.cpu)
        #expect(paths.unified == nil && paths.pids == "/sys/fs/cgroup/pids/a")
    }

    @Test("a hybrid host has both")
    func hybrid() {
        let found = hierarchies(CgroupFixture.mountInfo(.hybrid))
        #expect(found.unified == "/sys/fs/cgroup/unified")
        #expect(found.paths(of: "/a").memory == "/sys/fs/cgroup/memory/a")
        #expect(found.containerTree == "/sys/fs/cgroup/memory")
    }

    @Test("mounts below /sys are looked for where sysfs is, others below the root, blanks unescaped")
    func elsewhere() {
        let paths = HostPaths(sys: "/host/sys", root: "/host")
        let text =
            "1 2 0:1 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n3 2 0:2 / /my\\040pids rw - cgroup x ro,pids\n"
        let found = hierarchies(text, paths)
        #expect(found.legacy == ["memory": "/host/sys/fs/cgroup/memory", "pids": "/host/my pids"])
    }

    @Test("a bind mount of a part gives way to the whole tree")
    func partial() {
        let found = hierarchies(
            "1 2 0:1 /docker/a /jail rw - cgroup2 cgroup2 rw\n1 2 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
                + "1 2 0:1 /docker/b /other rw - cgroup2 cgroup2 rw\n")
        #expect(found.unified == "/sys/fs/cgroup")
    }

    @Test("lines cut anywhere are passed over", arguments: 0..<120)
    func cut(length: Int) {
        let text = CgroupFixture.mountInfo(.hybrid)
        _ = hierarchies(String(text.suffix(200).prefix(length)))
        #expect(hierarchies("").isEmpty)
    }
}
