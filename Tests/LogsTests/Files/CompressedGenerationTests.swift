import Telemetry
import Testing

@testable import Logs

@Suite("a generation that is compressed before anything of it was read", .serialized)
struct CompressedGenerationTests {
    private func followed(_ bench: FileBench) throws -> FollowedFile {
        let metrics = FileMetrics(bench.metrics, source: "files")
        let job = FileReadingJob(bench.job, metrics: metrics)
        let delivery = FileDelivery(job: job, number: 0, format: .plain, streams: [nil, nil, nil])
        return FollowedFile(path: bench.path("app.log"), WantedFile(), OneOrMore(delivery), metrics: metrics)
    }

    private func generation(_ file: FollowedFile, _ path: String, isCompressed: Bool = false) throws -> Generation {
        let content = try FileContent(path: path, isCompressed: isCompressed)
        let generation = Generation(
            identity: try content.status().identity, path: path, content: content, sequence: file.takeSequence(),
            deliveries: 1)
        generation.noteHead()
        return generation
    }

    @Test("its position says that it is compressed, even once it is closed")
    func closed() throws {
        let bench = FileBench()
        bench.write("app.log.1", "three\n")
        bench.gzip("app.log.1")
        let file = try followed(bench)
        let generation = try generation(file, bench.path("app.log.1.gz"), isCompressed: true)
        generation.content = nil
        #expect(file.position(of: generation).isCompressed)
    }

    /// What is found beside `app.log.1`, which is held open, unread and deleted, and was seen when it was `seen`.
    private func search(_ bench: FileBench, seen: String, others: () -> Void) throws -> [String] {
        let file = try followed(bench)
        bench.write("app.log.1", seen)
        let held = try generation(file, bench.path("app.log.1"))
        others()
        bench.write("app.log", "four\n")
        let active = try FileStatus.of(path: bench.path("app.log")).identity
        let found = GenerationSearch.run(
            file, active: active,
            checkpoints: [
                Checkpoint(
                    identity: held.identity, position: file.position(of: held), isBeingRead: true, held: held.content)
            ], index: SiblingIndex(), others: { [] }, now: .monotonic, isKnown: { $0 == held.identity })
        return found.generations.map { String($0.path.dropFirst(bench.root.count + 1)) }
    }

    @Test("what is held open and not read yet is not read again from its compressed copy", arguments: ["", "three\n"])
    func once(seen: String) throws {
        let bench = FileBench()
        let found = try search(bench, seen: seen) {
            if seen.isEmpty { bench.write("app.log.1", "three\n") }
            bench.gzip("app.log.1")
        }
        #expect(found.isEmpty)
    }

    @Test(
        "a compressed file that only begins as what is held open does is another",
        arguments: ["three\nand\n", "THREE\n"])
    func another(content: String) throws {
        let bench = FileBench()
        let found = try search(bench, seen: "three\n") {
            bench.delete("app.log.1")
            bench.write("app.log.1", content)
            bench.gzip("app.log.1")
        }
        #expect(found == ["app.log.1.gz"])
    }
}
