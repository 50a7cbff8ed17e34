import Bytes
import Glibc
import Synchronization
import Telemetry
import Testing

@testable import Logs

@Suite("Retention of the store")
struct RetentionTests {
    let directory = TemporaryDirectory()

    /// A fixture with 4 KiB segments and `cap` bytes.
    private func fixture(cap: Int, retention: Double = 3600) -> StoreFixture {
        var fixture = StoreFixture()
        fixture.configuration.maxSize = cap
        fixture.configuration.retention = retention
        fixture.configuration.segmentSize = 4096
        return fixture
    }

    private func fill(_ store: LogStore, _ range: Range<Int>, policy: FullPolicy = .wait) throws {
        for index in range { try store.put([noise(index)], position: "\(index)", policy: policy) }
    }

    private func end(_ store: LogStore) -> RecordLocation {
        store.segments().last.map { RecordLocation(segment: $0.number, offset: $0.end) }
            ?? RecordLocation(segment: 0, offset: 0)
    }

    struct Case: Sendable, CustomStringConvertible {
        var destination: Bool
        var delivered: Bool
        var age: Double
        /// Whether closed segments go.
        var goes: Bool
        var description: String { "destination \(destination), delivered \(delivered), age \(age): goes \(goes)" }
    }

    @Test(
        "closed segments go by age once they are delivered",
        arguments: [
            Case(destination: false, delivered: false, age: 3500, goes: false),
            Case(destination: false, delivered: false, age: 3700, goes: true),
            Case(destination: true, delivered: false, age: 3700, goes: false),
            Case(destination: true, delivered: true, age: 3500, goes: false),
            Case(destination: true, delivered: true, age: 3700, goes: true),
        ])
    func age(_ row: Case) throws {
        let fixture = fixture(cap: 1 << 30)
        let store = try fixture.open(directory.path)
        if row.destination { _ = store.register(destination: "loki") }
        try fill(store, 0..<60)
        let count = store.segments().count
        if row.delivered { store.acknowledge(DestinationState(cursor: end(store)), destination: "loki") }
        fixture.clock.advance(seconds: row.age)
        store.maintain()
        #expect(store.segments().count == (row.goes ? 1 : count))
        #expect(
            try StoreDirectory(path: directory.path + "/segments").names().count == store.segments().count)
        store.close()
    }

    @Test("without destinations the oldest go at the cap, never the active one")
    func capAlone() throws {
        let fixture = fixture(cap: 40_000)
        let store = try fixture.open(directory.path)
        try fill(store, 0..<400)
        #expect(fixture.counter("tocsin_store_size_bytes") <= 40_000)
        #expect(try lines(of: store).last == noise(399))
        #expect(fixture.counter("tocsin_store_dropped_entries_total") == 0)
        store.close()
    }

    @Test("delivered segments go first at the cap, however young")
    func deliveredFirst() throws {
        let fixture = fixture(cap: 40_000)
        let store = try fixture.open(directory.path)
        _ = store.register(destination: "loki")
        for index in 0..<400 {
            try store.put([noise(index)], position: "\(index)")
            store.acknowledge(DestinationState(cursor: end(store)), destination: "loki")
        }
        #expect(fixture.counter("tocsin_store_size_bytes") <= 40_000)
        #expect(fixture.counter("tocsin_store_dropped_entries_total") == 0)
        store.close()
    }

    @Test("with undelivered lines at the cap a source that can read again waits, until a cursor moves")
    func waits() throws {
        let fixture = fixture(cap: 40_000)
        let store = try fixture.open(directory.path)
        _ = store.register(destination: "loki")
        let thread = WorkerThread(name: "writer") { try? fill(store, 0..<200) }
        try awaitCondition { fixture.counter("tocsin_store_waiting") == 1 }
        let state = try #require(fixture.readiness.all.first { $0.name == "store" }).state
        guard case .degraded(let sentence) = state else {
            Issue.record("\(state)")
            return
        }
        #expect(sentence.contains("loki") && sentence.contains("store.max_size"))
        var found: [String] = []
        var location = RecordLocation(segment: 0, offset: 0)
        let stop = StopToken()
        while found.count < 200, store.wait(for: location, seconds: 20, stop: stop) {
            let new = try lines(of: store, from: location)
            found += new
            // All that was readable when it was read; a later one is not skipped because counting goes by lines.
            location = try advance(store, location, records: new.count)
            store.acknowledge(DestinationState(cursor: location), destination: "loki")
        }
        thread.join()
        #expect(found == (0..<200).map(noise))
        #expect(fixture.readiness.all.first { $0.name == "store" }?.state == .ok)
        #expect(fixture.counter("tocsin_store_dropped_entries_total") == 0)
        store.close()
    }

    private func advance(_ store: LogStore, _ from: RecordLocation, records: Int) throws -> RecordLocation {
        var record = StoredRecord()
        var location = from
        for _ in 0..<records where try store.read(at: location, metadataOnly: true, into: &record) == .record {
            location = record.next
        }
        return location
    }

    @Test("a waiting commit ends with its stop token, and the record can be committed later")
    func stopsWaiting() throws {
        let fixture = fixture(cap: 40_000)
        let store = try fixture.open(directory.path)
        _ = store.register(destination: "loki")
        let stop = StopToken()
        stop.stop()
        var refused: Int?
        for index in 0..<400 where refused == nil {
            do { try store.put([noise(index)], position: "\(index)", stop: stop) } catch {
                #expect(error as? CommitError == .stopped)
                refused = index
            }
        }
        let count = try #require(refused)
        #expect(store.text("a") == "\(count - 1)")
        store.unregister(destination: "loki")
        try store.put([noise(count)], position: "\(count)")
        #expect(try lines(of: store).last == noise(count))
        store.close()
    }

    @Test("a source that cannot read again drops the oldest, counted to the entry for each destination")
    func drops() throws {
        let fixture = fixture(cap: 40_000)
        let store = try fixture.open(directory.path)
        _ = store.register(destination: "loki")
        try fill(store, 0..<400, policy: .dropOldest)
        let kept = try lines(of: store)
        #expect(kept == (400 - kept.count..<400).map(noise))
        #expect(fixture.counter("tocsin_store_dropped_entries_total") == Double(400 - kept.count))
        #expect(fixture.counter("tocsin_store_dropped_bytes_total") > 0)
        store.close()
    }

    @Test("a held stream keeps its segment, while the ones around it go")
    func held() throws {
        let fixture = fixture(cap: 1 << 30, retention: 60)
        let store = try fixture.open(directory.path)
        _ = store.register(destination: "loki")
        try fill(store, 0..<60)
        let segments = store.segments()
        var state = DestinationState(cursor: end(store))
        state.held = [.init(record: segments[1].start, block: 0, streams: ["{job=\"t\"}"])]
        store.acknowledge(state, destination: "loki")
        fixture.clock.advance(seconds: 3600)
        store.maintain()
        #expect(store.segments().map(\.number) == [segments[1].number, segments[segments.count - 1].number])
        store.close()
    }

    @Test("a waiting tenant keeps what it has not got, from its own cursor on")
    func waiting() throws {
        let fixture = fixture(cap: 1 << 30, retention: 60)
        let store = try fixture.open(directory.path)
        _ = store.register(destination: "loki")
        try fill(store, 0..<60)
        let segments = store.segments()
        var state = DestinationState(cursor: end(store))
        state.waiting = [.init(tenant: "t", cursor: segments[1].start)]
        store.acknowledge(state, destination: "loki")
        fixture.clock.advance(seconds: 3600)
        store.maintain()
        #expect(store.segments().map(\.number) == segments.dropFirst().map(\.number))
        store.close()
    }

    @Test("a record larger than the cap is stored all the same, alone")
    func huge() throws {
        let fixture = fixture(cap: 8_000)
        let store = try fixture.open(directory.path)
        try fill(store, 0..<5)
        let large = (0..<200).map(noise)
        try store.put(large, position: "large")
        #expect(try lines(of: store).suffix(200) == large[...])
        try store.put(["small"], position: "small")
        #expect(try lines(of: store) == ["small"])
        store.close()
    }
}

/// Polls until `condition` holds; fails after 20 s.
func awaitCondition(_ condition: () -> Bool) throws {
    let limit = Timestamp.monotonic.nanoseconds + 20_000_000_000
    while !condition() {
        try #require(Timestamp.monotonic.nanoseconds < limit, "waited 20 s")
        usleep(1000)
    }
}
