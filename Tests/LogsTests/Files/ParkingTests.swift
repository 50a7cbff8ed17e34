import Telemetry
import Testing

@testable import Logs

@Suite("files that are closed while idle", .serialized)
struct ParkingTests {
    private func bench(_ pattern: String = "*.log") -> FileBench {
        let bench = FileBench()
        bench.pattern = bench.path(pattern)
        bench.tuning.openFilesKept = 0
        bench.tuning.parkAfter = 0.03
        return bench
    }

    private func waitUntilClosed(_ bench: FileBench) -> Bool {
        bench.wait { bench.metrics.gauge("tocsin_file_open_files", help: "", ["source": "files"]).current == 0 }
    }

    @Test("what becomes of them is seen as of open ones", arguments: FileSourceTests.cases)
    func parked(_ example: FileSourceTests.Case) {
        let bench = bench(example.pattern)
        bench.write("app.log", example.before)
        bench.start()
        #expect(bench.wait { bench.sink.lines.count == 2 })
        #expect(waitUntilClosed(bench))
        example.steps(bench)
        #expect(bench.expect(example.expected) == example.expected)
        #expect(waitUntilClosed(bench))
        bench.write("app.log", "last\n")
        #expect(bench.expect(example.expected + ["last"]) == example.expected + ["last"])
    }

    @Test("one that is renamed with nothing in its place is read to its end")
    func renamedAway() {
        let bench = bench()
        bench.write("app.log", "one\n")
        bench.start()
        #expect(bench.expect([""]) == ["one"])
        #expect(waitUntilClosed(bench))
        bench.write("app.log", "two\n")
        bench.move("app.log", "app.log.1")
        #expect(bench.expect(["", ""]) == ["one", "two"])
    }
}
