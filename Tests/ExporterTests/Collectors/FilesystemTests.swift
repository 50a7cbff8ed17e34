import Bytes
import CLinux
import Synchronization
import Telemetry
import Testing

@testable import Exporter

private func mount(_ line: String) -> MountPoint? {
    var buffer = ByteBuffer()
    buffer.append(line)
    return MountPoint(buffer.bytes)
}

/// 100 blocks of 4 KiB, 40 free, 30 for all; 10 files, 9 free.
private let someSpace = SpaceQuestion.Answer.space(
    clinux_space(
        block_size: 4096, blocks: 100, free_blocks: 40, available_blocks: 30, files: 10, free_files: 9))

private func lines(
    _ collector: inout FilesystemCollector, _ reader: inout HostReader
) throws -> [String] {
    var batch = SampleBatch()
    try collector.collect(into: &batch, reader: &reader)
    var exposition = Exposition()
    var buffer = ByteBuffer()
    exposition.render(batch, as: .text, into: &buffer)
    return String(lossy: buffer.bytes).split(separator: "\n").map(String.init).filter { !$0.hasPrefix("#") }
}

private func makeCollector(
    _ host: FakeHost, root: String = "/", values: [String: String] = [:],
    ask: @escaping @Sendable (String) -> SpaceQuestion.Answer = { _ in someSpace }
) throws -> FilesystemCollector {
    let paths = HostPaths(proc: host.root + "/proc", root: root)
    let options = CollectorOptions(FilesystemCollector.description.options, values: values)
    return try FilesystemCollector(CollectorContext(paths: paths, options: options), ask: ask)
}

