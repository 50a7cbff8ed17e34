import Glibc
import Telemetry
import Testing

@testable import Logs

@Suite("following files", .serialized)
struct FileSourceTests {
    @Test("a file that is there is read from its beginning and then followed")
    func followsFile() {
        let bench = FileBench()
        bench.write("a.log", "one\ntwo\r\n")
        bench.start()
        #expect(bench.expect(["one", "two"]) == ["one", "two"])
        bench.write("a.log", "three\nfo")
        #expect(bench.expect(["one", "two", "three"]).count == 3)
        bench.write("a.log", "ur\n")
        #expect(bench.expect(["", "", "", ""]) == ["one", "two", "three", "four"])
        #expect(bench.sink.lines[0].labels == "{filename=\"\(bench.path("a.log"))\", job=\"test\"}")
    }

    @Test("a new file is found as it appears")
    func findsNewFile() {
        let bench = FileBench()
        bench.start()
        #expect(bench.wait { bench.readiness.all.first?.state == .ok })
        bench.write("new.log", "hello\n")
        #expect(bench.expect([""]) == ["hello"])
    }

    @Test("after a restart reading goes on where it was committed")
    func resumes() {
        let bench = FileBench()
        bench.write("a.log", "one\ntwo\n")
        bench.start()
        #expect(bench.expect(["", ""]) == ["one", "two"])
        bench.stopSource()
        bench.write("a.log", "three\n")
        bench.start()
        #expect(bench.expect(["", "", ""]) == ["one", "two", "three"])
    }

    @Test("lines not committed when the process dies are read again")
    func readsAgainAfterKill() {
        let bench = FileBench()
        bench.sink.setCommitLimit(0)
        bench.write("a.log", "one\n")
        bench.start()
        #expect(bench.wait { bench.failure.text != nil })
        bench.kill()
        bench.start()
        #expect(bench.expect([""]) == ["one"])
    }

    /// What is done to `app.log` while it is followed, or while nothing runs; then what must have been stored.
    struct Case: CustomTestStringConvertible, Sendable {
        var name: String
        var steps: @Sendable (FileBench) -> Void
        var expected: [String]
        /// Lines written before the steps and stored when they begin.
        var before = "one\ntwo\n"
        var pattern = "*.log"
        var testDescription: String { name }
    }

