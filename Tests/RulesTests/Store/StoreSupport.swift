import Bytes
import Glibc
import Rules
import Telemetry
import TestSupport

/// A sample as tests compare it: a stale marker is equal to itself.
struct Point: Hashable, CustomStringConvertible {
    var time: Int64
    var bits: UInt64

    init(_ time: Int64, _ value: Double) {
        self.time = time
        bits = value.bitPattern
    }

    var description: String { "\(time): \(Double(bitPattern: bits))" }
}

/// What a store should have: for each series its samples by time.
struct StoreModel {
    var samples: [LabelSet: [Int64: Double]] = [:]
    var newest: [LabelSet: Int64] = [:]
    let lateWindow: Int64

    init(lateWindow: Int64 = 60_000) { self.lateWindow = lateWindow }

    mutating func append(_ labels: LabelSet, _ time: Int64, _ value: Double) {
        let last = newest[labels] ?? .min
        guard time > last || time >= last - lateWindow else { return }
        if samples[labels]?[time] != nil { return }
        samples[labels, default: [:]][time] = value
        newest[labels] = max(last, time)
    }

    func points(_ labels: LabelSet, after: Int64, through: Int64) -> [Point] {
        (samples[labels] ?? [:]).filter { $0.key > after && $0.key <= through }.sorted { $0.key < $1.key }
            .map { Point($0.key, $0.value) }
    }
}

extension SampleReader {
    func points(of series: SeriesID, after: Int64 = .min, through: Int64 = .max) -> [Point] {
        var columns = SampleColumns()
        append(samplesOf: series, after: after, through: through, to: &columns)
        return zip(columns.timestamps, columns.values).map { Point($0, $1) }
    }
}

extension SeriesStore {
    /// All there is, by label set.
    func everything() -> [LabelSet: [Point]] {
        read { reader in
            var result: [LabelSet: [Point]] = [:]
            for series in reader.series(matching: []) { result[reader.labels(of: series)] = reader.points(of: series) }
            return result
        }
    }

    func points(_ name: String) -> [Point] {
        read { reader in
            guard let matcher = try? LabelMatcher("__name__", .equal, name) else { return [] }
            return reader.series(matching: [matcher]).flatMap { reader.points(of: $0) }
        }
    }

    func append(_ samples: [SeriesSample]) {
        var batch = SeriesBatch()
        batch.samples = samples
        append(batch)
    }
}

func series(_ name: String, _ type: MetricType = .gauge, _ labels: LabelSet = [:]) -> Series {
    var set = labels
    set["__name__"] = name
    return Series(labels: set, metadata: MetricMetadata(name: name, type: type))
}

/// A number of the kinds that hosts have.
func hostValue(_ kind: Int, _ previous: Double, _ random: inout SeededRandom) -> Double {
    switch kind % 8 {
    case 0: return previous
    case 1: return previous + Double(Int.random(in: 0...20_000, using: &random))
    case 2: return ((previous * 100).rounded() + Double(Int.random(in: 0...1500, using: &random))) / 100
    case 3: return Double.random(in: -1...1, using: &random)
    case 4: return Double(Int.random(in: 0...3, using: &random))
    case 5: return Bool.random(using: &random) ? previous : Double(Int.random(in: 0...1_000_000, using: &random)) / 8
    case 6:
        let odd: [Double] = [
            .nan, .infinity, -.infinity, -0.0, 0, 0x1p-1074, .greatestFiniteMagnitude, 1e300, -1e15, 2e15,
        ]
        return odd.randomElement(using: &random) ?? 0
    default: return Double(bitPattern: UInt64.random(in: 0 ... .max, using: &random))
    }
}
