import Bytes
import Glibc
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Rules

/// What a store has after it was killed, and what it makes of files that are not its own.
struct StoreRecoveryTests {
    private let all = (0..<12).map { series("m\($0)", $0 % 2 == 0 ? .counter : .gauge) }

    /// Appends so many batches of all series.
    private func fill(_ store: SeriesStore, from first: Int64 = 0, ticks: Int64 = 50) {
        for tick in first..<(first + ticks) {
            store.append(
                all.enumerated().map { number, series in
                    SeriesSample(
                        series: series, timestamp: 1_700_000_000_000 + tick * 15_000,
                        value: number % 3 == 0 ? 7 : Double(tick) * 1.7 + Double(number))
                })
        }
    }

    private func open(_ scratch: ScratchDirectory, _ faults: DiskFaults = DiskFaults()) throws -> SeriesStore {
        try SeriesStore(
            configuration: SeriesStoreConfiguration(directory: scratch.path), metrics: MetricRegistry(), faults: faults)
    }

    @Test("a store that is only read has what is whole, and leaves its files and a torn end as they are")
    func readOnly() throws {
        let scratch = ScratchDirectory()
        let expected: [LabelSet: [Point]]
        do {
            let store = try open(scratch)
            fill(store)
            store.makeBlock()
            fill(store, from: 50)
            store.flush(durable: false)
            expected = store.everything()
        }
        let log = try #require(try scratch.names(".log").first)
        try scratch.overwrite(log, scratch.contents(log) + [1, 2, 3])
        let block = BlockFormat.fileName(200...200)
        _ = try StoreFile(path: scratch.path + "/" + block, flags: O_WRONLY | O_CREAT)
        try scratch.overwrite(block, [7])
        let before = try scratch.names("").map { ($0, try scratch.contents($0)) }
        var configuration = SeriesStoreConfiguration(directory: scratch.path)
        configuration.isReadOnly = true
        do {
            let store = try SeriesStore(configuration: configuration, metrics: MetricRegistry())
            #expect(store.everything() == expected)
            store.start()
            store.stop()
        }
        let after = try scratch.names("").map { ($0, try scratch.contents($0)) }
        #expect(after.elementsEqual(before, by: ==))
        configuration.directory = scratch.path + "/none"
        _ = try SeriesStore(configuration: configuration, metrics: MetricRegistry())
        #expect(access(scratch.path + "/none", F_OK) != 0)
    }

    @Test("killed at any step of making a block, it has all that was in the log", arguments: 0..<10)
    func killedWhileMakingBlock(step: Int) throws {
        let left = Mutex(Int.max)
        @Sendable func mayGoOn() -> Bool {
            left.withLock { left in
                left -= 1
                return left >= 0
            }
        }
        let faults = DiskFaults(
            write: { length in mayGoOn() ? (0, 0) : (EIO, length / 2) }, synchronize: { mayGoOn() ? 0 : EIO })
        let scratch = ScratchDirectory()
        let expected: [LabelSet: [Point]]
        do {
            let store = try open(scratch, faults)
            fill(store)
            store.flush(durable: false)
            store.makeBlock()
            fill(store, from: 50)
            store.flush(durable: false)
            expected = store.everything()
            left.withLock { $0 = step }
            store.makeBlock()
        }
        for round in 0..<2 {
            let store = try open(scratch)
            #expect(store.everything() == expected)
            #expect(store.trouble == nil)
            let unfinished = try scratch.names(".new")
            #expect(unfinished.isEmpty)
            if round == 0 { store.makeBlock() }
        }
    }

    @Test(
        "killed between a block's last byte and its name, or between its name and the end of its log, it has each sample once"
    )
    func killedBesideRename() throws {
        let scratch = ScratchDirectory()
        let log = LogFormat.fileName(1)
        let block = BlockFormat.fileName(1...1)
        let expected: [LabelSet: [Point]]
        let logged: [UInt8]
        do {
            let store = try open(scratch)
            fill(store)
            store.flush(durable: false)
            expected = store.everything()
            logged = try scratch.contents(log)
            store.makeBlock()
        }
        let made = try scratch.contents(block)
        for names in [[log, block], [log, block + ".new"]] {
            unlink(scratch.path + "/" + block)
            for name in names {
                _ = try StoreFile(path: scratch.path + "/" + name, flags: O_WRONLY | O_CREAT)
                try scratch.overwrite(name, name == log ? logged : made)
            }
            let store = try open(scratch)
            #expect(store.everything() == expected)
            let files = try scratch.names("")
            #expect(files == [names[1] == block ? block : log, "lock"].sorted())
        }
    }

