import Bytes
import Configuration
import Glibc
import Rules
import Synchronization
import Telemetry
import Testing

/// Samples in memory: what the tests' rules read and write.
final class MemoryStore: SampleSource, SampleSink {
    struct Contents: Sendable {
        var labels: [LabelSet] = []
        var samples: [SampleColumns] = []
        var objects: [LabelSet: ObjectIdentifier] = [:]
        /// Label sets that came with another object than before.
        var changedObjects = 0
    }

    let contents = Mutex(Contents())
    /// Batches that were appended.
    let batches = Mutex(0)

    func add(_ labels: LabelSet, _ value: Double, at time: Int64) {
        contents.withLock { Self.add(labels, value, time, &$0) }
    }

    private static func add(_ labels: LabelSet, _ value: Double, _ time: Int64, _ contents: inout Contents) {
        let index: Int
        if let known = contents.labels.firstIndex(of: labels) {
            index = known
        } else {
            index = contents.labels.count
            contents.labels.append(labels)
            contents.samples.append(SampleColumns())
        }
        contents.samples[index].append(time, value)
    }

    func append(_ batch: borrowing SeriesBatch) {
        batches.withLock { $0 += 1 }
        contents.withLock { contents in
            for sample in batch.samples {
                let object = ObjectIdentifier(sample.series)
                if let known = contents.objects[sample.series.labels], known != object { contents.changedObjects += 1 }
                contents.objects[sample.series.labels] = StaleMarker.isStale(sample.value) ? nil : object
                Self.add(sample.series.labels, sample.value, sample.timestamp, &contents)
            }
        }
    }

    func read<Result>(_ body: (any SampleReader) throws -> Result) rethrows -> Result {
        try body(MemoryReader(contents.withLock { $0 }))
    }

    /// All samples of one series.
    func samples(_ labels: LabelSet) -> [(time: Int64, value: Double)] {
        contents.withLock { contents in
            guard let index = contents.labels.firstIndex(of: labels) else { return [] }
            return zip(contents.samples[index].timestamps, contents.samples[index].values).map { ($0, $1) }
        }
    }

    /// The series whose newest sample at `time` is there and no stale marker.
    func live(_ name: String, at time: Int64) -> [LabelSet: Double] {
        contents.withLock { contents in
            var result: [LabelSet: Double] = [:]
            for (labels, columns) in zip(contents.labels, contents.samples) where labels["__name__"] == name {
                guard let index = columns.timestamps.lastIndex(where: { $0 <= time }) else { continue }
                if !StaleMarker.isStale(columns.values[index]), columns.timestamps[index] > time - 300_000 {
                    result[labels] = columns.values[index]
                }
            }
            return result
        }
    }
}

private final class MemoryReader: SampleReader {
    let contents: MemoryStore.Contents
    init(_ contents: MemoryStore.Contents) { self.contents = contents }

    var seriesGeneration: UInt64 { UInt64(contents.labels.count) }

    func series(matching matchers: [LabelMatcher]) -> [SeriesID] {
        contents.labels.indices.filter { index in matchers.allSatisfy { $0.matches(contents.labels[index]) } }
            .map { SeriesID(index: Int32($0)) }
    }

    func labels(of series: SeriesID) -> LabelSet { contents.labels[Int(series.index)] }

    func append(samplesOf series: SeriesID, after: Int64, through: Int64, to columns: inout SampleColumns) {
        let own = contents.samples[Int(series.index)]
        for (time, value) in zip(own.timestamps, own.values) where time > after && time <= through {
            columns.append(time, value)
        }
    }

    func newest(of series: SeriesID, after: Int64, through: Int64) -> (timestamp: Int64, value: Double)? {
        let own = contents.samples[Int(series.index)]
        guard let index = own.timestamps.lastIndex(where: { $0 <= through }), own.timestamps[index] > after else {
            return nil
        }
        return (own.timestamps[index], own.values[index])
    }

    func start(of series: SeriesID) -> Int64? { nil }
}

