import Glibc
import Synchronization
import Telemetry
import Testing

@testable import Logs

@Suite("files in trouble", .serialized)
struct TroubleTests {
    /// One target that cannot be read, beside those of the glob.
    private struct WithDirectory: TargetDiscovery {
        var glob: GlobDiscovery
        var path: String
        func discover() -> DiscoveredTargets {
            var found = glob.discover()
            found.targets.insert(TailTarget(path: path, labels: ["job": "test"], format: .plain), at: 0)
            return found
        }
    }

    private struct Fixed: TargetDiscovery {
        var target: TailTarget
        func discover() -> DiscoveredTargets {
            var found = DiscoveredTargets()
            found.targets = [target]
            return found
        }
    }

    @Test("what cannot be read is stated once, and the others go on")
    func unreadable() {
        let bench = FileBench()
        mkdir(bench.path("dir.log"), 0o755)
        bench.discovery = WithDirectory(
            glob: GlobDiscovery(groups: [FileTargetConfiguration(path: bench.pattern)]), path: bench.path("dir.log"))
        bench.write("a.log", "one\n")
        bench.start()
        #expect(bench.expect([""]) == ["one"])
        #expect(
            bench.wait {
                guard case .degraded(let text) = bench.readiness.all.first?.state else { return false }
                return text.contains("dir.log") && !text.contains("more")
            })
        bench.write("a.log", "two\n")
        #expect(bench.expect(["", ""]) == ["one", "two"])
        rmdir(bench.path("dir.log"))
        #expect(bench.wait { bench.readiness.all.first?.state == .ok })
    }

    @Test("an inode number that was given to another file does not give it the old position")
    func inodeReuse() throws {
        let bench = FileBench()
        bench.write("app.log", "one\ntwo\n")
        bench.start()
        #expect(bench.expect(["", ""]) == ["one", "two"])
        bench.stopSource()
        // The new file's identity gets the old one's position, as on a file system that keeps no time of birth.
        let old = try #require(bench.sink.positions(prefix: "file:").first)
        bench.write("new", "six\nten\nmore\n")
        bench.delete("app.log")
        bench.move("new", "app.log")
        let identity = try FileStatus.of(path: bench.path("app.log")).identity
        bench.sink.state.withLock {
            $0.positions[old.key] = nil
            $0.positions[identity.key] = old.value
        }
        bench.start()
        let expected = ["one", "two", "six", "ten", "more"]
        #expect(bench.expect(expected) == expected)
    }

    @Test("a finished container's log is read to its end, its last line too, and closed")
    func finished() {
        let bench = FileBench()
        bench.format = .docker
        bench.write("a.log", #"{"log":"one\n","stream":"stdout","time":"2026-01-01T00:00:00Z"}"# + "\n")
        bench.write("a.log", #"{"log":"open","stream":"stdout","time":"2026-01-01T00:00:01Z"}"# + "\n")
        var target = TailTarget(path: bench.path("a.log"), labels: ["job": "test"], format: .docker)
        target.isFinished = true
        bench.discovery = Fixed(target: target)
        bench.start()
        #expect(bench.expect(["", ""]) == ["one", "open"])
        #expect(bench.wait { bench.metrics.gauge("promtail_files_active_total", help: "").current == 0 })
    }

    @Test("the CRI format: partial pieces of both streams, over a restart")
    func cri() {
        let bench = FileBench()
        bench.format = .cri
        bench.write(
            "0.log",
            "2026-01-01T00:00:00.5Z stdout P a1\n2026-01-01T00:00:01Z stderr F whole\n"
                + "2026-01-01T00:00:02Z stdout P a2\n")
        bench.start()
        #expect(bench.expect([""]) == ["whole"])
        bench.restart()
        bench.write("0.log", "2026-01-01T00:00:03Z stdout F a3\nno record\n")
        #expect(bench.expect(["", "", ""]) == ["whole", "a1a2a3", "no record"])
        #expect(bench.sink.lines[0].labels.contains("stream=\"stderr\""))
        #expect(bench.sink.lines[1].labels.contains("stream=\"stdout\""))
        #expect(bench.sink.lines[1].time == 1_767_225_600_500_000_000)
    }

    @Test("where the kernel gives no notices changes are found by looking", arguments: FileSourceTests.cases)
    func blind(_ example: FileSourceTests.Case) {
        let bench = FileBench()
        bench.tuning.usesNotices = false
        bench.pattern = bench.path(example.pattern)
        bench.write("app.log", example.before)
        bench.start()
        #expect(bench.wait { bench.sink.lines.count == 2 })
        example.steps(bench)
        #expect(bench.expect(example.expected) == example.expected)
        #expect(
            bench.wait {
                guard case .degraded(let text) = bench.readiness.all.first?.state else { return false }
                return text.contains("max_user_watches")
            })
    }

    @Test("lag is the sum of what is there and not read")
    func lag() {
        let bench = FileBench()
        bench.write("a.log", "one\nopen")
        bench.write("b.log", "two\nend")
        bench.start()
        #expect(bench.wait { bench.sink.lines.count == 2 })
        let lag = bench.metrics.gauge("tocsin_source_lag_bytes", help: "", ["source": "files"])
        #expect(bench.wait { lag.current == 7 })
        bench.write("a.log", "\n")
        #expect(bench.wait { lag.current == 3 })
    }

    @Test("files and directories that come and go match their globs")
    func discovery() {
        let bench = FileBench()
        mkdir(bench.path("a"), 0o755)
        mkdir(bench.path("a/b"), 0o755)
        for name in ["x.log", "a/y.log", "a/b/z.log", "a/not.log", ".hidden.log"] { bench.write(name, "") }
        var group = FileTargetConfiguration(path: bench.path("**/*.log"))
        group.exclude = bench.path("**/not*")
        group.labels = ["job": "j"]
        let glob = GlobDiscovery(groups: [group, FileTargetConfiguration(path: "relative/*.log")])
        let found = glob.discover()
        #expect(found.targets.map(\.path) == ["a/b/z.log", "a/y.log", "x.log"].map(bench.path))
        #expect(found.targets[0].labels["filename"] == bench.path("a/b/z.log"))
        #expect(found.problems.count == 1 && found.problems[0].contains("relative"))
        #expect(Set(found.watchedDirectories).isSuperset(of: [bench.root, bench.path("a"), bench.path("a/b")]))
    }
}