    @Test("files of another version are set aside and told of, and go when their samples are past the retention")
    func otherVersion() throws {
        let scratch = ScratchDirectory()
        do {
            let store = try open(scratch)
            fill(store)
            store.makeBlock()
            fill(store, from: 50)
            store.stop()
        }
        for name in try scratch.names(".log") + scratch.names(".block") {
            var bytes = try scratch.contents(name)
            bytes[8] = 1
            let checksum = bytes.span.bytes.slice(0, 28).crc32c()
            if name.hasSuffix(".log") {
                for place in 0..<4 { bytes[28 + place] = UInt8(truncatingIfNeeded: checksum >> UInt32(place * 8)) }
            }
            try scratch.overwrite(name, bytes)
        }
        do {
            let store = try open(scratch)
            #expect(store.seriesCount == 0)
            #expect(store.trouble?.contains("2 of its files in \(scratch.path) are of version 1") == true)
            #expect(store.metrics.otherVersionFiles.current == 2)
            #expect(store.metrics.damagedFiles.current == 0)
            fill(store)
            store.stop()
        }
        let aside = try scratch.names(".version1")
        #expect(aside.count == 2)
        let again = try open(scratch)
        #expect(again.trouble == nil)
        #expect(again.points("m1").count == 50)
        let kept = try scratch.names(".version1")
        #expect(kept == aside)
        for name in aside {
            var times = utimbuf(actime: 1, modtime: 1)
            utime(scratch.path + "/" + name, &times)
        }
        again.stop()
        _ = try otherStore(instead: again, scratch)
        let left = try scratch.names(".version1")
        #expect(left.isEmpty)
    }

    /// A start that looks at the directory as one after `store` would, which still has it.
    private func otherStore(instead store: SeriesStore, _ scratch: ScratchDirectory) throws -> SeriesStore {
        store.recover()
        return store
    }

    @Test("a disk that takes no blocks is asked again later and later, and told of once")
    func blockRetries() throws {
        let failures = Mutex(0)
        let isFull = Mutex(true)
        let faults = DiskFaults(
            write: { length in
                // Blocks are written in pieces longer than this log.
                guard length > 2000, isFull.withLock({ $0 }) else { return (0, 0) }
                failures.withLock { $0 += 1 }
                return (ENOSPC, 0)
            })
        let scratch = ScratchDirectory()
        let store = try open(scratch, faults)
        for tick in 0..<20 as Range<Int64> {
            fill(store, from: tick * 4, ticks: 4)
            store.flush(durable: false)
        }
        store.makeBlock()
        #expect(failures.withLock { $0 } == 1)
        let trouble = store.trouble
        #expect(trouble?.contains("cannot write a block") == true)
        let start = Timestamp.monotonic
        for second in 1..<600 { store.tick(now: start.adding(seconds: Double(second) / 200)) }
        #expect(failures.withLock { $0 } == 1)
        // Each time is counted from the failure before, which was just now.
        for (seconds, expected) in [(4.0, 1), (6, 2), (9, 2), (11, 3), (19, 3), (21, 4), (301, 5)] {
            store.tick(now: .monotonic.adding(seconds: seconds))
            #expect(failures.withLock { $0 } == expected, "\(seconds)")
        }
        #expect(store.trouble == trouble)
        #expect(store.metrics.writeErrors.current == 5)
        isFull.withLock { $0 = false }
        store.tick(now: .monotonic.adding(seconds: 301))
        #expect(store.trouble == nil)
        #expect(store.points("m1").count == 80)
        let blocks = try scratch.names(".block")
        #expect(blocks.count == 1)
    }

    @Test("a log that would take long to read again becomes a block before its time")
    func longLog() throws {
        let scratch = ScratchDirectory()
        let many = (0..<2000).map { series("m\($0)", .counter) }
        func append(_ store: SeriesStore, _ tick: Int64) {
            store.append(many.map { SeriesSample(series: $0, timestamp: tick * 15_000, value: Double(tick * 3)) })
        }
        do {
            let store = try open(scratch)
            for tick in 0..<100 as Range<Int64> { append(store, tick) }
            store.flush(durable: false)
        }
        // What was read counts as well.
        let store = try open(scratch)
        for tick in 100..<150 as Range<Int64> { append(store, tick) }
        store.tick(now: .monotonic)
        let none = try scratch.names(".block")
        #expect(none.isEmpty)
        for tick in 150..<220 as Range<Int64> { append(store, tick) }
        store.tick(now: .monotonic)
        let one = try scratch.names(".block")
        #expect(one.count == 1)
        #expect(store.points("m1999").count == 220)
    }

    @Test("until rules have said what they want nothing goes for its age")
    func retentionUnknown() throws {
        let scratch = ScratchDirectory()
        let store = try open(scratch)
        fill(store)
        store.makeBlock()
        store.tick(now: .monotonic.adding(seconds: 61))
        #expect(store.seriesCount == 12)
        store.setRetention(minimum: 3_600_000, longer: [])
        store.tick(now: .monotonic.adding(seconds: 61))
        #expect(store.seriesCount == 0)
        let left = try scratch.names(".block")
        #expect(left.isEmpty)
    }
}
