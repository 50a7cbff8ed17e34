import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Logs

@Suite("files that several jobs name", .serialized)
struct SharedFileTests {
    private func bench(_ jobs: (FileBench) -> [FileJob]) -> FileBench {
        let bench = FileBench()
        bench.jobs = jobs(bench)
        return bench
    }

    /// Whether each job has exactly these lines, after waiting for them.
    private func expect(_ bench: FileBench, _ texts: [String: [String]]) -> Bool {
        let wanted = texts.values.reduce(0) { $0 + $1.count }
        _ = bench.wait { bench.sink.lines.count >= wanted }
        return texts.allSatisfy { bench.texts(of: $0.key) == $0.value } && bench.sink.lines.count == wanted
    }

    @Test("each job gets every line, under its own labels, and the file is opened once")
    func bothJobs() {
        let bench = bench { [$0.job("a"), $0.job("b")] }
        bench.write("x.log", "one\n")
        bench.start()
        #expect(expect(bench, ["a": ["one"], "b": ["one"]]))
        bench.write("x.log", "two\nthr")
        bench.write("x.log", "ee\n")
        let all = ["one", "two", "three"]
        #expect(expect(bench, ["a": all, "b": all]))
        let open = bench.metrics.gauge("tocsin_file_open_files", help: "", ["source": "files"])
        let isOpenOnce = bench.wait { open.current == 1 }
        #expect(isOpenOnce, "\(open.current) open, \(bench.readiness.all), \(bench.failure.text ?? "running")")
        #expect(bench.readiness.all.first?.state == .ok)
        bench.restart()
        bench.write("x.log", "four\n")
        #expect(expect(bench, ["a": all + ["four"], "b": all + ["four"]]))
    }

    @Test("two groups of one job that name the same file both get it")
    func twoGroups() {
        let bench = FileBench()
        var groups = [FileTargetConfiguration(path: bench.pattern), FileTargetConfiguration(path: bench.path("x.*"))]
        groups[0].labels = ["job": "a"]
        groups[1].labels = ["job": "b"]
        bench.discovery = GlobDiscovery(groups: groups)
        bench.write("x.log", "one\n")
        bench.start()
        #expect(expect(bench, ["a": ["one"], "b": ["one"]]))
        bench.restart()
        bench.write("x.log", "two\n")
        #expect(expect(bench, ["a": ["one", "two"], "b": ["one", "two"]]))
    }

    @Test("a job's relabelling drops the file for that job only")
    func droppedForOne() {
        let bench = bench { [$0.job("a", relabel: { _ in nil }), $0.job("b")] }
        bench.write("x.log", "one\n")
        bench.start()
        #expect(expect(bench, ["b": ["one"]]))
    }

