import Bytes
import Glibc
import Synchronization
import Telemetry
import Testing

@testable import Logs

@Suite("A disk in trouble")
struct DiskTroubleTests {
    let directory = TemporaryDirectory()

    /// Fails calls while it is told to.
    private final class Faults: Sendable {
        let write = Atomic<Int32>(0)
        let partial = Atomic<Int>(0)
        let sync = Atomic<Int32>(0)
        var disk: DiskFaults {
            DiskFaults(
                write: { [self] _ in (write.load(ordering: .relaxed), partial.load(ordering: .relaxed)) },
                synchronize: { [self] in sync.load(ordering: .relaxed) })
        }
    }

    @Test("a write that fails half way is undone, waited out and done again", arguments: [ENOSPC, EIO])
    func writeError(code: Int32) throws {
        let faults = Faults()
        var fixture = StoreFixture()
        fixture.faults = faults.disk
        let store = try fixture.open(directory.path)
        try store.put([noise(0)], position: "0")
        faults.partial.store(100, ordering: .relaxed)
        faults.write.store(code, ordering: .relaxed)
        let writer = WorkerThread(name: "writer") { try? store.put([noise(1)], position: "1") }
        try awaitCondition { fixture.counter("tocsin_store_write_errors_total") > 1 }
        #expect(store.text("a") == "0")
        #expect(try lines(of: store) == [noise(0)])
        let state = try #require(fixture.readiness.all.first { $0.name == "store" }).state
        #expect("\(state)".contains(code == ENOSPC ? "disk full" : "check the disk"))
        faults.write.store(0, ordering: .relaxed)
        writer.join()
        #expect(store.text("a") == "1")
        #expect(try lines(of: store) == [noise(0), noise(1)])
        #expect(fixture.readiness.all.first { $0.name == "store" }?.state == .ok)
        store.close()
    }

    @Test("after a failed sync the segment is given up and the record written to another")
    func syncError() throws {
        let faults = Faults()
        var fixture = StoreFixture()
        fixture.faults = faults.disk
        let store = try fixture.open(directory.path)
        try store.put(["0"], position: "0")
        faults.sync.store(EIO, ordering: .relaxed)
        let writer = WorkerThread(name: "writer") { try? store.put(["1"], position: "1") }
        try awaitCondition { fixture.counter("tocsin_store_write_errors_total") > 1 }
        faults.sync.store(0, ordering: .relaxed)
        writer.join()
        #expect(store.segments().map(\.recordCount) == [1, 1])
        #expect(try lines(of: store) == ["0", "1"])
        store.close()
        #expect(try lines(of: StoreFiles(directory: directory.path)) == ["0", "1"])
    }

    @Test("stopping while the disk fails stores nothing and says so")
    func stopped() throws {
        let faults = Faults()
        var fixture = StoreFixture()
        fixture.faults = faults.disk
        let store = try fixture.open(directory.path)
        faults.write.store(ENOSPC, ordering: .relaxed)
        let stop = StopToken()
        stop.stop()
        #expect(throws: CommitError.stopped) { try store.put(["0"], position: "0", stop: stop) }
        #expect(store.position("a") == nil)
        faults.write.store(0, ordering: .relaxed)
        store.close()
        #expect(try lines(of: StoreFixture().open(directory.path)).isEmpty)
    }

    @Test("a small file system that is really full: commits wait, delivered segments go, nothing is lost")
    func tmpfs() throws {
        let path = directory.path + "/disk"
        try StoreDirectory(path: path).create()
        guard mount("tmpfs", path, "tmpfs", 0, "size=512k") == 0 else {
            print("no right to mount a tmpfs (errno \(errno)): the full disk is only simulated")
            return
        }
        defer { umount2(path, Int32(MNT_DETACH)) }
        var fixture = StoreFixture()
        fixture.configuration.segmentSize = 32 << 10
        let store = try fixture.open(path + "/store")
        _ = store.register(destination: "loki")
        let filler = path + "/filler"
        try Files.write([UInt8](repeating: 1, count: 300 << 10), to: filler)
        let writer = WorkerThread(name: "writer") {
            for index in 0..<1000 { try? store.put([noise(index)], position: "\(index)") }
        }
        try awaitCondition { fixture.counter("tocsin_store_waiting") == 1 }
        #expect(unlink(filler) == 0)
        var found: [String] = []
        var location = RecordLocation(segment: 0, offset: 0)
        let stop = StopToken()
        var record = StoredRecord()
        while found.count < 1000, store.wait(for: location, seconds: 20, stop: stop) {
            let place = location
            guard try store.read(at: place, metadataOnly: false, into: &record) == .record else { break }
            found += [try #require(lines(of: One(store: store, end: record.next), from: place).first)]
            location = record.next
            store.acknowledge(DestinationState(cursor: location), destination: "loki")
        }
        writer.join()
        #expect(found == (0..<1000).map(noise))
        store.close()
    }

    /// One record of a store.
    private struct One: RecordArchive {
        var store: LogStore
        var end: RecordLocation
        func segments() -> [SegmentSummary] { [] }
        func records(in segment: UInt64) throws(StoreError) -> [RecordSummary] { [] }
        func read(
            at location: RecordLocation, metadataOnly: Bool, into record: inout StoredRecord
        ) throws(StoreError) -> RecordReadResult {
            location >= end ? .end : try store.read(at: location, metadataOnly: metadataOnly, into: &record)
        }
    }
}
