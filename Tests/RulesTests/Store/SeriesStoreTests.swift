import Bytes
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Rules

struct SeriesStoreTests {
    private func memoryStore(
        _ change: (inout SeriesStoreConfiguration) -> Void = { _ in }
    ) throws -> SeriesStore {
        var configuration = SeriesStoreConfiguration(directory: nil)
        change(&configuration)
        return try SeriesStore(configuration: configuration, metrics: MetricRegistry())
    }

    private func batch(_ series: [Series], _ time: Int64, _ value: Double = 1) -> [SeriesSample] {
        series.map { SeriesSample(series: $0, timestamp: time, value: value) }
    }

    private func id(_ reader: any SampleReader, _ series: Series) throws -> SeriesID {
        let matchers = try series.labels.labels.map { try LabelMatcher($0.name, .equal, $0.value) }
        return try #require(reader.series(matching: matchers).first { reader.labels(of: $0) == series.labels })
    }

    private func start(_ series: Series, _ store: SeriesStore) throws -> Int64? {
        try store.read { reader in reader.start(of: try id(reader, series)) }
    }

    // MARK: Views

    @Test("a reader sees what there was when it was opened, whatever is appended meanwhile")
    func stableView() throws {
        let store = try memoryStore()
        let a = series("a")
        let b = series("b")
        store.append(batch([a], 1000, 1))
        let generation = store.read { $0.seriesGeneration }
        try store.read { reader in
            store.append(batch([a, b], 2000, 2))
            for time in 3...400 as ClosedRange<Int64> { store.append(batch([a], time * 1000, Double(time) * 1.7)) }
            store.makeBlock()
            store.append(batch([a], 1_000_000, 5))
            #expect(reader.seriesGeneration == generation)
            #expect(reader.series(matching: []).count == 1)
            let id = try id(reader, a)
            #expect(reader.points(of: id) == [Point(1000, 1)])
            #expect(reader.newest(of: id, after: 0, through: .max)?.timestamp == 1000)
        }
        store.read { reader in
            #expect(reader.seriesGeneration != generation)
            #expect(reader.series(matching: []).map { reader.labels(of: $0) } == [a.labels, b.labels])
        }
        #expect(store.points("a").count == 401)
    }

    @Test("the newest sample in a range is found without one, with a stale marker, and between others")
    func newest() throws {
        let store = try memoryStore()
        let a = series("a")
        for time in [1000, 2000, 3000] as [Int64] { store.append(batch([a], time, Double(time))) }
        store.append(batch([a], 4000, StaleMarker.value))
        try store.read { reader in
            let id = try id(reader, a)
            func time(_ after: Int64, _ through: Int64) -> Int64? {
                reader.newest(of: id, after: after, through: through)?.timestamp
            }
            #expect(time(0, 10_000) == 4000)
            #expect(reader.newest(of: id, after: 0, through: 5000).map { StaleMarker.isStale($0.value) } == true)
            #expect(time(0, 3999) == 3000)
            #expect(time(2000, 2999) == nil)
            #expect(time(1999, 2000) == 2000)
            #expect(time(4000, 9000) == nil)
            #expect(time(0, 999) == nil)
        }
    }

