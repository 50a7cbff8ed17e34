import Bytes
import Glibc
import Telemetry
import TestSupport
import Testing

@testable import Logs

@Suite("Recovery of the store")
struct RecoveryTests {
    let directory = TemporaryDirectory()
    let crashed = TemporaryDirectory()

    /// Five records in one segment, as a crash leaves them: no checkpoint after the first.
    private func write(_ count: Int = 5, configuration: StoreConfiguration = StoreConfiguration()) throws -> String {
        var fixture = StoreFixture()
        fixture.configuration = configuration
        let store = try fixture.open(directory.path)
        for index in 0..<count { try store.put([noise(index)], position: "\(index)") }
        try Files.copyStore(directory.path, to: crashed.path)
        store.close()
        return crashed.path + "/segments/" + SegmentFormat.kind.fileName(1)
    }

    @Test("cut at any byte of the last record, exactly the records before it are there, and writing goes on")
    func tornTail() throws {
        let path = try write()
        let whole = try Files.bytes(path)
        let records = try StoreFiles(directory: crashed.path).records(in: 1)
        let start = Int(try #require(records.last).location.offset)
        for length in start..<whole.count {
            try Files.write(Array(whole[..<length]), to: path)
            #expect(try lines(of: StoreFiles(directory: crashed.path)) == (0..<4).map(noise))
            let fixture = StoreFixture()
            let store = try fixture.open(crashed.path)
            #expect(store.text("a") == "3")
            #expect(try lines(of: store) == (0..<4).map(noise))
            #expect(fixture.counter("tocsin_store_torn_bytes_total") == Double(length - start))
            if length % 64 == 0 {
                try store.put(["after"], position: "4")
                #expect(try lines(of: store) == (0..<4).map(noise) + ["after"])
            }
            store.close()
            try removeCheckpoints()
        }
    }

    private func removeCheckpoints() throws {
        let folder = StoreDirectory(path: crashed.path + "/checkpoints")
        for name in try folder.names() { try folder.remove(name) }
    }

    @Test(
        "a tail that the crash left as zeros, or with a record's end missing, is cut off", arguments: [1, 31, 32, 5000])
    func zeroTail(count: Int) throws {
        let path = try write()
        try Files.write(try Files.bytes(path) + [UInt8](repeating: 0, count: count), to: path)
        let fixture = StoreFixture()
        let store = try fixture.open(crashed.path)
        #expect(fixture.counter("tocsin_store_torn_bytes_total") == Double(count))
        try store.put(["after"], position: "5")
        #expect(try lines(of: store) == (0..<5).map(noise) + ["after"])
        store.close()
    }

    @Test("a damaged byte anywhere costs the record it is in, no other, and is counted once")
    func damage() throws {
        let path = try write()
        let whole = try Files.bytes(path)
        let records = try StoreFiles(directory: crashed.path).records(in: 1)
        var generator = SeededRandom(seed: 7)
        for _ in 0..<60 {
            let position = Int.random(in: 32..<Int(records[4].location.offset), using: &generator)
            var bytes = whole
            bytes[position] ^= UInt8.random(in: 1...255, using: &generator)
            try Files.write(bytes, to: path)
            let hit = try #require(records.lastIndex { Int($0.location.offset) <= position })
            let expected = (0..<5).filter { $0 != hit }.map(noise)
            #expect(try lines(of: StoreFiles(directory: crashed.path)) == expected)
            try removeCheckpoints()
            let fixture = StoreFixture()
            let store = try fixture.open(crashed.path)
            #expect(try lines(of: store) == expected)
            #expect(store.text("a") == "4")
            store.close()
            let length = Int(records[hit + 1].location.offset - records[hit].location.offset)
            #expect(fixture.counter("tocsin_store_damaged_bytes_total") >= Double(length))
        }
    }

    @Test("a store copied at any moment of a stream of writes holds a prefix, with the positions of that prefix")
    func copies() throws {
        var fixture = StoreFixture()
        fixture.configuration.segmentSize = 4096
        let store = try fixture.open(directory.path)
        for index in 0..<40 {
            try store.put([noise(index)], position: "\(index)")
            let copy = TemporaryDirectory()
            try Files.copyStore(directory.path, to: copy.path)
            let again = try fixture.open(copy.path)
            #expect(again.text("a") == "\(index)")
            #expect(try lines(of: again) == (0...index).map(noise))
            again.close()
        }
        store.close()
    }

    @Test("checkpoints: the newest, the older one, or none give the same positions", arguments: [0, 1, 2])
    func checkpoints(damaged: Int) throws {
        var configuration = StoreConfiguration()
        configuration.segmentSize = 4096
        _ = try write(60, configuration: configuration)
        let folder = crashed.path + "/checkpoints/"
        for slot in 0..<damaged {
            var bytes = try Files.bytes(folder + "positions.\(slot)")
            bytes[bytes.count / 2] ^= 1
            try Files.write(bytes, to: folder + "positions.\(slot)")
        }
        var fixture = StoreFixture()
        fixture.configuration = configuration
        let store = try fixture.open(crashed.path)
        #expect(store.text("a") == "59")
        #expect(store.segments().reduce(0) { $0 + $1.entryCount } == 60)
        #expect(try lines(of: store) == (0..<60).map(noise))
        store.close()
    }

    @Test("a checkpoint that is ahead of what is stored gives way to an older one: lines are read again, not lost")
    func aheadCheckpoint() throws {
        let store = try StoreFixture().open(directory.path)
        try store.put(["0"], position: "0")
        store.close()
        let again = try StoreFixture().open(directory.path)
        let end = try #require(again.segments().last).end
        try again.put(["1"], position: "1")
        again.close()
        let path = directory.path + "/segments/" + SegmentFormat.kind.fileName(1)
        try StoreFile(path: path, flags: O_RDWR).truncate(to: end)
        let last = try StoreFixture().open(directory.path)
        #expect(last.text("a") == "0")
        try last.put(["1 again"], position: "1")
        last.close()
        #expect(try lines(of: StoreFixture().open(directory.path)) == ["0", "1 again"])
    }

    @Test("files that are not the store's are survived and left alone")
    func alienFiles() throws {
        _ = try write()
        let folder = crashed.path + "/segments/"
        try Files.write([1, 2, 3], to: folder + "notes.txt")
        try Files.write([], to: folder + SegmentFormat.kind.fileName(2))
        try Files.write([UInt8](repeating: 0, count: 9000), to: folder + SegmentFormat.kind.fileName(3))
        try StoreDirectory(path: folder + SegmentFormat.kind.fileName(4)).create()
        var newer = SegmentFormat.kind.header(number: 5)
        newer.overwrite(at: 8, littleEndian: UInt32(9))
        newer.overwrite(at: 28, littleEndian: newer.bytes.slice(0, 28).crc32c())
        try Files.write([UInt8](newer.bytes), to: folder + SegmentFormat.kind.fileName(5))
        try Files.write([UInt8](repeating: 7, count: 100), to: crashed.path + "/checkpoints/positions.0")
        let store = try StoreFixture().open(crashed.path)
        #expect(store.text("a") == "4")
        try store.put(["after"], position: "5")
        #expect(try lines(of: store) == (0..<5).map(noise) + ["after"])
        #expect(try lines(of: StoreFiles(directory: crashed.path)) == (0..<5).map(noise) + ["after"])
        store.close()
        #expect(try Files.bytes(folder + SegmentFormat.kind.fileName(5)).count == 32)
    }

    @Test("segments deleted by hand: positions stay, numbers go on, and a cursor never points ahead")
    func deletedSegments() throws {
        let store = try StoreFixture().open(directory.path)
        for index in 0..<3 { try store.put(["\(index)"], position: "\(index)") }
        _ = store.register(destination: "loki")
        let end = try #require(store.segments().last)
        store.acknowledge(
            DestinationState(cursor: RecordLocation(segment: end.number, offset: end.end)), destination: "loki")
        store.close()
        try StoreDirectory(path: directory.path + "/segments").remove(SegmentFormat.kind.fileName(1))
        let again = try StoreFixture().open(directory.path)
        #expect(again.text("a") == "2")
        let cursor = again.register(destination: "loki").cursor
        try again.put(["3"], position: "3")
        #expect(try lines(of: again, from: cursor) == ["3"])
        again.close()
    }

    @Test("whole segments flipped, cut and overwritten at random: the store opens and the rest is read")
    func fuzz() throws {
        var configuration = StoreConfiguration()
        configuration.segmentSize = 4096
        _ = try write(40, configuration: configuration)
        let folder = StoreDirectory(path: crashed.path + "/segments")
        let names = try folder.names().sorted()
        let originals = try names.map { try Files.bytes(folder.file($0)) }
        let all = Set((0..<40).map(noise))
        // Each record by its line, with the segment it is in and where it ends.
        let files = try StoreFiles(directory: crashed.path)
        var record = StoredRecord()
        var ends: [(line: String, segment: Int, end: Int)] = []
        while try files.read(at: record.next, metadataOnly: true, into: &record) == .record {
            ends.append((noise(ends.count), Int(record.location.segment) - 1, Int(record.next.offset)))
        }
        let seed: UInt64 = 20_261_121
        print("segment fuzz seed \(seed)")
        var generator = SeededRandom(seed: seed)
        for _ in 0..<120 {
            var untouched = [Int](repeating: .max, count: names.count)
            for (index, name) in names.enumerated() {
                var bytes = originals[index]
                if Bool.random(using: &generator) {
                    mutate(&bytes, using: &generator)
                    untouched[index] = zip(bytes, originals[index]).prefix { $0 == $1 }.count
                }
                try Files.write(bytes, to: folder.file(name))
            }
            if Bool.random(using: &generator) { try removeCheckpoints() }
            var fixture = StoreFixture()
            fixture.configuration = configuration
            let offline = try lines(of: StoreFiles(directory: crashed.path))
            let store = try fixture.open(crashed.path)
            let found = try lines(of: store)
            #expect(Set(found).isSubset(of: all))
            #expect(Set(offline).isSuperset(of: found))
            let intact = ends.filter { $0.end <= untouched[$0.segment] }.map(\.line)
            #expect(Set(intact).isSubset(of: found))
            try store.put(["after"], position: "40")
            #expect(try lines(of: store).last == "after")
            store.close()
            try removeCheckpoints()
            for name in try folder.names() where !names.contains(name) { try folder.remove(name) }
        }
    }
}

/// Flips, zeroes, cuts or inserts some bytes.
func mutate(_ bytes: inout [UInt8], using generator: inout SeededRandom) {
    guard !bytes.isEmpty else { return }
    let at = Int.random(in: 0..<bytes.count, using: &generator)
    let length = Int.random(in: 1...64, using: &generator)
    switch Int.random(in: 0..<5, using: &generator) {
    case 0: bytes[at] ^= UInt8.random(in: 1...255, using: &generator)
    case 1: bytes.removeSubrange(at...)
    case 2: for index in at..<min(bytes.count, at + length * 16) { bytes[index] = 0 }
    case 3: bytes.insert(contentsOf: (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }, at: at)
    default: for index in at..<min(bytes.count, at + length) { bytes[index] = .random(in: 0...255, using: &generator) }
    }
}
