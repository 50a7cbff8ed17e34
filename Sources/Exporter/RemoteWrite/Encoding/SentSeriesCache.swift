import Bytes
import Telemetry

/// What remote write knows of a series once it has seen it: its labels after external labels and relabelling, as
/// numbers of symbols.
struct CachedSeries {
    /// Pins the object, whose identity is the key.
    let series: Series
    /// Number of a name, number of its value, and so on, in the order of the names; empty where nothing is sent.
    let labels: [Int32]
    let help: Int32
    let unit: Int32
    /// Of the sample taken last.
    var lastTimestamp = Int64.min
    var lastUsed: Timestamp
}

/// Relabels each series once. For one thread.
///
/// An entry goes with the series' stale marker, or when it was not used for ten minutes. The symbols of series that are
/// gone stay until they are as many as those of series that are there; then all is forgotten and made again as it comes.
struct SentSeriesCache: ~Copyable {
    /// Entries and symbol bytes kept at most; beyond, all is forgotten.
    static let entryLimit = 200_000
    static let symbolLimit = 256 << 20
    private static let idleSeconds = 600.0

    private(set) var symbols = SymbolTable()
    private(set) var entries: ContiguousArray<CachedSeries?> = []
    private var indices: [ObjectIdentifier: Int] = [:]
    private var free: [Int] = []
    private var removals = 0
    private var swept: Timestamp
    private let relabeler: Relabeler?
    private let externalLabels: LabelSet
    /// Increases whenever numbers of symbols lose their meaning.
    private(set) var epoch = 0

    init(relabeler: Relabeler?, externalLabels: LabelSet, now: Timestamp) {
        self.relabeler = relabeler
        self.externalLabels = externalLabels
        swept = now
    }

    var count: Int { indices.count }

    /// The index of the series' entry, which is made where there is none. O(1) but for the first time.
    mutating func index(of series: Series, now: Timestamp) -> (index: Int, isNew: Bool) {
        if let index = indices[ObjectIdentifier(series)] {
            entries[index]?.lastUsed = now
            return (index, false)
        }
        let labels = relabeled(series.labels)
        let entry = CachedSeries(
            series: series, labels: numbers(of: labels), help: number(of: series.metadata.help),
            unit: number(of: series.metadata.unit), lastUsed: now)
        let index: Int
        if let reused = free.popLast() {
            index = reused
            entries[index] = entry
        } else {
            index = entries.count
            entries.append(entry)
        }
        indices[ObjectIdentifier(series)] = index
        return (index, true)
    }

    /// Whether anything of the series is to be sent.
    func isSent(_ index: Int) -> Bool { entries[index]?.labels.isEmpty == false }

    /// Of the sample taken last, the smallest there is where there was none.
    func lastTimestamp(_ index: Int) -> Int64 { entries[index]?.lastTimestamp ?? .min }

    mutating func took(_ index: Int, timestamp: Int64) { entries[index]?.lastTimestamp = timestamp }

    /// Forgets an entry.
    mutating func remove(_ index: Int) {
        guard let entry = entries[index] else { return }
        indices[ObjectIdentifier(entry.series)] = nil
        entries[index] = nil
        free.append(index)
        removals += 1
    }

    /// Frees what is not needed any more. Between records only: numbers of symbols may change.
    mutating func tidy(now: Timestamp) {
        if now.seconds(since: swept) > Self.idleSeconds {
            swept = now
            for index in entries.indices {
                guard let entry = entries[index], now.seconds(since: entry.lastUsed) > Self.idleSeconds else {
                    continue
                }
                remove(index)
            }
        }
        guard
            removals > max(1000, indices.count) || indices.count > Self.entryLimit
                || symbols.byteCount > Self.symbolLimit
        else { return }
        // Times are kept: what came before must not come again as new.
        let times = entries.compactMap { $0 }.filter { $0.lastTimestamp != .min }
        let isOverLimit = indices.count > Self.entryLimit || symbols.byteCount > Self.symbolLimit
        indices = [:]
        entries = []
        free = []
        removals = 0
        symbols.release()
        epoch += 1
        if isOverLimit { return }
        for old in times {
            let (index, _) = index(of: old.series, now: old.lastUsed)
            entries[index]?.lastTimestamp = old.lastTimestamp
        }
    }

    /// Numbers for labels that belong to no series, such as an exemplar's.
    mutating func numbers(of labels: LabelSet?) -> [Int32] {
        guard let labels else { return [] }
        var numbers: [Int32] = []
        numbers.reserveCapacity(labels.count * 2)
        for label in labels.labels where !label.name.isEmpty {
            numbers.append(number(of: label.name))
            numbers.append(number(of: label.value))
        }
        return numbers
    }

    private mutating func number(of text: String) -> Int32 { Int32(symbols.number(of: text)) }

    /// Nil where nothing is to be sent: a rule drops the series, or no name is left.
    private func relabeled(_ labels: LabelSet) -> LabelSet? {
        let all = externalLabels.isEmpty ? labels : labels.filled(from: externalLabels)
        let result = relabeler.map { $0.apply(all) } ?? all
        return result?["__name__"] == nil ? nil : result
    }
}
