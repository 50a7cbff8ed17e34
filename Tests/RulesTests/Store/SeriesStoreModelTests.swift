import Bytes
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Rules

/// The store against a dictionary: whatever is appended, in whatever order, across restarts.
struct SeriesStoreModelTests {
    /// Sources that append at random.
    struct Sources {
        var random: SeededRandom
        var series: [[Series]]
        var values: [[Double]]
        var time: Int64 = 1_700_000_000_000

        init(seed: UInt64) {
            random = SeededRandom(seed: seed)
            series = (0..<4).map { source in
                (0..<[40, 12, 3, 1][source]).map { number in
                    SeriesStoreModelTests.made("m\(number % 7)", source, number)
                }
            }
            values = series.map { $0.map { _ in 100 } }
        }

        /// A batch of some source.
        mutating func next() -> [SeriesSample] {
            let source = Int.random(in: 0..<series.count, using: &random)
            time += Int64.random(in: 0...8_000, using: &random)
            // A new object for a series, as after a reload.
            if Int.random(in: 0..<20, using: &random) == 0 {
                let number = Int.random(in: 0..<series[source].count, using: &random)
                let old = series[source][number]
                series[source][number] = Series(labels: old.labels, metadata: old.metadata)
            }
            var samples: [SeriesSample] = []
            let isLate = Int.random(in: 0..<12, using: &random) == 0
            let batchTime = isLate ? time - Int64.random(in: 0...90_000, using: &random) : time
            for number in series[source].indices {
                let chance = Int.random(in: 0..<30, using: &random)
                if chance == 0 { continue }
                if number % 3 != 0 || chance < 5 {
                    values[source][number] = hostValue(number, values[source][number], &random)
                }
                let value = chance == 1 ? StaleMarker.value : values[source][number]
                let own = chance == 2 ? Int64.random(in: -3000...3000, using: &random) : 0
                samples.append(SeriesSample(series: series[source][number], timestamp: batchTime + own, value: value))
            }
            if Int.random(in: 0..<10, using: &random) == 0 { samples.shuffle(using: &random) }
            return samples
        }
    }

    fileprivate static func made(_ name: String, _ source: Int, _ number: Int) -> Series {
        series(name, number % 2 == 0 ? .counter : .gauge, ["source": "s\(source)", "number": "n\(number)"])
    }

    private func check(_ store: SeriesStore, _ model: StoreModel, _ random: inout SeededRandom) {
        let found = store.everything()
        #expect(Set(found.keys) == Set(model.samples.keys))
        for labels in model.samples.keys {
            let expected = model.points(labels, after: .min, through: .max)
            let difference = (found[labels] ?? []).difference(from: expected)
            #expect(difference.isEmpty, "\(labels) \(difference.removals.count) of \(expected.count) missing")
            if !difference.isEmpty { return }
        }
        store.read { reader in
            for series in reader.series(matching: []) {
                let labels = reader.labels(of: series)
                let all = model.points(labels, after: .min, through: .max)
                guard let some = all.randomElement(using: &random) else { continue }
                let after = some.time - Int64.random(in: 0...100_000, using: &random)
                let through = some.time + Int64.random(in: -1...100_000, using: &random)
                let expected = all.filter { $0.time > after && $0.time <= through }
                #expect(reader.points(of: series, after: after, through: through) == expected)
                let newest = reader.newest(of: series, after: after, through: through)
                #expect(newest.map { Point($0.timestamp, $0.value) } == expected.last)
                let last = reader.newest(of: series, after: .min, through: .max)
                #expect(last.map { Point($0.timestamp, $0.value) } == all.last)
            }
        }
    }

    @Test("it has what a dictionary has, across blocks and restarts", arguments: 0..<6)
    func agreesWithModel(round: Int) throws {
        let seed = SeededRandom.seed()
        var random = SeededRandom(seed: seed)
        let scratch = ScratchDirectory()
        var configuration = SeriesStoreConfiguration(directory: round == 5 ? nil : scratch.path)
        configuration.memoryLimit = 1 << 30
        var store = try SeriesStore(configuration: configuration, metrics: MetricRegistry())
        var sources = Sources(seed: seed)
        var model = StoreModel()
        for step in 0..<600 {
            let samples = sources.next()
            store.append(samples)
            for sample in samples { model.append(sample.series.labels, sample.timestamp, sample.value) }
            switch Int.random(in: 0..<60, using: &random) {
            case 0: store.flush(durable: false)
            case 1: store.makeBlock()
            case 2 where round < 5:
                // As kill -9 after the log was written.
                store.flush(durable: false)
                store = try reopened(&store, configuration)
            case 3 where round < 5:
                store.stop()
                store = try reopened(&store, configuration)
            default: break
            }
            if step % 150 == 149 { check(store, model, &random) }
        }
        #expect(store.trouble == nil)
    }