    @Test("regular expressions, absent labels and several matchers select as PromQL has it")
    func selecting() throws {
        let store = try memoryStore()
        let all = [
            series("up", .gauge, ["job": "node"]), series("up", .gauge, ["job": "nginx"]), series("up"),
            series("down", .gauge, ["job": "node"]),
        ]
        store.append(batch(all, 1000))
        func jobs(_ matchers: [LabelMatcher]) -> [String] {
            store.read { reader in
                reader.series(matching: matchers).map { reader.labels(of: $0) }.map {
                    "\($0["__name__"] ?? "")/\($0["job"] ?? "")"
                }
            }
        }
        let up = try LabelMatcher("__name__", .equal, "up")
        let none = try LabelMatcher("job", .equal, "")
        let some = try LabelMatcher("job", .notEqual, "")
        let n = try LabelMatcher("job", .matches, "n.*")
        let noNginx = try LabelMatcher("job", .notMatches, "ngi.x")
        let anything = try LabelMatcher("nothing", .matches, ".*")
        let something = try LabelMatcher("nothing", .matches, ".+")
        #expect(jobs([up]) == ["up/", "up/nginx", "up/node"])
        #expect(jobs([up, none]) == ["up/"])
        #expect(jobs([n]) == ["down/node", "up/nginx", "up/node"])
        #expect(jobs([up, noNginx]) == ["up/", "up/node"])
        #expect(jobs([up, some]) == ["up/nginx", "up/node"])
        #expect(jobs([up, anything]).count == 3)
        #expect(jobs([something]) == [])
    }

    @Test("times may be far apart, or at the ends of what there is")
    func farApart() throws {
        let store = try memoryStore()
        let old = series("old")
        let a = series("a")
        let edge = series("edge")
        store.append(batch([old], 0) + batch([edge], .min + 1))
        for time in [1_700_000_000_000, 1_700_000_015_000] as [Int64] { store.append(batch([a], time)) }
        store.append(batch([edge], .min) + batch([edge], .max))
        store.makeBlock()
        store.append(batch([a], 1_700_000_030_000))
        #expect(store.points("a").map(\.time) == [1_700_000_000_000, 1_700_000_015_000, 1_700_000_030_000])
        #expect(store.points("old").map(\.time) == [0])
        #expect(store.points("edge").isEmpty)
        #expect(store.metrics.dropped(.tooOld) >= 2)
    }

    // MARK: What is not taken

    @Test("of one time the first value stays: the same again is a duplicate, another one a conflict")
    func duplicates() throws {
        let store = try memoryStore()
        let a = series("a")
        for (time, value) in [(1000, 1.0), (1000, 1), (1000, 2), (2000, 3), (1500, 4), (1500, 4), (1500, 5), (1000, 9)]
        {
            store.append(batch([a], Int64(time), value))
        }
        #expect(store.points("a") == [Point(1000, 1), Point(1500, 4), Point(2000, 3)])
        #expect(store.metrics.duplicates.current == 2)
        #expect(store.metrics.dropped(.conflict) == 3)
        #expect(store.metrics.late.current == 1)
        #expect(store.metrics.samples.current == 3)
    }

    @Test("samples older than the window are counted, not taken")
    func tooOld() throws {
        let store = try memoryStore { $0.lateWindow = 10_000 }
        let a = series("a")
        store.append(batch([a], 100_000))
        store.append(batch([a], 90_000))
        store.append(batch([a], 89_999))
        #expect(store.points("a").map(\.time) == [90_000, 100_000])
        #expect(store.metrics.dropped(.tooOld) == 1)
    }

    @Test("at the limit new series are left out and counted, those that are known go on")
    func seriesLimit() throws {
        let store = try memoryStore { $0.seriesLimit = 2 }
        let all = [series("a"), series("b"), series("c")]
        store.append(batch(all, 1000))
        store.append(batch(all, 2000))
        #expect(store.seriesCount == 2)
        #expect(store.points("b").count == 2)
        #expect(store.metrics.dropped(.seriesLimit) == 2)
    }

    @Test("a store in memory alone keeps what it has room for, the newest")
    func memoryLimit() throws {
        let store = try memoryStore { $0.memoryLimit = 400_000 }
        var random = SeededRandom(seed: 3)
        let all = (0..<50).map { series("m\($0)") }
        for tick in 0..<4000 as Range<Int64> {
            store.append(
                all.map {
                    SeriesSample(series: $0, timestamp: tick * 15_000, value: .random(in: 0...1, using: &random))
                })
            if tick % 100 == 99 {
                store.makeBlock()
                store.maintain(now: Timestamp(nanoseconds: tick * 15_000_000_000))
            }
        }
        let points = store.points("m7")
        #expect(points.last?.time == Int64(3999 * 15_000))
        #expect(points.count >= 100)
        #expect(points.count < 2000)
        #expect(store.memoryInUse < 800_000)
    }