    static let cases: [Case] = [
        Case(
            name: "rename and create",
            steps: {
                $0.write("app.log", "three\n")
                $0.move("app.log", "app.log.1")
                $0.write("app.log", "four\n")
            }, expected: ["one", "two", "three", "four"]),
        Case(
            name: "rename and create, the rotated name matching the glob",
            steps: {
                $0.write("app.log", "three\n")
                $0.move("app.log", "app.log.1")
                $0.write("app.log", "four\n")
            }, expected: ["one", "two", "three", "four"], pattern: "app.log*"),
        Case(
            name: "two rotations at once",
            steps: {
                $0.write("app.log", "three\n")
                $0.move("app.log", "app.log.2")
                $0.write("app.log.1", "four\n")
                $0.write("app.log", "five\n")
            }, expected: ["one", "two", "three", "four", "five"]),
        Case(
            name: "two rotations at once, the names matching the glob",
            steps: {
                $0.write("app.log", "three\n")
                $0.move("app.log", "app.log.2")
                $0.write("app.log.1", "four\n")
                $0.write("app.log", "five\n")
            }, expected: ["one", "two", "three", "four", "five"], pattern: "app.log*"),
        Case(
            name: "three rotations, the oldest compressed",
            steps: {
                $0.write("app.log", "three\n")
                $0.move("app.log", "app.log.3")
                $0.gzip("app.log.3")
                $0.write("app.log.2", "four\n")
                $0.write("app.log.1", "five\n")
                $0.write("app.log", "six\n")
            }, expected: ["one", "two", "three", "four", "five", "six"]),
        Case(
            name: "an unseen generation compressed",
            steps: {
                $0.move("app.log", "app.log.2")
                $0.write("app.log.1", "three\n")
                $0.gzip("app.log.1")
                $0.write("app.log", "four\n")
            }, expected: ["one", "two", "three", "four"]),
        Case(
            name: "dated names",
            steps: {
                $0.write("app.log", "three\n")
                $0.move("app.log", "app.log-20260101")
                $0.write("app.log-20260102", "four\n")
                $0.write("app.log", "five\n")
            }, expected: ["one", "two", "three", "four", "five"]),
        Case(
            name: "copytruncate",
            steps: {
                $0.write("app.log", "three\n")
                $0.copy("app.log", "app.log.1")
                $0.truncate("app.log")
                $0.write("app.log", "four\n")
            }, expected: ["one", "two", "three", "four"]),
        Case(
            name: "copytruncate, the copy matching the glob",
            steps: {
                $0.write("app.log", "three\n")
                $0.copy("app.log", "app.log.1")
                $0.truncate("app.log")
                $0.write("app.log", "four\n")
            }, expected: ["one", "two", "three", "four"], pattern: "app.log*"),
        Case(
            name: "copytruncate, refilled beyond the old offset",
            steps: {
                $0.copy("app.log", "app.log.1")
                $0.truncate("app.log")
                $0.write("app.log", "a longer line than all before\n")
            }, expected: ["one", "two", "a longer line than all before"]),
        Case(
            name: "copytruncate, the copy compressed at once",
            steps: {
                $0.write("app.log", "three\n")
                $0.copy("app.log", "app.log.1")
                $0.gzip("app.log.1")
                $0.truncate("app.log")
                $0.write("app.log", "four\n")
            }, expected: ["one", "two", "three", "four"]),
        Case(
            name: "truncated and refilled to the same size",
            steps: { $0.write("app.log", "six\nten\n", append: false) }, expected: ["one", "two", "six", "ten"]),
        Case(
            name: "truncated and refilled smaller",
            steps: { $0.write("app.log", "x\n", append: false) }, expected: ["one", "two", "x"]),
        Case(
            name: "replaced by another file",
            steps: {
                $0.write("app.tmp", "three\nfour\n")
                $0.move("app.tmp", "app.log")
            }, expected: ["one", "two", "three", "four"]),
        Case(
            name: "truncated, the writer keeping its offset",
            steps: {
                $0.truncate("app.log")
                $0.truncate("app.log", to: 8)
                $0.write("app.log", "three\n")
            }, expected: ["one", "two", "three"]),
        Case(
            name: "a last line without newline, rotated",
            steps: {
                $0.write("app.log", "thr")
                $0.write("app.log", "ee")
                $0.move("app.log", "app.log.1")
                $0.write("app.log", "four\n")
            }, expected: ["one", "two", "three", "four"]),
        Case(
            name: "NULs within a line",
            steps: { $0.write("app.log", "a\0b\n") }, expected: ["one", "two", "a\0b"]),
        Case(
            name: "the same first bytes after a rotation",
            steps: {
                let banner = String(repeating: "#", count: 400) + "\n"
                $0.write("app.log", "three\n")
                $0.move("app.log", "app.log.1")
                $0.write("app.log", banner + "four\n")
            },
            expected: [String(repeating: "#", count: 400), "two", "three", String(repeating: "#", count: 400), "four"],
            before: String(repeating: "#", count: 400) + "\ntwo\n"),
    ]

    @Test("while it is followed", arguments: cases)
    func live(_ example: Case) {
        let bench = FileBench()
        bench.pattern = bench.path(example.pattern)
        bench.write("app.log", example.before)
        bench.start()
        #expect(bench.wait { bench.sink.lines.count == 2 })
        example.steps(bench)
        #expect(bench.expect(example.expected) == example.expected)
        bench.restart()
        bench.write("app.log", "last\n")
        #expect(bench.expect(example.expected + ["last"]) == example.expected + ["last"])
    }

    @Test("while nothing runs", arguments: cases)
    func down(_ example: Case) {
        let bench = FileBench()
        bench.pattern = bench.path(example.pattern)
        bench.write("app.log", example.before)
        bench.start()
        #expect(bench.wait { bench.sink.lines.count == 2 })
        bench.stopSource()
        example.steps(bench)
        bench.start()
        #expect(bench.expect(example.expected) == example.expected)
        bench.restart()
        bench.write("app.log", "last\n")
        #expect(bench.expect(example.expected + ["last"]) == example.expected + ["last"])
    }

    @Test("a rotated name that is followed itself does not take in the copies made later")
    func rotatedNameIsMovedOn() {
        let bench = FileBench()
        bench.pattern = bench.path("app.log*")
        bench.write("app.log.1", "zero\n")
        bench.write("app.log", "one\n")
        bench.start()
        #expect(bench.wait { bench.sink.lines.count == 2 })
        for round in 2..<6 {
            for number in (1..<5).reversed() { bench.move("app.log.\(number)", "app.log.\(number + 1)") }
            bench.copy("app.log", "app.log.1")
            bench.truncate("app.log")
            bench.write("app.log", "line \(round)\n")
            #expect(bench.wait { bench.sink.texts.contains("line \(round)") })
        }
        bench.restart()
        bench.write("app.log", "last\n")
        #expect(bench.wait { bench.sink.texts.contains("last") })
        #expect(bench.sink.texts.sorted() == ["last", "line 2", "line 3", "line 4", "line 5", "one", "zero"])
    }

