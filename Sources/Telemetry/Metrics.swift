import Synchronization

/// A count that only grows. Adding costs one relaxed atomic addition; safe from any thread.
package final class Counter: Sendable {
    private let value = Atomic<UInt64>(0)
    /// When it began to count from 0.
    package let created = Timestamp.now
    package init() {}

    @inline(__always)
    package func add(_ amount: Int = 1) {
        guard amount > 0 else { return }
        value.wrappingAdd(UInt64(truncatingIfNeeded: amount), ordering: .relaxed)
    }

    package var current: UInt64 { value.load(ordering: .relaxed) }
}

/// A value that goes up and down. Safe from any thread.
package final class Gauge: Sendable {
    private let bits = Atomic<UInt64>(0)
    package init() {}

    package func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
    package func set(_ value: Int) { set(Double(value)) }
    package var current: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }
}

/// Observations counted into buckets by upper bound. Safe from any thread.
package final class Histogram: Sendable {
    /// Upper bounds in ascending order, without +Inf.
    package let bounds: [Double]
    /// When it began to count from 0.
    package let created = Timestamp.now
    private let state: Mutex<State>

    package struct State: Sendable {
        /// One per bound and one for +Inf, not cumulative.
        package var counts: [UInt64]
        package var sum: Double = 0
    }

    package init(bounds: [Double]) {
        self.bounds = bounds
        state = Mutex(State(counts: Array(repeating: 0, count: bounds.count + 1)))
    }

    package func observe(_ value: Double) {
        let index = bounds.firstIndex { value <= $0 } ?? bounds.count
        state.withLock {
            $0.counts[index] += 1
            $0.sum += value
        }
    }

    package var current: State { state.withLock { $0 } }
}

/// One series of a family and where its value comes from.
package enum MetricValue: Sendable {
    case counter(Counter)
    case gauge(Gauge)
    case histogram(Histogram)
    /// Read when it is rendered.
    case computed(@Sendable () -> Double)
}

/// All metrics that a part of the agent counts with; what `/metrics` renders. Safe from any thread.
///
/// A series is created once, outside the hot path, and kept by whoever counts with it. Asking again for the same
/// name and labels returns the same object.
package final class MetricRegistry: Sendable {
    package struct Family: Sendable {
        package var name: String
        package var help: String
        package var type: MetricType
        package var series: [LabelSet: MetricValue]

        package init(name: String, help: String, type: MetricType, series: [LabelSet: MetricValue]) {
            self.name = name
            self.help = help
            self.type = type
            self.series = series
        }
    }

    private let families = Mutex<[String: Family]>([:])
    private let providers = Mutex<[String: @Sendable () -> [Family]]>([:])
    private let collectors = Mutex<[@Sendable (MetricRegistry) -> Void]>([])

    package init() {}

    package func counter(_ name: String, help: String, _ labels: LabelSet = [:]) -> Counter {
        value(name, help, .counter, labels, { .counter(Counter()) }) {
            if case .counter(let counter) = $0 { counter } else { nil }
        }
    }

    package func gauge(_ name: String, help: String, _ labels: LabelSet = [:]) -> Gauge {
        value(name, help, .gauge, labels, { .gauge(Gauge()) }) { if case .gauge(let gauge) = $0 { gauge } else { nil } }
    }

    package func histogram(_ name: String, help: String, bounds: [Double], _ labels: LabelSet = [:]) -> Histogram {
        value(name, help, .histogram, labels, { .histogram(Histogram(bounds: bounds)) }) {
            if case .histogram(let histogram) = $0 { histogram } else { nil }
        }
    }

    /// A series whose value is asked for at each scrape; it replaces one of the same name and labels.
    package func computed(
        _ name: String, help: String, type: MetricType = .gauge, _ labels: LabelSet = [:],
        _ read: @escaping @Sendable () -> Double
    ) {
        families.withLock {
            $0[name, default: Family(name: name, help: help, type: type, series: [:])].series[labels] = .computed(read)
        }
    }

    /// Called before each rendering, to bring gauges up to date.
    package func onCollect(_ update: @escaping @Sendable (MetricRegistry) -> Void) {
        collectors.withLock { $0.append(update) }
    }

    /// Families that are made when they are asked for, for things in such number that series kept of each would cost
    /// more memory than the things. `name` is the provider's; one of the same name is replaced, nil withdraws it.
    package func provide(_ name: String, _ families: (@Sendable () -> [Family])?) {
        providers.withLock { $0[name] = families }
    }

    /// Forgets the series of one family with these labels, or all series that carry `label` when it is given alone.
    package func remove(_ name: String, _ labels: LabelSet) {
        families.withLock { _ = $0[name]?.series.removeValue(forKey: labels) }
    }

    /// Forgets every series, of whatever family, whose labels contain all of `labels`.
    package func removeAll(matching labels: LabelSet) {
        families.withLock { families in
            families = families.mapValues { family in
                var kept = family
                kept.series = family.series.filter { series in
                    !labels.labels.allSatisfy { series.key[$0.name] == $0.value }
                }
                return kept
            }
        }
    }

    /// The sum of a family's series whose labels contain all of `labels`; histograms count for nothing.
    package func total(_ name: String, matching labels: LabelSet = [:]) -> Double {
        let values = families.withLock { families in
            families[name]?.series.filter { series in
                labels.labels.allSatisfy { series.key[$0.name] == $0.value }
            }.values.map { $0 } ?? []
        }
        return values.reduce(0) { sum, value in
            switch value {
            case .counter(let counter): sum + Double(counter.current)
            case .gauge(let gauge): sum + gauge.current
            case .computed(let read): sum + read()
            case .histogram: sum
            }
        }
    }

    /// Everything there is now, families by name.
    package func snapshot() -> [Family] {
        for update in collectors.withLock({ $0 }) { update(self) }
        let provided = providers.withLock { Array($0.values) }.flatMap { $0() }
        return (families.withLock { Array($0.values) } + provided).sorted { $0.name < $1.name }
    }

    private func value<Kind>(
        _ name: String, _ help: String, _ type: MetricType, _ labels: LabelSet, _ make: () -> MetricValue,
        _ extract: (MetricValue) -> Kind?
    ) -> Kind {
        let value = families.withLock { families -> MetricValue in
            if let existing = families[name]?.series[labels] { return existing }
            let created = make()
            families[name, default: Family(name: name, help: help, type: type, series: [:])].series[labels] = created
            return created
        }
        guard let kind = extract(value) else {
            // A programming error that the first run of any test shows: one name, two kinds.
            preconditionFailure("metric \(name) is registered as another type")
        }
        return kind
    }
}