/// As much of PromQL as these tests want: selectors, numbers, arithmetic and comparisons with numbers, `and`, `absent`,
/// `vector`, and `fail()` in the shape of a series named so.
final class SmallQuery: PreparedQuery {
    let expression: Expression
    init(_ expression: Expression) { self.expression = expression }

    func instant(at time: Int64, in reader: any SampleReader) throws(QueryError) -> QueryResult {
        QueryResult(value: try evaluate(expression, time, reader))
    }

    func range(
        from start: Int64, through end: Int64, step: Int64, in reader: any SampleReader
    ) throws(QueryError) -> QueryResult { throw .execution("no ranges here") }

    private func vector(
        _ expression: Expression, _ time: Int64, _ reader: any SampleReader
    ) throws(QueryError) -> [VectorSample] {
        guard case .vector(let samples) = try evaluate(expression, time, reader) else {
            throw .execution("expected a vector")
        }
        return samples
    }

    private func evaluate(
        _ expression: Expression, _ time: Int64, _ reader: any SampleReader
    ) throws(QueryError) -> QueryValue {
        switch expression {
        case .number(let literal): return .scalar(literal.value)
        case .parenthesized(let inner, _): return try evaluate(inner, time, reader)
        case .vectorSelector(let selector):
            if selector.name == "fail" { throw .execution("it failed") }
            var samples: [VectorSample] = []
            for id in reader.series(matching: selector.matchers) {
                guard let (_, value) = reader.newest(of: id, after: time - 300_000, through: time),
                    !StaleMarker.isStale(value)
                else { continue }
                samples.append(VectorSample(labels: reader.labels(of: id), timestamp: time, value: value))
            }
            return .vector(samples)
        case .call(let call) where call.function == "absent":
            let found = try vector(call.arguments[0], time, reader)
            return .vector(found.isEmpty ? [VectorSample(labels: LabelSet(), timestamp: time, value: 1)] : [])
        case .call(let call) where call.function == "vector":
            guard case .scalar(let value) = try evaluate(call.arguments[0], time, reader) else { break }
            return .vector([VectorSample(labels: LabelSet(), timestamp: time, value: value)])
        case .binary(let binary):
            if case .set(.and) = binary.operation {
                let right = Set(try vector(binary.right, time, reader).map { Self.nameless($0.labels) })
                return .vector(
                    try vector(binary.left, time, reader).filter { right.contains(Self.nameless($0.labels)) })
            }
            guard case .scalar(let number) = try evaluate(binary.right, time, reader) else { break }
            let left = try vector(binary.left, time, reader)
            switch binary.operation {
            case .comparison(let comparison, _):
                return .vector(
                    left.filter { sample in
                        switch comparison {
                        case .equal: sample.value == number
                        case .notEqual: sample.value != number
                        case .less: sample.value < number
                        case .lessOrEqual: sample.value <= number
                        case .greater: sample.value > number
                        case .greaterOrEqual: sample.value >= number
                        }
                    })
            case .arithmetic(let operation):
                return .vector(
                    left.map { sample in
                        var sample = sample
                        sample.labels = Self.nameless(sample.labels)
                        switch operation {
                        case .multiply: sample.value *= number
                        case .divide: sample.value /= number
                        case .subtract: sample.value -= number
                        default: sample.value += number
                        }
                        return sample
                    })
            default: break
            }
        default: break
        }
        throw .execution("the tests' PromQL does not know this")
    }

    private static func nameless(_ labels: LabelSet) -> LabelSet {
        var labels = labels
        labels["__name__"] = nil
        return labels
    }
}

extension RuleLanguage {
    static let small = RuleLanguage(
        parse: { (text: String) throws(QueryError) -> Expression in try Expression.parse(text) },
        makePreparer: {
            { (expression: Expression, _: String) throws(QueryError) -> any PreparedQuery in SmallQuery(expression) }
        })
}

