import Bytes
import CLinux
import Glibc
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Logs

@Suite("The store")
struct StoreTests {
    let directory = TemporaryDirectory()

    @Test("what is committed is read back, in order, by the store and by who reads its files")
    func roundTrip() throws {
        let store = try StoreFixture().open(directory.path)
        for index in 0..<20 { try store.put(["line \(index)", "more \(index)"], position: "\(index)") }
        let expected = (0..<20).flatMap { ["line \($0)", "more \($0)"] }
        #expect(try lines(of: store) == expected)
        #expect(try lines(of: StoreFiles(directory: directory.path)) == expected)
        #expect(store.text("a") == "19")
        store.close()
        #expect(throws: CommitError.closed) { try store.put(["late"], position: "20") }
    }

    @Test("positions and records survive closing and opening; sequence numbers go on")
    func reopening() throws {
        var sequences: [UInt64] = []
        for round in 0..<4 {
            let store = try StoreFixture().open(directory.path)
            if round > 0 { #expect(store.text("a") == "\(round - 1)") }
            try store.put(["round \(round)"], position: "\(round)")
            try store.put(["x"], key: "gone", position: round == 2 ? "" : "here")
            #expect((store.position("gone") == nil) == (round == 2))
            var record = StoredRecord()
            var location = RecordLocation(segment: 0, offset: 0)
            sequences = []
            while try store.read(at: location, metadataOnly: true, into: &record) == .record {
                sequences.append(record.sequence)
                location = record.next
            }
            store.close()
        }
        #expect(sequences == Array(1...8))
        #expect(try StoreFiles(directory: directory.path).segments().count == 1)
    }

    @Test("segments roll, readers go across them, and files are their owner's alone")
    func rolling() throws {
        var fixture = StoreFixture()
        fixture.configuration.segmentSize = 4096
        let store = try fixture.open(directory.path)
        for index in 0..<100 { try store.put([noise(index)], position: "\(index)") }
        #expect(store.segments().count > 3)
        #expect(try lines(of: store) == (0..<100).map(noise))
        let backwards = try store.segments().reversed().flatMap { try store.records(in: $0.number).reversed() }
        #expect(backwards.count == 100)
        #expect(backwards.map(\.location) == backwards.map(\.location).sorted(by: >))
        var status = clinux_file_status()
        for name in ["segments", "checkpoints"] {
            let folder = directory.path + "/" + name
            #expect(clinux_status_of_path(folder, 1, &status) == 0)
            #expect(status.mode & 0o777 == 0o700)
            for file in try StoreDirectory(path: folder).names() {
                #expect(clinux_status_of_path(folder + "/" + file, 1, &status) == 0)
                #expect(status.mode & 0o777 == 0o600)
            }
        }
        store.close()
        let again = try fixture.open(directory.path)
        #expect(try lines(of: again) == (0..<100).map(noise))
        #expect(again.segments().reduce(0) { $0 + $1.entryCount } == 100)
        again.close()
    }

    @Test("a second agent is told who holds the directory")
    func locking() throws {
        let store = try StoreFixture().open(directory.path)
        let error = #expect(throws: StoreError.self) { try StoreFixture().open(directory.path) }
        #expect(error?.description.contains("process \(getpid())") == true)
        store.close()
        try StoreFixture().open(directory.path).close()
    }

    @Test("a directory that cannot be made is named with the remedy")
    func unwritable() throws {
        let path = directory.path + "/file"
        try Files.write([1], to: path)
        let error = #expect(throws: StoreError.self) { try StoreFixture().open(path + "/store") }
        #expect(error?.description.contains("state_dir") == true)
        #expect(throws: StoreError.self) { try StoreFiles(directory: directory.path + "/none") }
    }

    @Test("readers wait for the next record, and for their stop token")
    func waiting() throws {
        let store = try StoreFixture().open(directory.path)
        let stop = StopToken()
        let none = RecordLocation(segment: 0, offset: 0)
        #expect(!store.wait(for: none, seconds: 0.01, stop: stop))
        let writer = WorkerThread(name: "writer") { try? store.put(["x"], position: "1") }
        #expect(store.wait(for: none, seconds: 20, stop: stop))
        writer.join()
        let end = try #require(store.segments().last)
        let next = RecordLocation(segment: end.number, offset: end.end)
        let stopper = WorkerThread(name: "stopper") { stop.stop() }
        #expect(!store.wait(for: next, seconds: 20, stop: stop))
        stopper.join()
        store.close()
    }

    @Test("many writers and readers at once lose and repeat nothing")
    func concurrency() throws {
        var fixture = StoreFixture()
        fixture.configuration.segmentSize = 64 << 10
        let store = try fixture.open(directory.path)
        let results = Mutex<[[String]]>([])
        let total = 4 * 50
        let readers = (0..<2).map { _ in
            WorkerThread(name: "reader") {
                var found: [String] = []
                var location = RecordLocation(segment: 0, offset: 0)
                var record = StoredRecord()
                let stop = StopToken()
                while found.count < total, store.wait(for: location, seconds: 20, stop: stop) {
                    guard (try? store.read(at: location, metadataOnly: false, into: &record)) == .record else { break }
                    found.append(record.blocks[0].streams[0].labels)
                    location = record.next
                }
                results.withLock { $0.append(found) }
            }
        }
        let writers = (0..<4).map { writer in
            WorkerThread(name: "writer") {
                for index in 0..<50 {
                    try? store.put(
                        [noise(index)], key: "w\(writer)", position: "\(index)", labels: ["w": "\(writer)-\(index)"])
                }
            }
        }
        for thread in writers + readers { thread.join() }
        for found in results.withLock({ $0 }) {
            #expect(found.count == total)
            #expect(Set(found).count == total)
        }
        #expect(store.positions(prefix: "w").count == 4)
        store.close()
        let again = try fixture.open(directory.path)
        #expect(again.positions(prefix: "w").allSatisfy { $0.value == Array("49".utf8) })
        #expect(try lines(of: again).count == total)
        again.close()
    }

    @Test("keys that differ only in how an accent is composed are two keys, also after opening again")
    func keys() throws {
        var store = try StoreFixture().open(directory.path)
        try store.put(["x"], key: "/caf\u{e9}", position: "1")
        try store.put(["x"], key: "/cafe\u{301}", position: "2")
        for _ in 0..<2 {
            #expect(store.text("/caf\u{e9}") == "1")
            #expect(store.text("/cafe\u{301}") == "2")
            #expect(store.positions(prefix: "/cafe").count == 1)
            store.close()
            store = try StoreFixture().open(directory.path)
        }
        store.close()
    }

    @Test("more positions than one record counts are all stored")
    func manyPositions() throws {
        let store = try StoreFixture().open(directory.path)
        var record = RecordBuilder()
        let positions = (0..<70_000).map { PositionUpdate(key: "k\($0)", value: [1]) }
        try store.commit(&record, positions: positions, policy: .wait, stop: StopToken())
        store.close()
        let again = try StoreFixture().open(directory.path)
        #expect(again.positions(prefix: "k").count == 70_000)
        again.close()
    }
}

/// About 200 bytes that snappy cannot shrink, the same for the same number.
func noise(_ index: Int) -> String {
    var generator = SeededRandom(seed: UInt64(index))
    return "\(index) " + (0..<12).map { _ in String(generator.next(), radix: 36) }.joined()
}