    @Test("a job without labels is told of, the other goes on")
    func noLabelsForOne() {
        let bench = bench { [$0.job("a", relabel: { _ in LabelSet([Label("__x", "y")]) }), $0.job("b")] }
        bench.write("x.log", "one\n")
        bench.start()
        #expect(expect(bench, ["b": ["one"]]))
        #expect(
            bench.wait {
                guard case .degraded(let text) = bench.readiness.all.first?.state else { return false }
                return text.contains("no labels") && text.contains("job a")
            })
        bench.reload([bench.job("b")])
        #expect(bench.wait { bench.readiness.all.first?.state == .ok })
    }

    @Test("each job has its own encoding")
    func encodings() {
        let bench = bench { [$0.job("a"), $0.job("b", encoding: "latin1"), $0.job("c", encoding: "utf-16le")] }
        bench.write("x.log", bytes: [0x63, 0x00, 0xe9, 0x00, 0x0a, 0x00])
        bench.start()
        #expect(bench.wait { bench.texts(of: "c").count == 1 })
        #expect(bench.texts(of: "c") == ["cé"])
        bench.write("x.log", bytes: [0x64, 0x00, 0x0a, 0x00])
        #expect(bench.wait { bench.texts(of: "c").count == 2 })
        bench.restart()
        bench.write("x.log", bytes: [0x65, 0x00, 0x0a, 0x00])
        #expect(bench.wait { bench.texts(of: "c").count == 3 })
        #expect(bench.texts(of: "c") == ["cé", "d", "e"])
        #expect(bench.texts(of: "a") == ["c\0\u{FFFD}\0", "\0d\0", "\0e\0"])
        #expect(bench.texts(of: "b") == ["c\0é\0", "\0d\0", "\0e\0"])
    }

    @Test("each job has its own format, and lines that are open are joined over a restart")
    func formats() {
        func record(_ text: String) -> String {
            "{\"log\":\"\(text)\",\"stream\":\"stdout\",\"time\":\"2026-01-01T00:00:00.5Z\"}\n"
        }
        let lines = ["a1", "a2", "a3\\n", "b\\n"].map { String(record($0).dropLast()) }
        let bench = bench { [$0.job("joined", format: .docker), $0.job("raw"), $0.job("again", format: .docker)] }
        bench.write("x.log", lines[0] + "\n")
        bench.start()
        #expect(expect(bench, ["raw": Array(lines[..<1])]))
        bench.restart()
        bench.write("x.log", lines[1] + "\n")
        #expect(expect(bench, ["raw": Array(lines[..<2])]))
        bench.move("x.log", "x.log.1")
        bench.write("x.log", lines[2] + "\n" + lines[3] + "\n")
        #expect(expect(bench, ["raw": lines, "joined": ["a1a2a3", "b"], "again": ["a1a2a3", "b"]]))
        bench.restart()
        bench.write("x.log", lines[3] + "\n")
        #expect(
            expect(bench, ["raw": lines + [lines[3]], "joined": ["a1a2a3", "b", "b"], "again": ["a1a2a3", "b", "b"]]))
    }

    @Test("a writer that gets full in the middle of a chunk gives every job each line once")
    func fullWriter() {
        let bench = bench { [$0.job("a"), $0.job("b"), $0.job("c", encoding: "latin1")] }
        bench.tuning.chunkSize = 600 << 10
        let lines = (0..<60_000).map { "line \($0) " + String(repeating: "x", count: $0 % 90) }
        bench.write("x.log", lines.joined(separator: "\n") + "\n")
        bench.start()
        #expect(expect(bench, ["a": lines, "b": lines, "c": lines]))
        let read = bench.metrics.counter(
            "tocsin_source_read_bytes_total", help: "", ["source": "files", "job": "b"])
        #expect(read.current == lines.reduce(0) { $0 + $1.utf8.count + 1 })
    }

    @Test(
        "a job that is added gets what is read from then on; one that is renamed goes on; those beside it do not notice"
    )
    func reload() {
        let bench = bench { [$0.job("a")] }
        bench.write("x.log", "one\n")
        bench.start()
        #expect(expect(bench, ["a": ["one"]]))
        reload(bench, [bench.job("a")], "b")
        bench.write("x.log", "two\n")
        #expect(expect(bench, ["a": ["one", "two"], "b": ["two"]]))
        reload(bench, [bench.job("a")], "c")
        bench.write("x.log", "three\n")
        #expect(expect(bench, ["a": ["one", "two", "three"], "b": ["two"], "c": ["three"]]))
        reload(bench, [], "c2")
        bench.write("x.log", "four\n")
        #expect(expect(bench, ["a": ["one", "two", "three"], "b": ["two"], "c": ["three"], "c2": ["four"]]))
    }

    /// Reloads with these jobs and one more, and waits until that one follows the file.
    private func reload(_ bench: FileBench, _ jobs: [FileJob], _ more: String) {
        let flag = Flag()
        let last = bench.job(
            more,
            relabel: {
                flag.isSet.store(true, ordering: .relaxed)
                return $0
            })
        bench.reload(jobs + [last])
        #expect(bench.wait { flag.isSet.load(ordering: .relaxed) })
    }

    /// Finds what another does, and does something once right after a look that found nothing.
    private struct Interrupted: TargetDiscovery {
        let base: any TargetDiscovery
        let action: @Sendable () -> Void
        let isArmed: Flag

        func discover() -> DiscoveredTargets {
            let found = base.discover()
            if found.targets.isEmpty, isArmed.isSet.exchange(false, ordering: .relaxed) { action() }
            return found
        }
    }

    @Test("a file that appears between the jobs' looks is all jobs' from its beginning", arguments: [false, true])
    func appearsBetweenLooks(isRotation: Bool) {
        let bench = FileBench()
        let flag = Flag()
        var first = bench.job("a")
        first.discovery = Interrupted(
            base: first.discovery, action: { bench.write("x.log", "two\nthree\n") }, isArmed: flag)
        bench.jobs = [first, bench.job("b")]
        if isRotation {
            bench.write("x.log", "one\n")
            bench.start()
            #expect(expect(bench, ["a": ["one"], "b": ["one"]]))
            flag.isSet.store(true, ordering: .relaxed)
            bench.move("x.log", "x.log.1")
        } else {
            flag.isSet.store(true, ordering: .relaxed)
            bench.start()
        }
        let all = (isRotation ? ["one"] : []) + ["two", "three"]
        #expect(bench.wait { bench.texts(of: "b").count >= all.count })
        bench.write("x.log", "four\n")
        #expect(expect(bench, ["a": all + ["four"], "b": all + ["four"]]))
    }

    private final class Flag: Sendable {
        let isSet = Atomic<Bool>(false)
    }

    @Test("through kills, rotations and reloads no job gets a line twice or misses one", arguments: 0..<12)
    func torture(_ number: Int) {
        let seed = UInt64(number) &* 6_700_417 &+ 3
        var random = SeededRandom(seed: seed)
        let bench = bench { [$0.job("a"), $0.job("b")] }
        bench.pattern = bench.path(number % 2 == 0 ? "app.log*" : "*.log")
        bench.limits.maxLineSize = 300
        let (first, second, third) = (bench.job("a"), bench.job("b"), bench.job("c", encoding: "latin1"))
        bench.jobs = [first, second]
        var written = 0
        func write() {
            var text = ""
            for _ in 0..<Int.random(in: 1..<40, using: &random) {
                text +=
                    "line \(written) " + String(repeating: "x", count: Int.random(in: 0..<60, using: &random)) + "\n"
                written += 1
            }
            let cut = text.utf8.index(text.startIndex, offsetBy: Int.random(in: 0..<text.utf8.count, using: &random))
            bench.write("app.log", String(text[..<cut]))
            bench.write("app.log", String(text[cut...]))
        }
        func numbers(_ job: String) -> [Int] {
            bench.texts(of: job).compactMap { $0.split(separator: " ").dropFirst().first.flatMap { Int($0) } }
        }
        func settle() {
            bench.sink.setCommitLimit(.max)
            _ = bench.wait(60) {
                // A commit that was refused just now may end the source only now.
                if bench.failure.text != nil { bench.stopSource() }
                if !bench.isRunning { bench.start() }
                return numbers("a").count >= written && numbers("b").count >= written
            }
        }
        write()
        bench.start()
        // What is rotated before it was seen is another file.
        settle()
        var rotations = 0
        for _ in 0..<40 {
            switch Int.random(in: 0..<12, using: &random) {
            case 0...4: write()
            case 5:
                rotations += 1
                if rotations % 4 == 0 { settle() }
                for number in stride(from: 6, to: 0, by: -1) {
                    bench.move("app.log.\(number)", "app.log.\(number + 1)")
                }
                bench.move("app.log", "app.log.1")
                write()
            case 6, 7: bench.isRunning ? bench.kill() : bench.start()
            case 8: bench.isRunning ? bench.stopSource() : bench.start()
            case 9:
                if bench.isRunning {
                    bench.sink.setCommitLimit(bench.sink.commits + Int.random(in: 0..<3, using: &random))
                }
            case 10: bench.reload(Bool.random(using: &random) ? [first, second] : [third, second, first])
            default: settle()
            }
        }
        settle()
        for job in ["a", "b"] {
            let found = numbers(job)
            let isRight = found == Array(0..<written)
            let wrong = zip(found, 0...).first { $0 != $1 }
            #expect(isRight, "seed \(seed): job \(job) has \(found.count) of \(written), wrong at \(wrong as Any)")
        }
        let others = numbers("c")
        let isAscending = zip(others, others.dropFirst()).allSatisfy { $0 < $1 }
        #expect(isAscending, "seed \(seed): \(others)")
    }
}