/// Remembers what it was told.
final class AlertRecorder: AlertSink {
    let notices = Mutex<[AlertNotice]>([])
    /// Called before they are remembered.
    let before = Mutex<(@Sendable () -> Void)?>(nil)

    func take(_ alerts: [AlertNotice]) {
        before.withLock { $0 }?()
        notices.withLock { $0 += alerts }
    }

    /// Those since the last time.
    func drain() -> [AlertNotice] {
        notices.withLock { notices in
            defer { notices = [] }
            return notices
        }
    }
}

/// Rule groups over a store in memory, on a clock that only tests move.
final class RuleBench {
    let store = MemoryStore()
    let alerts = AlertRecorder()
    let metrics = MetricRegistry()
    let directory: ScratchDirectory
    let problems = Recorder()
    /// Why alerts changed.
    let reasons = Recorder()
    let readiness = Readiness()
    var options = RuleOptions()
    private(set) var groups: RuleGroups
    private let clock = SharedClock()
    private var file = ""
    private let faults: DiskFaults

    final class SharedClock: Sendable {
        let time = Mutex<Int64>(0)
    }

    final class Recorder: Sendable {
        let lines = Mutex<[String]>([])
    }

    init(_ yaml: String = "", directory: ScratchDirectory = ScratchDirectory(), faults: DiskFaults = DiskFaults()) {
        self.directory = directory
        self.faults = faults
        options.externalURL = "http://host:9464"
        groups = Self.make(directory, store, alerts, metrics, readiness, clock, problems, reasons, faults)
        if !yaml.isEmpty { load(yaml) }
    }

    private static func make(
        _ directory: ScratchDirectory, _ store: MemoryStore, _ alerts: AlertRecorder, _ metrics: MetricRegistry,
        _ readiness: Readiness, _ clock: SharedClock, _ problems: Recorder, _ reasons: Recorder,
        _ faults: DiskFaults
    ) -> RuleGroups {
        RuleGroups(
            directory: directory.path, language: .small, source: store, output: store, alerts: alerts, metrics: metrics,
            readiness: readiness, now: { clock.time.withLock { $0 } }, runsByItself: false, faults: faults,
            onTransitions: { _, transitions in reasons.lines.withLock { $0 += transitions.map(\.reason) } },
            onProblem: { group, rule, problem in
                problems.lines.withLock { $0.append("\(group) \(rule): \(problem)") }
            })
    }

    func read(_ yaml: String, path: String = "r.yaml") -> RuleFile {
        RuleFile(Array(yaml.utf8), path: path, language: .small, timeIntervals: options.timeIntervals)
    }

    func load(_ yaml: String) {
        file = yaml
        groups.apply([read(yaml)], options)
    }

    /// As after `kill -9`: everything but the disk and the store begins anew.
    func restart() {
        groups = Self.make(directory, store, alerts, MetricRegistry(), readiness, clock, problems, reasons, faults)
        groups.apply([read(file)], options)
    }

    /// Sets the clock and evaluates everything at `seconds`.
    func evaluate(at seconds: Int64) {
        clock.time.withLock { $0 = seconds * 1000 }
        groups.evaluate(at: seconds * 1000)
    }

    func set(_ name: String, _ value: Double?, at seconds: Int64, _ labels: LabelSet = [:]) {
        var labels = labels
        labels["__name__"] = name
        store.add(labels, value ?? StaleMarker.value, at: seconds * 1000)
    }

    /// `name{labels} state`, of all active alerts.
    var states: [String] {
        groups.fullReport.groups.flatMap { group in
            group.rules.flatMap { rule in
                rule.activeAlerts.map { alert in
                    var labels = alert.labels
                    labels["alertname"] = nil
                    return "\(rule.definition.name)\(labels.isEmpty ? "" : labels.description) \(alert.stateName)"
                }
            }
        }.sorted()
    }

    func alert(_ name: String) -> Alert? {
        groups.fullReport.groups.flatMap(\.rules).first { $0.definition.name == name }?.alerts.values.first
    }
}
