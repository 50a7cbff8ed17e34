import Bytes
import Glibc
import Telemetry
import Testing

@testable import Logs

@Suite("Destinations of the store")
struct DestinationTests {
    let directory = TemporaryDirectory()

    private func locations(_ store: LogStore) throws -> [RecordLocation] {
        try store.segments().flatMap { try store.records(in: $0.number).map(\.location) }
    }

    @Test("a new destination begins at the oldest record, a known one where it was, with what it holds back")
    func states() throws {
        let store = try StoreFixture().open(directory.path)
        for index in 0..<5 { try store.put(["\(index)"], position: "\(index)") }
        let places = try locations(store)
        #expect(store.register(destination: "loki/0").cursor == places[0])
        var state = DestinationState(cursor: places[3])
        state.held = [.init(record: places[1], block: 0, tenant: "a", streams: ["{job=\"t\"}", "{job=\"ü\"}"])]
        state.batchEnd = places[4]
        state.waiting = [
            .init(tenant: "b", cursor: places[0], batchEnd: places[2]), .init(tenant: "", cursor: places[1]),
        ]
        store.acknowledge(state, destination: "loki/0")
        store.close()
        let again = try StoreFixture().open(directory.path)
        #expect(again.register(destination: "loki/0") == state)
        #expect(again.register(destination: "other").cursor == places[0])
        again.unregister(destination: "loki/0")
        again.close()
        let last = try StoreFixture().open(directory.path)
        #expect(last.register(destination: "loki/0") == DestinationState(cursor: places[0]))
        last.retain(destinations: ["loki/0"])
        last.close()
        let names = try StoreDirectory(path: directory.path + "/checkpoints").names()
        #expect(Set(names.filter { $0.hasPrefix("destination") }.map { $0.dropLast(2) }).count == 1)
    }

    @Test("a damaged cursor gives way to the older one, then to the oldest record", arguments: [1, 2])
    func damaged(count: Int) throws {
        var places: [RecordLocation] = []
        for round in 0..<2 {
            let store = try StoreFixture().open(directory.path)
            for index in 0..<2 { try store.put(["\(round) \(index)"], position: "\(index)") }
            places = try locations(store)
            _ = store.register(destination: "loki")
            store.acknowledge(DestinationState(cursor: places[round * 2 + 1]), destination: "loki")
            store.close()
        }
        let base = directory.path + "/checkpoints/" + DestinationCheckpoint.fileName("loki")
        var file = GenerationFile(
            directory: StoreDirectory(path: directory.path + "/checkpoints"),
            name: DestinationCheckpoint.fileName("loki"), kind: .destination)
        _ = file.load()
        let slots = ["\(file.slot)", "note", "\(file.slot ^ 1)"]
        for slot in slots.prefix(count == 1 ? 2 : 3) { try Files.write([0, 0, 0], to: "\(base).\(slot)") }
        let store = try StoreFixture().open(directory.path)
        let cursor = store.register(destination: "loki").cursor
        #expect(count == 1 ? cursor < places[3] : cursor == places[0])
        store.close()
    }

    @Test("an acknowledged cursor survives the end of the process at once, before it is made durable")
    func noted() throws {
        let store = try StoreFixture().open(directory.path)
        for index in 0..<3 { try store.put(["\(index)"], position: "\(index)") }
        let places = try locations(store)
        _ = store.register(destination: "loki")
        for place in places { store.acknowledge(DestinationState(cursor: place), destination: "loki") }
        let copy = TemporaryDirectory()
        try Files.copyStore(directory.path, to: copy.path)
        let again = try StoreFixture().open(copy.path)
        #expect(again.register(destination: "loki").cursor == places.last)
        again.close()
        store.close()
    }

    @Test("the backlog counts bytes and names the oldest entry behind a cursor")
    func backlog() throws {
        let store = try StoreFixture().open(directory.path)
        #expect(store.backlog(from: RecordLocation(segment: 0, offset: 0)).bytes == 0)
        for index in 0..<5 { try store.put([noise(index)], position: "\(index)") }
        let places = try locations(store)
        let end = try #require(store.segments().last).end
        let backlog = store.backlog(from: places[2])
        #expect(backlog.bytes == Int(end - places[2].offset))
        #expect(backlog.oldest == Timestamp(nanoseconds: 1_700_000_000_000_000_000))
        #expect(store.backlog(from: RecordLocation(segment: 1, offset: end)).oldest == nil)
        store.close()
    }
}
