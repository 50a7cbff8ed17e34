import Bytes
import Telemetry
import Testing

@testable import Exporter

@Suite("The top collector")
struct TopCollectorTests {
    private let tree = HostTree()

    private func process(_ pid: Int, _ command: String, ticks: Int, pages: Int, parent: Int = 1, start: Int = 50) {
        let rest = "\(parent) 1 1 0 -1 4194560 1 2 3 4 \(ticks) 0 5 6 20 0 4 0 \(start) 44040192 \(pages) 1844"
        tree.write("proc/\(pid)/stat", "\(pid) (\(command)) S \(rest)\n")
    }

    private func page(
        _ collector: inout TopCollector, at seconds: Int64
    ) throws -> Page {
        var batch = SampleBatch()
        var reader = HostReader()
        try collector.collect(at: Timestamp(seconds: seconds), into: &batch, reader: &reader)
        var text = ByteBuffer()
        var exposition = Exposition()
        exposition.render(batch, as: .text, into: &text)
        var page = Page()
        for line in String(lossy: text.bytes).split(separator: "\n") where !line.hasPrefix("#") {
            guard let space = line.lastIndex(of: " ") else { continue }
            page.samples[String(line[..<space])] = Double(line[line.index(after: space)...])
        }
        return page
    }

    @Test("processes of one command are one, and the lists are no longer than they may")
    func ranks() throws {
        process(10, "a (b) c", ticks: 100, pages: 10)
        process(11, "a (b) c", ticks: 100, pages: 20)
        process(12, "small", ticks: 0, pages: 1)
        process(13, "big", ticks: 10, pages: 1000)
        process(14, "kworker/0:1-events", ticks: 0, pages: 0, parent: 2)
        let options = CollectorOptions(TopCollector.description.options, values: ["count": "2"])
        var collector = TopCollector(CollectorContext(paths: tree.paths, options: options))
        let first = try page(&collector, at: 100)
        // What was used before the first collection is nobody's news.
        #expect(first.names(with: "cpu_cores").isEmpty)
        #expect(first.names(with: "memory_bytes").count == 2)
        #expect(first[#"tocsin_top_processes{command="a (b) c"}"#] == 2)
        process(10, "a (b) c", ticks: 600, pages: 10)
        process(14, "kworker/0:1-events", ticks: 300, pages: 0, parent: 2)
        // Born since: all its time is of this period.
        process(15, "newborn", ticks: 200, pages: 0)
        let second = try page(&collector, at: 110)
        #expect(
            second.names(with: "cpu_cores") == [
                #"tocsin_top_cpu_cores{command="a (b) c"}"#, #"tocsin_top_cpu_cores{command="kworker"}"#,
            ])
        #expect(second[#"tocsin_top_cpu_cores{command="a (b) c"}"#] == 0.5)
        #expect(second[#"tocsin_top_cpu_cores{command="kworker"}"#] == 0.3)
        // Within the period the last measurement is repeated.
        process(12, "small", ticks: 900, pages: 1)
        #expect(try page(&collector, at: 112) == second)
        // A pid that was given anew counts from 0, and a command that leaves the list has no sample.
        process(10, "small", ticks: 5, pages: 1, start: 70)
        let third = try page(&collector, at: 120)
        #expect(third.names(with: "cpu_cores").count == 1)
        #expect(third[#"tocsin_top_cpu_cores{command="small"}"#] == 0.905)
    }

    @Test("a line cut anywhere is no process", arguments: [0, 1, 5, 12, 30, 60])
    func cut(length: Int) {
        var buffer = ByteBuffer()
        buffer.append(String("10 (a) S 1 1 1 0 -1 4194560 1 2 3 4 100 0 5 6 20 0 4 0 50 44040192 10 18".prefix(length)))
        #expect(ProcessLine(buffer.bytes) == nil)
    }
}
