import Bytes
import Glibc
import Synchronization
import Telemetry
import Testing

@testable import Logs

@Suite("Damage in the store")
struct DamageTests {
    let directory = TemporaryDirectory()
    let crashed = TemporaryDirectory()

    /// Five records of three lines each and a destination that stands before all of them, as a crash leaves them.
    /// `key` names the position of each record; with `isCheckpointed` the summary knows all five.
    private func write(isCheckpointed: Bool, key: (Int) -> String) throws -> (path: String, places: [Int]) {
        let store = try StoreFixture().open(directory.path)
        _ = store.register(destination: "loki")
        for index in 0..<5 {
            try store.put((0..<3).map { noise(index * 3 + $0) }, key: key(index), position: "\(index)")
        }
        store.saveDestinations(force: true)
        if isCheckpointed { store.writer.withLock { store.saveCheckpoint(&$0) } }
        try Files.copyStore(directory.path, to: crashed.path)
        store.close()
        let places = try StoreFiles(directory: crashed.path).records(in: 1).map { Int($0.location.offset) }
        return (crashed.path + "/segments/" + SegmentFormat.kind.fileName(1), places)
    }

    private func flip(_ path: String, _ offsets: [Int]) throws {
        var bytes = try Files.bytes(path)
        for offset in offsets { bytes[offset] ^= 0xff }
        try Files.write(bytes, to: path)
    }

    private struct Counts: Equatable {
        var records = 0.0
        var entries = 0.0
        var dropped = 0.0
    }

    private func counts(_ fixture: StoreFixture) -> Counts {
        Counts(
            records: fixture.counter("tocsin_store_damaged_records_total"),
            entries: fixture.counter("tocsin_store_damaged_entries_total"),
            dropped: fixture.counter("tocsin_store_dropped_entries_total"))
    }

    @Test("a damaged payload is counted to the line, found at the start or by a reader", arguments: [false, true])
    func payload(isCheckpointed: Bool) throws {
        let (path, places) = try write(isCheckpointed: isCheckpointed) { _ in "a" }
        try flip(path, [places[2] - 3])
        let fixture = StoreFixture()
        let store = try fixture.open(crashed.path)
        for _ in 0..<2 { #expect(try lines(of: store) == ((0..<3).map { $0 } + (6..<15)).map(noise)) }
        #expect(counts(fixture) == Counts(records: 1, entries: 3, dropped: 3))
        #expect(store.text("a") == "4")
        store.close()
    }

    @Test("records without a legible header are counted to the line where the segment was known before")
    func headers() throws {
        let (path, places) = try write(isCheckpointed: true) { _ in "a" }
        try flip(path, [places[1] + 9, places[2] + 9])
        let fixture = StoreFixture()
        let store = try fixture.open(crashed.path)
        _ = try lines(of: store)
        #expect(counts(fixture) == Counts(records: 2, entries: 6, dropped: 6))
        store.close()
    }

    @Test("records without a legible header are counted by their numbers otherwise")
    func numbers() throws {
        let (path, places) = try write(isCheckpointed: false) { _ in "a" }
        try flip(path, [places[1] + 9, places[2] + 9])
        let fixture = StoreFixture()
        let store = try fixture.open(crashed.path)
        _ = try lines(of: store)
        #expect(counts(fixture) == Counts(records: 2))
        store.close()
    }

    @Test("damage does not count as lost where its source has stored nothing since and reads it again")
    func readAgain() throws {
        let (path, places) = try write(isCheckpointed: false) { $0 == 2 ? "b" : "a" }
        try flip(path, [places[3] - 3])
        let fixture = StoreFixture()
        let store = try fixture.open(crashed.path)
        _ = try lines(of: store)
        #expect(store.text("b") == nil)
        #expect(counts(fixture) == Counts(records: 1, entries: 3))
        store.close()
    }

    @Test("a destination that had the record has lost nothing; one that holds a stream or a tenant of it back has")
    func delivered() throws {
        let (path, places) = try write(isCheckpointed: true) { _ in "a" }
        try flip(path, [places[2] - 3])
        let fixture = StoreFixture()
        let store = try fixture.open(crashed.path)
        var state = DestinationState(cursor: RecordLocation(segment: 1, offset: UInt64(places[4])))
        _ = store.register(destination: "loki")
        store.acknowledge(state, destination: "loki")
        state.held = [
            .init(record: RecordLocation(segment: 1, offset: UInt64(places[1])), block: 0, streams: ["{job=\"t\"}"])
        ]
        _ = store.register(destination: "slow")
        store.acknowledge(state, destination: "slow")
        state.held = []
        for (name, tenant) in [("waiting", ""), ("other", "t")] {
            state.waiting = [.init(tenant: tenant, cursor: RecordLocation(segment: 1, offset: UInt64(places[0])))]
            _ = store.register(destination: name)
            store.acknowledge(state, destination: name)
        }
        _ = try lines(of: store)
        #expect(counts(fixture) == Counts(records: 1, entries: 3, dropped: 6))
        store.close()
    }
}
