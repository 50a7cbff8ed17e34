import Rules
import Telemetry
import Testing

@Suite("What a series store tells of itself")
struct SeriesStoreContentsTests {
    private func memoryStore() throws -> SeriesStore {
        try SeriesStore(configuration: SeriesStoreConfiguration(directory: nil), metrics: MetricRegistry())
    }

    private func batch(_ series: [Series], _ time: Int64, _ value: Double = 1) -> [SeriesSample] {
        series.map { SeriesSample(series: $0, timestamp: time, value: value) }
    }

    @Test("families are told once, those without anything but a name not at all")
    func families() throws {
        let store = try memoryStore()
        let family = MetricMetadata(name: "a_bytes", type: .gauge, help: "Of a.", unit: "bytes")
        let other = MetricMetadata(name: "a_bytes", type: .gauge, help: "Of a.", unit: "bytes")
        let odd = MetricMetadata(name: "a_bytes", type: .counter, help: "Of a.", unit: "bytes")
        let made = [("1", family), ("2", family), ("3", other), ("4", odd), ("5", MetricMetadata(name: "b"))]
            .map { Series(labels: ["__name__": $1.name, "i": $0], metadata: $1) }
        store.append(batch(made, 1000))
        let told = store.families.map { "\($0.name) \($0.type.rawValue) \($0.help) \($0.unit)" }.sorted()
        #expect(told == ["a_bytes counter Of a. bytes", "a_bytes gauge Of a. bytes"])
    }

    @Test("a reader tells how many chunks are in memory and since when")
    func head() throws {
        let store = try memoryStore()
        #expect(store.read { $0.head.chunks } == 0)
        #expect(store.read { $0.head.oldest } == nil)
        let two = [series("a"), series("b")]
        for time in 1...400 as ClosedRange<Int64> { store.append(batch(two, time * 1000, Double(time) * 1.7)) }
        #expect(store.read { $0.head.chunks } >= 2)
        #expect(store.read { $0.head.oldest } == 1000)
    }
}