    // MARK: When counters began

    @Test(
        "a counter that comes among others of its name began after the last time; one that cannot be told about did not"
    )
    func births() throws {
        let store = try memoryStore()
        let ok = series("requests_total", .counter, ["code": "200"])
        let gauges = (0..<4).map { series("g\($0)") }
        store.append(batch([ok] + gauges, 1000))
        let failed = series("requests_total", .counter, ["code": "500"])
        let family = series("other_total", .counter)
        let gauge = series("g0", .gauge, ["x": "y"])
        store.append(batch([ok] + gauges + [failed, family, gauge], 16_000))
        let later = series("requests_total", .counter, ["code": "404"])
        // A batch of another source has never been there before.
        let other = series("requests_total", .counter, ["code": "200", "instance": "other"])
        store.append(batch([other] + (0..<4).map { series("h\($0)") }, 16_000))
        // Its siblings are there no more.
        store.append(batch([ok, failed], 31_000, StaleMarker.value) + batch(gauges, 31_000))
        store.append(batch([later] + gauges, 46_000))
        #expect(try start(ok, store) == nil)
        #expect(try start(failed, store) == 1000)
        for unknown in [family, gauge, later, other] { #expect(try start(unknown, store) == nil) }
        #expect(store.metrics.births.current == 1)
    }

    @Test(
        "a start that the source tells is kept across blocks and restarts, and a birth is as well; a restart makes none"
    )
    func starts() throws {
        let scratch = ScratchDirectory()
        let configuration = SeriesStoreConfiguration(directory: scratch.path)
        let told = series("told_total", .counter)
        let ok = series("requests_total", .counter, ["code": "200"])
        let failed = series("requests_total", .counter, ["code": "500"])
        let late = series("requests_total", .counter, ["code": "404"])
        let rest = (0..<4).map { series("g\($0)") }
        do {
            let store = try SeriesStore(configuration: configuration, metrics: MetricRegistry())
            store.append(batch([ok] + rest, 1000))
            store.append(
                batch([ok] + rest + [failed], 2000)
                    + [SeriesSample(series: told, timestamp: 2000, value: 1, startTimestamp: 777)])
            store.flush(durable: true)
        }
        for round in 0..<3 {
            let store = try SeriesStore(configuration: configuration, metrics: MetricRegistry())
            if round == 0 { store.append(batch([ok] + rest + [late], 3000)) }
            #expect(try start(told, store) == 777)
            #expect(try start(failed, store) == 1000)
            #expect(try start(late, store) == nil)
            if round == 0 { store.makeBlock() }
        }
    }

    // MARK: Retention

    @Test("samples go when they are past their series' horizon, those that rules want longer stay")
    func retention() throws {
        let scratch = ScratchDirectory()
        var configuration = SeriesStoreConfiguration(directory: scratch.path)
        configuration.minimumRetention = 3_600_000
        let store = try SeriesStore(configuration: configuration, metrics: MetricRegistry())
        let long = series("long", .gauge, ["job": "x"])
        let all = (0..<20).map { series("short\($0)") } + [long]
        store.setRetention(
            minimum: 3_600_000,
            longer: [(try [LabelMatcher("__name__", .matches, "lo.+"), LabelMatcher("job", .equal, "x")], 36_000_000)])
        var random = SeededRandom(seed: 1)
        for hour in 0..<8 as Range<Int64> {
            for minute in 0..<60 as Range<Int64> {
                let time = (hour * 60 + minute) * 60_000
                let present = hour < 4 ? all : [all[0], long]
                store.append(
                    present.map { SeriesSample(series: $0, timestamp: time, value: .random(in: 0...1, using: &random)) }
                )
            }
            store.makeBlock()
            store.maintain(now: Timestamp(seconds: (hour + 1) * 3600))
        }
        #expect(store.points("long").count == 480)
        #expect(store.points("short0").count < 300)
        #expect(store.points("short0").count >= 60)
        #expect(store.seriesCount == 2)
        #expect(store.points("short3").isEmpty)
        // A place is given to another.
        store.append(batch([series("new")], 8 * 3_600_000))
        #expect(store.points("new").count == 1)
        store.makeBlock()
        store.setRetention(minimum: 3_600_000, longer: [])
        store.maintain(now: Timestamp(seconds: 11 * 3600))
        #expect(store.seriesCount == 0)
        let left = try scratch.names(".block")
        #expect(left.isEmpty)
    }

    @Test("many small blocks are brought together, and disk use stays below its limit")
    func compaction() throws {
        let scratch = ScratchDirectory()
        var configuration = SeriesStoreConfiguration(directory: scratch.path)
        var expected: [Point] = []
        do {
            let store = try SeriesStore(configuration: configuration, metrics: MetricRegistry())
            let all = (0..<5).map { series("m\($0)") }
            for tick in 0..<40 as Range<Int64> {
                let value = Double(tick) / 3
                store.append(batch(all, tick * 15_000, value))
                expected.append(Point(tick * 15_000, value))
                store.makeBlock()
                store.maintain(now: Timestamp(nanoseconds: tick * 15_000_000_000))
            }
            let names = try scratch.names(".block")
            #expect(names.count <= 25)
            #expect(store.points("m3") == expected)
        }
        configuration.diskLimit = 8000
        let store = try SeriesStore(configuration: configuration, metrics: MetricRegistry())
        #expect(store.points("m3") == expected)
        store.maintain(now: Timestamp(seconds: 600))
        #expect(store.diskInUse <= 8000)
        let left = store.points("m3")
        #expect(!left.isEmpty)
        #expect(left == expected.suffix(left.count))
    }

    @Test("what is let go of for the sake of memory is read again")
    func measuring() throws {
        let scratch = ScratchDirectory()
        let store = try SeriesStore(
            configuration: SeriesStoreConfiguration(directory: scratch.path), metrics: MetricRegistry())
        let all = (0..<60).map { series("m\($0)") }
        for tick in 0..<300 as Range<Int64> { store.append(batch(all, tick * 1000, Double(tick) / 3)) }
        store.makeBlock()
        let before = store.everything()
        #expect(before.values.allSatisfy { $0.count == 300 })
        store.measure()
        #expect(store.everything() == before)
        #expect(store.metrics.damagedChunks.current == 0)
    }

    // MARK: Threads

    @Test("three threads append while others read and blocks are made; nothing is missing")
    func threads() async throws {
        let scratch = ScratchDirectory()
        let store = try SeriesStore(
            configuration: SeriesStoreConfiguration(directory: scratch.path), metrics: MetricRegistry())
        store.start()
        let ticks = 300
        await withTaskGroup(of: Void.self) { group in
            for source in 0..<3 {
                group.addTask {
                    let all = (0..<60).map { series("m\($0)", .gauge, ["source": "\(source)"]) }
                    for tick in 0..<ticks {
                        store.append(
                            all.enumerated().map { number, series in
                                SeriesSample(
                                    series: series, timestamp: Int64(tick) * 1000,
                                    value: number % 2 == 0 ? 1 : Double(tick * number))
                            })
                    }
                }
            }
            for _ in 0..<2 {
                group.addTask {
                    for round in 0..<30 {
                        store.read { reader in
                            for series in reader.series(matching: []) {
                                let first = reader.points(of: series)
                                #expect(zip(first, first.dropFirst()).allSatisfy { $0.time + 1000 == $1.time })
                                #expect(first == reader.points(of: series))
                                let newest = reader.newest(of: series, after: .min, through: .max)
                                #expect(newest?.timestamp == first.last?.time)
                            }
                        }
                        if round % 10 == 0 { store.makeBlock() }
                    }
                }
            }
        }
        store.stop()
        #expect(store.everything().count == 180)
        #expect(store.everything().values.allSatisfy { $0.count == ticks })
        #expect(store.trouble == nil)
    }

    private final class Clock: Sendable {
        let now = Atomic<Int64>(0)
    }

    /// - Parameter ahead: seconds by which the clock is ahead of the samples; all of them are past their horizon then.
    @Test(
        "series are forgotten and blocks rewritten while others append, read and make blocks",
        arguments: [0, 1_000_000]
    )
    func forgettingBesideOthers(ahead: Int64) async throws {
        let scratch = ScratchDirectory()
        var configuration = SeriesStoreConfiguration(directory: scratch.path)
        configuration.minimumRetention = 50_000
        let store = try SeriesStore(configuration: configuration, metrics: MetricRegistry())
        let ticks = Int64(400)
        let clock = Clock()
        await withTaskGroup(of: Void.self) { group in
            for source in 0..<2 {
                group.addTask {
                    for tick in 0..<ticks {
                        // Some are always there, some come and go.
                        let present = (0..<40).filter { $0 < 10 || (tick / 40 + Int64($0)) % 3 == 0 }
                        store.append(
                            present.map {
                                SeriesSample(
                                    series: series("m\($0)", .gauge, ["source": "\(source)", "age": "\(tick / 120)"]),
                                    timestamp: tick * 1000, value: Double(tick) / 7)
                            })
                        clock.now.store(tick * 1000, ordering: .relaxed)
                        if tick % 16 == 0 { store.makeBlock() }
                    }
                }
                group.addTask {
                    while clock.now.load(ordering: .relaxed) < (ticks - 1) * 1000 {
                        store.maintain(
                            now: Timestamp(nanoseconds: (clock.now.load(ordering: .relaxed) + ahead * 1000) * 1_000_000)
                        )
                    }
                }
            }
            group.addTask {
                while clock.now.load(ordering: .relaxed) < (ticks - 1) * 1000 {
                    store.read { reader in
                        for series in reader.series(matching: []) {
                            let points = reader.points(of: series)
                            #expect(points.allSatisfy { $0 == Point($0.time, Double($0.time / 1000) / 7) })
                            #expect(zip(points, points.dropFirst()).allSatisfy { $0.time < $1.time })
                        }
                    }
                }
            }
        }
        #expect(store.trouble == nil)
        guard ahead == 0 else { return }
        // Three ages of 40 series from each source have been, and only what is young is left.
        store.makeBlock()
        store.maintain(now: Timestamp(seconds: 400))
        let left = store.everything()
        #expect(left.count < 200)
        for source in 0..<2 {
            let steady = left[["__name__": "m3", "source": "\(source)", "age": "3"]] ?? []
            #expect(steady.map(\.time) == (360..<400).map { $0 * 1000 })
        }
    }

    @Test(
        "known series cost no memory per sample: a batch allocates only when a page of the arena or of the log is full")
    func memoryOfSteadySeries() throws {
        let store = try memoryStore()
        let all = (0..<500).map { series("m\($0)", .counter) }
        var batch = SeriesBatch()
        var tick: Int64 = 0
        func append() {
            batch.removeAll()
            for (number, series) in all.enumerated() {
                batch.samples.append(
                    SeriesSample(
                        series: series, timestamp: tick * 15_000, value: number % 6 == 0 ? Double(tick * 100) : 5))
            }
            tick += 1
            store.append(batch)
        }
        for _ in 0..<20 { append() }
        let before = store.locked.state.withLock { $0.windowByteCount }
        for _ in 0..<60 { append() }
        let after = store.locked.state.withLock { $0.windowByteCount }
        // 30,000 samples, 5,000 of them other than the one before.
        #expect(after - before < 80_000)
    }
}
