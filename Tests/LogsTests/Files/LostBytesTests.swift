import Glibc
import Telemetry
import Testing

@testable import Logs

@Suite("bytes that are gone unread", .serialized)
struct LostBytesTests {
    private func lost(_ bench: FileBench) -> UInt64 {
        bench.metrics.counter(
            "tocsin_file_dropped_total", help: "", ["source": "files", "reason": "bytes_gone_unread"]
        ).current
    }

    /// A file whose first line is stored and whose second, unfinished one has only been seen.
    private func seen() -> FileBench {
        let bench = FileBench()
        bench.write("app.log", "one\nunfinished")
        bench.start()
        #expect(bench.expect([""]) == ["one"])
        return bench
    }

    @Test("deleted while down")
    func deleted() {
        let bench = seen()
        bench.stopSource()
        bench.delete("app.log")
        bench.write("app.log", "two\n")
        bench.start()
        #expect(bench.expect(["", ""]) == ["one", "two"])
        #expect(lost(bench) == 10)
    }

    @Test("truncated while down")
    func truncated() {
        let bench = seen()
        bench.stopSource()
        bench.write("app.log", "two\n", append: false)
        bench.start()
        #expect(bench.expect(["", ""]) == ["one", "two"])
        #expect(lost(bench) == 10)
    }

    @Test("truncated while followed: what was read of the unfinished line is stored")
    func truncatedLive() {
        let bench = seen()
        bench.truncate("app.log")
        bench.write("app.log", "two\n")
        #expect(bench.expect(["", "", ""]) == ["one", "unfinished", "two"])
        #expect(lost(bench) == 0)
    }

    @Test("truncated after a copy was made: nothing is lost")
    func copied() {
        let bench = seen()
        bench.stopSource()
        bench.copy("app.log", "app.log.1")
        bench.write("app.log", "two\n", append: false)
        bench.start()
        #expect(bench.expect(["", "", ""]) == ["one", "unfinished", "two"])
        #expect(lost(bench) == 0)
    }
}