@Suite struct FilesystemTests {
    @Test("a line of mountinfo is taken apart, escapes undone")
    func mountInfo() throws {
        let found = try #require(
            mount(#"36 35 98:5 /mnt1 /mnt\0402\134x rw,noatime master:1 shared:7 - ext3 /dev/root ro,errors=continue"#))
        #expect(found.id == "36")
        #expect(found.major == "98")
        #expect(found.minor == "5")
        #expect(String(decoding: found.path, as: UTF8.self) == #"/mnt 2\x"#)
        #expect(found.type == "ext3")
        #expect(found.device == "/dev/root")
        #expect(found.isReadOnly)
    }

    @Test(
        "a file system cannot be written to when mount or superblock say so",
        arguments: [
            ("rw,relatime - ext4 /dev/a rw", false), ("ro - ext4 /dev/a rw", true),
            ("rw - ext4 /dev/a rw,emergency_ro", true), ("rw,ropes - ext4 /dev/a errors=remount-ro", false),
            ("nosuid,ro,relatime - ext4 /dev/a", true),
        ])
    func readOnly(_ rest: String, _ expected: Bool) {
        #expect(mount("1 0 8:1 / /x \(rest)")?.isReadOnly == expected)
    }

    @Test(
        "a line that is cut is none",
        arguments: [
            "", "1", "1 0", "1 0 8", "1 0 8:x / /", "1 0 8:1 / x rw - ext4 a", "1 0 8:1 / /x rw", "1 0 8:1 / /x rw -",
            "1 0 8:1 / /x rw - ext4", "a 0 8:1 / /x rw - ext4 a",
        ])
    func cut(_ line: String) {
        #expect(mount(line) == nil)
    }

    @Test("sizes, files and flags of each file system; pseudo file systems are left out")
    func samples() throws {
        let host = FakeHost(SysfsHost.script)
        var collector = try makeCollector(host)
        var reader = HostReader()
        let found = try lines(&collector, &reader)
        let labels = #"{device="/dev/vda",device_error="",fstype="ext4",mountpoint="/"}"#
        #expect(found.contains("node_filesystem_size_bytes\(labels) 409600"))
        #expect(found.contains("node_filesystem_free_bytes\(labels) 163840"))
        #expect(found.contains("node_filesystem_avail_bytes\(labels) 122880"))
        #expect(found.contains("node_filesystem_files\(labels) 10"))
        #expect(found.contains("node_filesystem_files_free\(labels) 9"))
        #expect(found.contains("node_filesystem_readonly\(labels) 0"))
        #expect(
            found.contains(
                #"node_filesystem_mount_info{device="/dev/vda",major="254",minor="0",mountpoint="/"} 1"#))
        #expect(
            found.contains(
                #"node_filesystem_readonly{device="/dev/sda1",device_error="",fstype="xfs",mountpoint="/a b\\c"} 1"#))
        #expect(!found.contains { $0.contains("/proc") })
    }

    @Test("asked on the spot is what answers from memory, and only where no way leads through what may hang")
    func sureMounts() throws {
        let lines = [
            "1 0 8:1 / / rw - ext4 a", "2 1 8:1 / /data rw - xfs b", "3 1 0:5 / /nfs rw - nfs4 c",
            "4 3 8:2 / /nfs/inside rw - ext4 d", "5 1 8:3 / /nfsless rw - ext4 e", "6 1 0:6 / /run rw - tmpfs t",
            "7 1 0:7 / /auto rw - autofs t", "8 7 8:4 / /auto rw - ext4 f", "9 1 0:9 / /pool rw - btrfs g",
        ]
        #expect(MountPoint.sure(among: lines.compactMap(mount)) == ["1", "2", "5", "6"])
        #expect(
            MountPoint.sure(among: ["1 0 0:1 / / rw - nfs a", "2 1 8:1 / /d rw - xfs b"].compactMap(mount)).isEmpty)
    }

    @Test("below another root the paths asked have it and the labels do not")
    func otherRoot() throws {
        let host = FakeHost(
            """
            --- proc/1/mountinfo
            27 1 254:0 / /host rw - ext4 /dev/a rw
            28 1 254:1 / /host/srv rw - ext4 /dev/b rw
            29 1 254:2 / /elsewhere rw - ext4 /dev/c rw
            30 1 254:3 / /hostile rw - ext4 /dev/d rw
            """)
        let asked = Mutex<[String]>([])
        var collector = try makeCollector(host, root: "/host") { path in
            asked.withLock { $0.append(path) }
            return someSpace
        }
        var reader = HostReader()
        let found = try lines(&collector, &reader).filter { $0.hasPrefix("node_filesystem_files{") }
        #expect(asked.withLock { $0.sorted() } == ["/host/", "/host/elsewhere", "/host/hostile", "/host/srv"])
        for point in ["/", "/elsewhere", "/hostile", "/srv"] {
            #expect(found.contains { $0.contains("mountpoint=\"\(point)\"") })
        }
    }

    @Test("where other processes are hidden our own mounts do; of mounts one over the other the last is shown")
    func hiddenAndCovered() throws {
        let host = FakeHost(
            """
            --- proc/self/mountinfo
            27 1 254:0 / /x ro - tmpfs tmpfs rw
            28 1 254:9 / /x rw - tmpfs tmpfs rw
            nonsense
            """)
        var collector = try makeCollector(host)
        var reader = HostReader()
        let found = try lines(&collector, &reader)
        #expect(
            found.contains(#"node_filesystem_mount_info{device="tmpfs",major="254",minor="9",mountpoint="/x"} 1"#))
        #expect(found.count == 8)
        #expect(reader.oddities == 1)
    }

    @Test("a mount point that is not UTF-8 is asked by its bytes and shown repaired")
    func notUTF8() throws {
        let host = FakeHost("")
        host.write("proc/1/mountinfo", Array("27 1 254:0 / /a".utf8) + [0xff] + Array(" rw - ext4 /dev/a rw\n".utf8))
        var collector = try makeCollector(host)
        var reader = HostReader()
        let found = try lines(&collector, &reader)
        // There is no such directory.
        let expected =
            "node_filesystem_device_error{device=\"/dev/a\",device_error=\"no such file or directory\","
            + "fstype=\"ext4\",mountpoint=\"/a\u{fffd}\"} 1"
        #expect(found.contains(expected))
    }

    @Test("what is asked for by name is not left out by default")
    func inclusion() throws {
        let host = FakeHost(SysfsHost.script)
        var collector = try makeCollector(
            host, values: ["fs_types_include": "^proc$", "mount_points_include": "^/proc"])
        var reader = HostReader()
        let found = try lines(&collector, &reader)
        #expect(found.contains { $0.contains("mountpoint=\"/proc\"") })
        #expect(!found.contains { $0.contains("/dev/vda") })
    }

    @Test("a file system that hangs is shown so, is not asked again until it is back, and delays nobody twice")
    func hanging() throws {
        let host = FakeHost(SysfsHost.script)
        let gate = StopToken()
        defer { gate.stop() }
        let asked = Mutex(0)
        var collector = try makeCollector(host, values: ["mount_timeout": "1"]) { path in
            if path == "/" {
                asked.withLock { $0 += 1 }
                gate.wait(seconds: 60)
            }
            return someSpace
        }
        let hung = #"{device="/dev/vda",device_error="mountpoint timeout",fstype="ext4",mountpoint="/"}"#
        let other = #"{device="/dev/sda1",device_error="",fstype="xfs",mountpoint="/a b\\c"}"#
        var reader = HostReader()
        for round in 0..<3 {
            let start = Timestamp.monotonic
            let found = try lines(&collector, &reader)
            #expect(found.contains("node_filesystem_device_error\(hung) 1"))
            #expect(found.contains("node_filesystem_readonly\(hung) 0"))
            #expect(!found.contains { $0.hasPrefix("node_filesystem_size_bytes\(hung)") })
            #expect(found.contains("node_filesystem_size_bytes\(other) 409600"))
            if round > 0 { #expect(Timestamp.monotonic.seconds(since: start) < 0.9) }
        }
        // Another mount comes: the one that hangs stays known.
        host.write("proc/1/mountinfo", SysfsHost.mounts + "\n31 27 8:2 / /new rw - xfs /dev/sda2 rw\n")
        let found = try lines(&collector, &reader)
        #expect(found.contains("node_filesystem_device_error\(hung) 1"))
        #expect(found.contains { $0.contains("mountpoint=\"/new\"") })
        #expect(asked.withLock { $0 } == 1)
        gate.stop()
        var isBack = false
        for _ in 0..<100 where !isBack {
            isBack = try lines(&collector, &reader).contains {
                $0.hasPrefix("node_filesystem_size_bytes{device=\"/dev/vda\"")
            }
        }
        #expect(isBack)
    }

    @Test("more that hang than there may be threads: all are accounted for, and all come back")
    func manyHanging() {
        let gate = StopToken()
        let crew = SpaceCrew(patience: 0.001)
        let questions = (0..<60).map { index in
            SpaceQuestion(path: "\(index)") { _ in
                gate.wait(seconds: 60)
                return someSpace
            }
        }
        crew.ask(questions, timeout: 0.4)
        #expect(questions.allSatisfy { $0.lastAnswer == nil })
        #expect(crew.threadCount <= 32)
        gate.stop()
        var isDone = false
        for _ in 0..<50 where !isDone {
            crew.ask(questions, timeout: 1)
            isDone = questions.allSatisfy { $0.lastAnswer != nil }
        }
        #expect(isDone)
    }
}