    /// The directory is one store's at a time.
    private func reopened(_ store: inout SeriesStore, _ configuration: SeriesStoreConfiguration) throws -> SeriesStore {
        store = try SeriesStore(configuration: SeriesStoreConfiguration(directory: nil), metrics: MetricRegistry())
        return try SeriesStore(configuration: configuration, metrics: MetricRegistry())
    }

    @Test(
        "a disk that fails now and then costs nothing while the process runs, and after it at most what was not written"
    )
    func faults() throws {
        let seed = SeededRandom.seed()
        let random = Mutex(SeededRandom(seed: seed))
        let isFailing = Mutex(true)
        let faults = DiskFaults(
            write: { length in
                guard isFailing.withLock({ $0 }) else { return (0, 0) }
                return random.withLock { random in
                    Int.random(in: 0..<4, using: &random) == 0
                        ? (28, Int.random(in: 0...max(0, length), using: &random)) : (0, 0)
                }
            },
            synchronize: {
                guard isFailing.withLock({ $0 }) else { return 0 }
                return random.withLock { random in Int.random(in: 0..<4, using: &random) == 0 ? 5 : 0 }
            })
        let scratch = ScratchDirectory()
        let configuration = SeriesStoreConfiguration(directory: scratch.path)
        var sources = Sources(seed: seed)
        var model = StoreModel()
        var picker = SeededRandom(seed: seed)
        do {
            let store = try SeriesStore(configuration: configuration, metrics: MetricRegistry(), faults: faults)
            for _ in 0..<500 {
                let samples = sources.next()
                store.append(samples)
                for sample in samples { model.append(sample.series.labels, sample.timestamp, sample.value) }
                switch Int.random(in: 0..<20, using: &picker) {
                case 0...5: store.flush(durable: true)
                case 6: store.makeBlock()
                default: break
                }
            }
            check(store, model, &picker)
            isFailing.withLock { $0 = false }
            store.makeBlock()
            store.flush(durable: true)
            #expect(store.trouble == nil)
        }
        let again = try SeriesStore(configuration: configuration, metrics: MetricRegistry())
        check(again, model, &picker)
    }

    @Test("damaged files never stop a start: what is left is a part of what was there", arguments: 0..<40)
    func damage(round: Int) throws {
        let seed = SeededRandom.seed()
        var random = SeededRandom(seed: seed)
        let scratch = ScratchDirectory()
        let configuration = SeriesStoreConfiguration(directory: scratch.path)
        var sources = Sources(seed: seed)
        var model = StoreModel()
        // With a block gone, what a sample of the same time in it kept from sight comes to light.
        var appended: [LabelSet: Set<Point>] = [:]
        do {
            let store = try SeriesStore(configuration: configuration, metrics: MetricRegistry())
            for step in 0..<200 {
                let samples = sources.next()
                store.append(samples)
                for sample in samples {
                    model.append(sample.series.labels, sample.timestamp, sample.value)
                    appended[sample.series.labels, default: []].insert(Point(sample.timestamp, sample.value))
                }
                if step == 60 || step == 120 { store.makeBlock() }
                if step % 10 == 0 { store.flush(durable: false) }
            }
            store.stop()
        }
        let victim = try (scratch.names(".log") + scratch.names(".block")).randomElement(using: &random) ?? ""
        var bytes = try scratch.contents(victim)
        if Bool.random(using: &random) {
            bytes.removeLast(Int.random(in: 1...bytes.count, using: &random))
        } else {
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: bytes.indices, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            }
        }
        try scratch.overwrite(victim, bytes)
        for _ in 0..<2 {
            let registry = MetricRegistry()
            let store = try SeriesStore(configuration: configuration, metrics: registry)
            var samples = 0
            for (labels, points) in store.everything() {
                if labels["__name__"] == "after_damage" { continue }
                let all = appended[labels] ?? []
                #expect(points.allSatisfy { all.contains($0) }, "\(victim)")
                samples += points.count
            }
            // One of three files: the others are whole.
            #expect(samples > model.samples.values.reduce(0) { $0 + $1.count } / 4, "\(victim)")
            // It goes on.
            let new = series("after_damage")
            store.append([SeriesSample(series: new, timestamp: sources.time + 1_000_000, value: 1)])
            store.makeBlock()
            #expect(store.points("after_damage").count == 1)
            store.stop()
        }
    }
}
