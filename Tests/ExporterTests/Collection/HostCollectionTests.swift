import Bytes
import Synchronization
import Telemetry
import Testing

@testable import Exporter

/// Writes one sample, after what it is told to do.
private struct ScriptedCollector: Collector {
    var name: StaticString
    var script: @Sendable (inout SampleBatch) throws -> Void = { _ in }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        try script(&batch)
        batch.sample(name, .gauge, "A test's.", 1)
    }
}

private func page(_ batch: borrowing SampleBatch) -> String {
    var exposition = Exposition()
    var buffer = ByteBuffer()
    exposition.render(batch, as: .text, into: &buffer)
    return String(lossy: buffer.bytes)
}

@Suite("Host collection")
struct HostCollectionTests {
    @Test("a collector that hangs costs only itself, and its next page only when it is free again")
    func hanging() {
        let gate = StopToken()
        let collection = HostCollection(
            [
                ("first", ScriptedCollector(name: "a")),
                ("hangs", ScriptedCollector(name: "b", script: { _ in gate.wait(seconds: 60) })),
                ("last", ScriptedCollector(name: "c")),
            ], metrics: MetricRegistry())
        for _ in 0..<2 {
            var batch = SampleBatch()
            collection.collect(.all, timeout: 1, into: &batch)
            let text = page(batch)
            #expect(text.contains("\na 1\n"))
            #expect(text.contains("\nc 1\n"))
            #expect(!text.contains("\nb 1\n"))
            #expect(text.contains("node_scrape_collector_success{collector=\"hangs\"} 0\n"))
            #expect(text.contains("node_scrape_collector_success{collector=\"last\"} 1\n"))
        }
        gate.stop()
        var isBack = false
        for _ in 0..<50 where !isBack {
            var batch = SampleBatch()
            collection.collect(.all, timeout: 1, into: &batch)
            isBack = page(batch).contains("\nb 1\n")
        }
        #expect(isBack)
    }

    @Test("many that hang leave the page to the others")
    func manyHanging() {
        let gate = StopToken()
        defer { gate.stop() }
        var collectors: [(name: String, collector: any Collector)] = []
        for index in 0..<12 {
            collectors.append(
                ("h\(index)", ScriptedCollector(name: "h", script: { _ in gate.wait(seconds: 60) })))
        }
        collectors.append(("well", ScriptedCollector(name: "w")))
        let collection = HostCollection(collectors, metrics: MetricRegistry())
        var batch = SampleBatch()
        collection.collect(.all, timeout: 4, into: &batch)
        #expect(page(batch).contains("\nw 1\n"))
    }

    @Test("an error keeps what was written before it and is told once")
    func errors() {
        let told = Mutex<[String]>([])
        let collection = HostCollection(
            [
                (
                    "broken",
                    ScriptedCollector(
                        name: "b",
                        script: {
                            $0.sample("before", .gauge, "A test's.", 2)
                            throw CollectorError.failed("the file makes no sense")
                        })
                ), ("absent", ScriptedCollector(name: "c", script: { _ in throw CollectorError.absent("no such") })),
            ], metrics: MetricRegistry()
        ) { name, problem in told.withLock { $0.append("\(name): \(problem)") } }
        for _ in 0..<3 {
            var batch = SampleBatch()
            collection.collect(.all, timeout: 5, into: &batch)
            let text = page(batch)
            #expect(text.contains("\nbefore 2\n"))
            #expect(text.contains("node_scrape_collector_success{collector=\"broken\"} 0\n"))
            #expect(text.contains("node_scrape_collector_success{collector=\"absent\"} 0\n"))
        }
        #expect(told.withLock { $0 } == ["broken: the file makes no sense"])
    }

    @Test("collect[] and exclude[] choose collectors")
    func selection() {
        let collection = HostCollection(
            [("x", ScriptedCollector(name: "a")), ("y", ScriptedCollector(name: "b"))], metrics: MetricRegistry())
        var only = SampleBatch()
        collection.collect(.only(["y"]), timeout: 5, into: &only)
        #expect(!page(only).contains("collector=\"x\"") && page(only).contains("\nb 1\n"))
        var without = SampleBatch()
        collection.collect(.without(["y"]), timeout: 5, into: &without)
        #expect(page(without).contains("\na 1\n") && !page(without).contains("\nb 1\n"))
    }

    @Test("a collector's samples above the cap are left out and counted")
    func cap() {
        let metrics = MetricRegistry()
        let collection = HostCollection(
            [
                (
                    "many",
                    ScriptedCollector(
                        name: "last",
                        script: { batch in
                            let family = batch.family("many", .gauge, "A test's.")
                            for index in 0..<500 { batch.sample(family, batch.labels("i", index), 1) }
                        })
                )
            ], sampleLimit: 100, metrics: metrics)
        var batch = SampleBatch()
        collection.collect(.all, timeout: 5, into: &batch)
        #expect(batch.samples.count == 102)
        #expect(metrics.total("tocsin_collector_dropped_samples_total") == 401)
    }

    @Test("concurrent pages are each whole")
    func concurrent() async {
        let collection = HostCollection(
            (0..<20).map { ("c\($0)", ScriptedCollector(name: "a")) }, metrics: MetricRegistry())
        await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    // A thread, as collecting blocks.
                    let count = try? await Blocking.run {
                        var batch = SampleBatch()
                        collection.collect(.all, timeout: 20, into: &batch)
                        return batch.samples.count
                    }
                    return count ?? 0
                }
            }
            for await count in group { #expect(count == 60) }
        }
    }
}