    @Test("a deleted file is read to its end, and its position forgotten")
    func deletion() {
        let bench = FileBench()
        bench.write("app.log", "one\n")
        bench.start()
        #expect(bench.expect([""]) == ["one"])
        bench.write("app.log", "two\nthr")
        bench.delete("app.log")
        #expect(bench.expect(["", "", ""]) == ["one", "two", "thr"])
        #expect(bench.wait { bench.sink.positions(prefix: "file:").isEmpty })
    }

    @Test("a symbolic link is followed, and its switching to another file seen")
    func symbolicLink() {
        let bench = FileBench()
        bench.write("first", "one\n")
        bench.write("second", "two\n")
        symlink(bench.path("first"), bench.path("app.log"))
        bench.start()
        #expect(bench.expect([""]) == ["one"])
        symlink(bench.path("second"), bench.path("next"))
        bench.move("next", "app.log")
        #expect(bench.expect(["", ""]) == ["one", "two"])
    }

    @Test("a line beyond the limit comes in marked pieces, its rest is dropped")
    func longLine() {
        let bench = FileBench()
        bench.limits.maxLineSize = 100
        bench.limits.maxJoinedSize = 250
        bench.write("app.log", String(repeating: "x", count: 400) + "\nshort\n")
        bench.start()
        #expect(bench.expect(["", "", "", ""]).map(\.utf8.count) == [100, 100, 50, 5])
        #expect(bench.sink.lines[0].metadata == ["line_part": "1"])
        #expect(bench.sink.lines[2].metadata == ["line_part": "3", "line_truncated": "true"])
    }

    @Test("a line longer than any buffer is streamed")
    func hugeLine() {
        let bench = FileBench()
        bench.write("app.log", String(repeating: "abcdefghij", count: 200_000))
        bench.start()
        #expect(bench.wait { bench.sink.lines.count >= 7 })
        bench.restart()
        bench.write("app.log", "\nnext\n")
        #expect(bench.wait { bench.sink.texts.last == "next" })
        let texts = bench.sink.texts
        #expect(texts.dropLast().joined() == String(repeating: "abcdefghij", count: 200_000))
        #expect(bench.sink.lines[texts.count - 2].metadata["line_part"] == String(texts.count - 1))
    }

    @Test("the pieces of a docker line are joined, across a rotation and a restart too")
    func dockerJoin() {
        func record(_ text: String, _ stream: String = "stdout") -> String {
            "{\"log\":\"\(text)\",\"stream\":\"\(stream)\",\"time\":\"2026-01-01T00:00:00.5Z\"}\n"
        }
        let bench = FileBench()
        bench.format = .docker
        bench.write("a.log", record("a1") + record("b1", "stderr") + record("a2\\n") + record("x\\n"))
        bench.start()
        #expect(bench.expect(["", ""]) == ["a1a2", "x"])
        bench.restart()
        bench.write("a.log", record("b2", "stderr"))
        bench.move("a.log", "a.log.1")
        bench.write("a.log", record("y\\n"))
        #expect(bench.expect(["", "", ""]) == ["a1a2", "x", "y"])
        bench.restart()
        bench.write("a.log", record("b3\\n", "stderr"))
        #expect(bench.expect(["", "", "", ""]) == ["a1a2", "x", "y", "b1b2b3"])
        #expect(bench.sink.lines[3].labels.contains("stream=\"stderr\""))
        #expect(bench.sink.lines[3].time == 1_767_225_600_500_000_000)
        bench.write("a.log", "no json\n")
        #expect(bench.expect(["", "", "", "", ""]).last == "no json")
    }

    @Test("a job that goes leaves its files; one that stays keeps them")
    func reconfigure() {
        let bench = FileBench()
        bench.write("a.log", "one\n")
        bench.start()
        #expect(bench.expect([""]) == ["one"])
        bench.source?.reconfigure(jobs: [])
        #expect(bench.wait { bench.metrics.gauge("promtail_files_active_total", help: "").current == 0 })
        bench.write("a.log", "two\n")
        bench.source?.reconfigure(jobs: [bench.job])
        #expect(bench.expect(["", ""]) == ["one", "two"])
    }

    @Test("an empty label set is refused with a sentence")
    func noLabels() {
        let bench = FileBench()
        bench.relabel = { _ in LabelSet([Label("__x", "y")]) }
        bench.write("a.log", "one\n")
        bench.start()
        #expect(
            bench.wait {
                if case .degraded(let text) = bench.readiness.all.first?.state { return text.contains("no labels") }
                return false
            })
    }
}
