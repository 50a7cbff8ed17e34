import Bytes
import Synchronization
import Telemetry

/// Which series carry which label, under a lock of its own: a query does not hold up samples of series that are known.
/// Where both locks are taken the store's comes first.
final class SharedIndex: Sendable {
    let index = Mutex(SeriesIndex())
}

/// All that the store's lock guards.
struct StoreState: ~Copyable {
    /// By place; nil where there is no series. A place is given to another series only while nobody reads.
    var entries: [SeriesEntry?] = []
    var states: [SeriesState] = []
    var free: [UInt32] = []
    var objects = IndexTable()
    var labelSets = IndexTable()
    var nextID: UInt32 = 1
    /// Of the set of series, among all stores of the process.
    var generation = StoreState.newGeneration()

    var clocks: [Clock] = []
    var window: Window
    /// The bits of the window's chunks. Here, and not yet the window's: each sample would have to ask whether it may change what
    /// an object holds.
    var arena = CellArena()
    /// Windows that are being made blocks of, oldest first.
    var sealed: [Window] = []
    /// Oldest first.
    var blocks: [Block] = []
    var log: LogEncoder

    /// Readers that are open.
    var readers = 0
    var tally = StoreTally()
    /// Whether more does not fit, so that new series are left out.
    var isFull = false
    /// Whether the window has to be sealed before its time.
    var mustSeal = false
    var retention: StoreRetention
    let configuration: SeriesStoreConfiguration
    let shared: SharedIndex
    /// While a log is read: limits do not hold, and nothing is written down.
    var isReplaying = false
    var replayRun = SampleRun(time: .min, isShared: true)

    private static let generations = Atomic<UInt64>(0)

    static func newGeneration() -> UInt64 { generations.wrappingAdd(1, ordering: .relaxed).newValue }

    init(_ configuration: SeriesStoreConfiguration, shared: SharedIndex) {
        self.configuration = configuration
        self.shared = shared
        window = Window(number: 1)
        log = LogEncoder(isKept: configuration.directory != nil)
        retention = StoreRetention(minimum: configuration.minimumRetention)
    }

    var seriesCount: Int { entries.count - free.count }

    /// Bytes in memory, those of mapped files not included.
    var memory: Int {
        var sum = windowByteCount + sealed.reduce(0) { $0 + $1.byteCount }
        sum += entries.capacity * MemoryLayout<SeriesEntry?>.stride
        sum += states.capacity * MemoryLayout<SeriesState>.stride + objects.byteCount + labelSets.byteCount
        sum += log.bytes.capacity + blocks.reduce(0) { $0 + $1.memory }
        return sum + shared.index.withLock { $0.byteCount }
    }

    /// Of them those of the open window.
    var windowByteCount: Int { window.byteCount + arena.byteCount }

    // MARK: Series

    /// The place of a known series, or nil.
    func find(_ object: ObjectIdentifier) -> Int? {
        objects.find(object.hashValue) { states[$0].object == object }
    }

    func find(_ labels: LabelSet) -> Int? {
        labelSets.find(labels.hashValue) { entries[$0]?.series.labels == labels }
    }

    /// The place of the series under another object.
    mutating func rebind(_ series: Series) -> Int? {
        guard let place = find(series.labels) else { return nil }
        if let old = states[place].object { objects.remove(place, hash: old.hashValue) }
        let object = ObjectIdentifier(series)
        states[place].object = object
        objects.insert(place, hash: object.hashValue)
        entries[place]?.series = series
        shared.index.withLock { $0.replace(UInt32(place), series.labels) }
        return place
    }

    /// Gives a new series a place.
    mutating func insert(_ series: Series, id: UInt32) -> Int {
        let object = ObjectIdentifier(series)
        var state = SeriesState()
        state.object = object
        state.horizon = retention.horizon(of: series.labels)
        let place: Int
        if let reused = free.popLast() {
            place = Int(reused)
            entries[place] = SeriesEntry(series: series, id: id)
            states[place] = state
        } else {
            place = entries.count
            entries.append(SeriesEntry(series: series, id: id))
            states.append(state)
        }
        objects.insert(place, hash: object.hashValue)
        labelSets.insert(place, hash: series.labels.hashValue)
        shared.index.withLock { $0.insert(UInt32(place), series.labels) }
        nextID = max(nextID, id &+ 1)
        generation = Self.newGeneration()
        return place
    }

    /// Forgets series whose samples are all gone. Nobody reads.
    mutating func remove(_ places: [Int]) {
        guard !places.isEmpty else { return }
        var gone = SeriesSet(capacity: entries.count)
        for place in places {
            guard let entry = entries[place] else { continue }
            if let object = states[place].object { objects.remove(place, hash: object.hashValue) }
            labelSets.remove(place, hash: entry.series.labels.hashValue)
            shared.index.withLock { $0.remove(UInt32(place), entry.series.labels) }
            gone.insert(UInt32(place))
            entries[place] = nil
            states[place] = SeriesState()
            free.append(UInt32(place))
        }
        for place in states.indices where states[place].successor != SeriesState.none {
            if gone.contains(states[place].successor) { states[place].successor = SeriesState.none }
        }
        shared.index.withLock { $0.drop(gone) }
        generation = Self.newGeneration()
    }

    // MARK: Windows

    /// Ends the window: what it has becomes a block, and a new log begins. Nil where it has no sample.
    mutating func seal() -> Window? {
        mustSeal = false
        let old = window
        old.newest = Array(repeating: SealedChunk.none, count: states.count)
        for place in states.indices {
            if !states[place].chunk.isEmpty { old.seal(&states[place].chunk) }
            old.newest[place] = states[place].chunk.before
            states[place].chunk = OpenChunk()
            states[place].isLogged = false
            states[place].isValueLogged = false
            states[place].successor = SeriesState.none
        }
        guard !old.sealed.isEmpty || !old.late.isEmpty else {
            old.newest = []
            return nil
        }
        old.entries = entries
        swap(&old.arena, &arena)
        sealed.append(old)
        window = Window(number: old.number + 1)
        log.restart()
        return old
    }
}

/// What happened since it was last counted.
struct StoreTally: Sendable {
    var samples = 0
    var late = 0
    var duplicates = 0
    var conflicts = 0
    var tooOld = 0
    var tooManyLate = 0
    var overSeriesLimit = 0
    var overMemoryLimit = 0
    var births = 0
}
