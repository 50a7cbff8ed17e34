import Bytes
import Glibc
import Telemetry
import TestSupport
import Testing

@testable import Exporter

@Suite("Fuzz of containers")
struct ContainerFuzzTests {
    /// Every file there is of a container, a pod and a unit, cut or changed, one after the other, with one collector that lives
    /// through it.
    @Test("files that are cut or changed cost at most their own values", arguments: CgroupFixture.Layout.allCases)
    func files(layout: CgroupFixture.Layout) throws {
        var random = SeededRandom(seed: SeededRandom.seed())
        let fixture = CgroupFixture(layout)
        let pod = "/kubepods/pod1234abcd-0000-1111-2222-333344445555"
        fixture.docker(identifier(1), name: "web", labels: #"{"com.docker.compose.project":"shop"}"#)
        fixture.write("/docker/\(identifier(1))", .init())
        fixture.write("\(pod)/\(identifier(2))", .init(processes: [300]))
        fixture.write("/machine.slice/libpod-\(identifier(3)).scope", .init(processes: [301]))
        fixture.write("/system.slice/nginx.service", .init())
        fixture.tree.directory("sys/fs/cgroup/systemd/system.slice/nginx.service")
        fixture.tree.write(
            "root/var/lib/containers/storage/overlay-containers/containers.json",
            #"[{"id":"\#(identifier(3))","names":["db"],"metadata":"{\"image-name\":\"b\"}"}]"#)
        fixture.tree.write(
            "root/run/containerd/io.containerd.runtime.v2.task/k8s.io/\(identifier(2))/config.json",
            #"{"annotations":{"io.kubernetes.cri.sandbox-name":"p","io.kubernetes.cri.container-name":"c","#
                + #""io.kubernetes.cri.image-name":"i"}}"#)
        fixture.tree.write("root/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
        var containers = try CollectorRun(ContainersCollector.description, fixture.tree)
        var units = try CollectorRun(UnitsCollector.description, fixture.tree)
        var top = try CollectorRun(TopCollector.description, fixture.tree, options: ["period": "0"])
        let whole = try containers.page()
        #expect(!whole.names(with: #"name="db""#).isEmpty && !whole.names(with: #"pod="p""#).isEmpty)
        let files = fixture.tree.files().filter { !$0.hasSuffix("ns/net") && !$0.hasSuffix("block/8:0") }
        for name in files + (0..<200).compactMap({ _ in files.randomElement(using: &random) }) {
            let original = Self.bytes("\(fixture.tree.path)/\(name)")
            fixture.tree.write(name, Self.changed(original, &random))
            // A wrong mountinfo may say that there are no cgroups: that is an answer too.
            _ = try? containers.page()
            _ = try? units.page()
            _ = try? top.page()
            fixture.tree.write(name, original)
        }
        let after = try containers.page()
        for (sample, value) in whole.samples where sample.contains("memory_working_set") {
            #expect(after[sample] == value, "\(sample)")
        }
    }

    @Test("random bytes are parsed by every parser without harm")
    func parsers() {
        var random = SeededRandom(seed: SeededRandom.seed())
        let words = [
            "8:0 ", "rbytes=", "some ", "total=", "max", "\n", " ", "-", ":", "18446744073709551616", "1e999", "nan",
            "total_rss ",
            "(", ")", "Read ", "usage_usec ", "/", "cgroup ", "cgroup2 ", " - ", "\\04", "eth0:", "\0", "9",
        ]
        var usage = CgroupUsage()
        var members = CgroupMembers("/nowhere")
        for _ in 0..<3000 {
            var buffer = ByteBuffer()
            for _ in 0..<Int.random(in: 0..<40, using: &random) {
                if Bool.random(using: &random) {
                    buffer.append(words.randomElement(using: &random) ?? "")
                } else {
                    buffer.append(UInt8.random(in: 0...255, using: &random))
                }
            }
            usage.takeV2CPU(buffer.bytes)
            usage.takeV2Memory(buffer.bytes)
            usage.takeV2MemoryEvents(buffer.bytes)
            usage.takeV2IO(buffer.bytes)
            usage.takePressure(buffer.bytes, waiting: .ioWaiting, stalled: .ioStalled)
            usage.takeV2CPULimit(buffer.bytes)
            usage.takeV2Weight(buffer.bytes)
            usage.takeV1IO(buffer.bytes, areBytes: true)
            usage.takeV1Memory(buffer.bytes)
            usage.takeV1OOM(buffer.bytes)
            usage.takeV1Throttling(buffer.bytes)
            usage.takeV1Times(buffer.bytes)
            members.take(buffer.bytes)
            _ = CgroupUsage.limit(buffer.bytes)
            _ = ProcessLine(buffer.bytes)
            _ = CgroupHierarchies(mountInfo: buffer.bytes, paths: HostPaths())
            let text = String(lossy: buffer.bytes)
            _ = PodNames.pod(text)
            _ = PodNames.container(text + ".log")
            _ = PodNames.restarts(text)
            _ = CgroupKind(text, parent: "docker", parentKind: .plain)
            _ = CgroupKind.unescaped(text[...])
            usage.removeAll()
        }
        #expect(usage.devices.isEmpty)
    }

    private static func bytes(_ path: String) -> [UInt8] {
        var buffer = ByteBuffer()
        try? HostFile(path).read(into: &buffer)
        return [UInt8](buffer.bytes)
    }

    private static func changed(_ bytes: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
        var bytes = bytes
        switch Int.random(in: 0..<6, using: &random) {
        case 0: return Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random)))
        case 1: return []
        case 2: return Array(repeating: 0x39, count: 200_000)
        case 3:
            for _ in 0..<8 where !bytes.isEmpty {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            return bytes
        case 4:
            let place = Int.random(in: 0...bytes.count, using: &random)
            bytes.insert(contentsOf: Array(repeating: 0x5b, count: 300), at: place)
            return bytes
        default: return bytes + bytes
        }
    }
}
