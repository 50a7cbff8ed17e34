import Logging
import Telemetry
import Testing

@testable import Logs

@Suite("a copy that moves while it is looked for", .serialized)
struct MovingCopyTests {
    /// Searches for what `app.log`, read up to its eighth byte and then truncated, held before; `move` is done when the
    /// names have been listed and none has been opened yet, once.
    private func search(_ bench: FileBench, _ move: () -> Void) throws -> GenerationSearch {
        bench.write("app.log", "one\ntwo\n")
        let metrics = FileMetrics(bench.metrics, source: "files")
        let job = FileReadingJob(bench.job, metrics: metrics)
        let delivery = FileDelivery(job: job, number: 0, format: .plain, streams: [nil, nil, nil])
        let path = bench.path("app.log")
        let file = FollowedFile(path: path, WantedFile(), OneOrMore(delivery), metrics: metrics)
        let status = try FileStatus.of(path: path)
        var position = FilePosition(path: path)
        position.sequence = file.takeSequence()
        position.modified = status.modified
        position.offset = 8
        position.size = 8
        position.head = Fingerprint(Array("one\ntwo\n".utf8).span.bytes)
        position.tail = position.head
        position.places = [FilePosition.Place(offset: 8)]
        bench.write("app.log", "three\n")
        bench.copy("app.log", "app.log.1")
        bench.truncate("app.log")
        var hasMoved = false
        return GenerationSearch.run(
            file, active: status.identity,
            checkpoints: [Checkpoint(identity: status.identity, position: position, isTruncated: true)],
            index: SiblingIndex(), others: { [] }, now: .monotonic,
            isKnown: { _ in
                if !hasMoved { move() }
                hasMoved = true
                return false
            })
    }

    @Test("renamed by the next rotation: it is found, and read on from where the truncated file was")
    func renamed() throws {
        let bench = FileBench()
        let found = try search(bench) { bench.move("app.log.1", "app.log.2") }
        #expect(found.missing.isEmpty)
        #expect(found.generations.map(\.offset) == [8])
        #expect(found.generations.map(\.path) == [bench.path("app.log.2")])
    }

    @Test("compressed: what it has more than was read is not lost")
    func compressed() throws {
        let bench = FileBench()
        let found = try search(bench) { bench.gzip("app.log.1") }
        #expect(found.missing.isEmpty)
        #expect(found.generations.map(\.offset) == [8])
        #expect(found.generations.first?.content?.isCompressed == true)
    }

    @Test("renamed, and another copy under its name: each is taken for what it is")
    func replaced() throws {
        let bench = FileBench()
        let found = try search(bench) {
            bench.move("app.log.1", "app.log.2")
            bench.write("app.log", "four\n")
            bench.copy("app.log", "app.log.1")
            bench.truncate("app.log")
        }
        #expect(found.missing.isEmpty)
        #expect(found.generations.map(\.offset) == [8, 0])
        for generation in found.generations {
            #expect(try generation.content?.status().identity == generation.identity)
            #expect(try FileStatus.of(path: generation.path).identity == generation.identity)
        }
    }

    /// Copies and truncations come between two looks, in this order; `look` and `serve` are the engine's own.
    @Test("one that is being made after one that was never seen in its place: neither is read twice")
    func afterAnUnseenOne() throws {
        let bench = FileBench()
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let context = SourceContext(
            store: bench.sink, metrics: bench.metrics, readiness: bench.readiness, logger: logger, stop: StopToken())
        let engine = FileEngine(
            name: "files", context: context, tuning: bench.tuning, watcher: try ChangeWatcher(descriptors: []))
        engine.configure([bench.job])
        bench.write("app.log", "one\n")
        try engine.discover(.monotonic)
        let file = try #require(engine.files.first)
        func step() throws {
            engine.look(at: file, .monotonic)
            try engine.serve(file, .monotonic)
            try engine.commit()
        }
        func rotate() {
            bench.move("app.log.1", "app.log.2")
            bench.copy("app.log", "app.log.1")
        }
        try step()
        rotate()
        bench.truncate("app.log")
        try step()
        bench.write("app.log", "two\n")
        rotate()
        bench.truncate("app.log")
        try step()
        #expect(bench.sink.texts == ["one", "two"])
        bench.write("app.log", "three\n")
        rotate()
        try step()
        bench.truncate("app.log")
        try step()
        #expect(bench.sink.texts == ["one", "two", "three"])
    }
}
