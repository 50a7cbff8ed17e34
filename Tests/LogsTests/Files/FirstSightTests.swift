import Glibc
import Telemetry
import Testing

@testable import Logs

/// Files that were seen, but of which nothing was stored when the agent died.
@Suite("files at first sight", .serialized)
struct FirstSightTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var name: String
        /// What is in the file when it is first seen.
        var first: String
        var steps: @Sendable (FileBench) -> Void
        var expected: [String]
        var testDescription: String { name }
    }

    static let cases: [Case] = [
        Case(
            name: "two rotations", first: "one\n",
            steps: {
                $0.write("app.log", "two\n")
                $0.move("app.log", "app.log.2")
                $0.write("app.log.1", "three\n")
                $0.write("app.log", "four\n")
            }, expected: ["one", "two", "three", "four"]),
        Case(
            name: "two rotations of a file that was empty, the older one compressed", first: "",
            steps: {
                usleep(20_000)
                $0.write("app.log", "two\n")
                $0.move("app.log", "app.log.2")
                $0.gzip("app.log.2")
                $0.write("app.log.1", "three\n")
                $0.write("app.log", "four\n")
            }, expected: ["two", "three", "four"]),
        Case(
            name: "two rotations, the older one compressed, nothing added", first: "one\n",
            steps: {
                $0.move("app.log", "app.log.2")
                $0.gzip("app.log.2")
                $0.write("app.log.1", "one\nthree\n")
                $0.write("app.log", "four\n")
            }, expected: ["one", "one", "three", "four"]),
        Case(
            name: "copytruncate", first: "one\n",
            steps: {
                $0.copy("app.log", "app.log.1")
                $0.truncate("app.log")
                $0.write("app.log", "two\n")
            }, expected: ["one", "two"]),
        Case(
            name: "more lines", first: "one\n", steps: { $0.write("app.log", "two\n") }, expected: ["one", "two"]),
    ]

    @Test("nothing is lost where they were rotated while down", arguments: cases)
    func killedEarly(_ example: Case) {
        let bench = FileBench()
        bench.write("app.log", example.first)
        bench.start(commitInterval: 1000)
        #expect(bench.wait { !bench.sink.positions(prefix: "file:").isEmpty })
        bench.kill()
        #expect(bench.sink.lines.isEmpty)
        example.steps(bench)
        bench.start()
        #expect(bench.expect(example.expected) == example.expected)
        bench.restart()
        bench.write("app.log", "last\n")
        #expect(bench.expect(example.expected + ["last"]) == example.expected + ["last"])
    }

    @Test("a file that was empty at first sight, rotated before anything of it was stored, is known again compressed")
    func rotatedEarly() {
        let bench = FileBench()
        bench.write("app.log", "")
        bench.start(commitInterval: 1000)
        #expect(bench.wait { bench.sink.positions(prefix: "file:").count == 1 })
        bench.write("app.log", "one\ntwo")
        bench.move("app.log", "app.log.1")
        bench.write("app.log", "three\n")
        #expect(bench.wait { bench.sink.positions(prefix: "file:").count == 2 })
        bench.kill()
        bench.gzip("app.log.1")
        bench.start()
        let expected = ["one", "two", "three"]
        #expect(bench.expect(expected) == expected)
    }
}
