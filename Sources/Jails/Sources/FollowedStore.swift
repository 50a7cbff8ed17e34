import Bytes
import CLinux
import Glibc
import Logs
import Telemetry

/// The log road's store, for jails that read from it.
package struct StoredStreams: Sendable {
    package var feed: any RecordFeed
    /// Labels as the store has them, `{a="x", b="y"}`.
    package var labels: @Sendable (String) -> LabelSet?

    package init(
        feed: any RecordFeed, labels: @escaping @Sendable (String) -> LabelSet?
    ) {
        self.feed = feed
        self.labels = labels
    }
}

/// The stored logs that jails read: what the log road has committed, decoded and given out by stream. Later than a file by what the
/// log road gathers before it commits, at most about a second.
final class FollowedStore {
    private let streams: StoredStreams
    private let selectors: [(set: Int, selector: [LabelMatcher])]
    private var location: RecordLocation
    private var record = StoredRecord()
    private var text = ByteBuffer()
    /// Which sets want a stream, by its labels as they are stored.
    private var wanted: [String: [Int]] = [:]
    /// Readable when there may be something.
    let descriptor: Int32
    private let stopToken = StopToken()
    private let waiting: WorkerThread
    private let sought: Sought

    private static let recordsPerRound = 16
    private static let mostKnownStreams = 10_000

    /// Where the waiting thread looks.
    private final class Sought: Sendable {
        let location: Condition<RecordLocation?>
        init() { location = Condition(nil) }
    }

    init(_ streams: StoredStreams, _ selectors: [(set: Int, selector: [LabelMatcher])], from time: Double) {
        self.streams = streams
        self.selectors = selectors
        location = Self.start(streams.feed, time)
        descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        precondition(descriptor >= 0, "no eventfd: errno \(errno)")
        let sought = Sought()
        self.sought = sought
        waiting = WorkerThread(name: "jails-store") { [stopToken, descriptor, feed = streams.feed] in
            while !stopToken.isStopped {
                let next = sought.location.wait(until: Timestamp.monotonic.adding(seconds: 60)) { next in
                    next ?? (stopToken.isStopped ? RecordLocation(segment: 0, offset: 0) : nil)
                }
                guard let next, !stopToken.isStopped else { continue }
                guard feed.wait(for: next, seconds: 60, stop: stopToken) else { continue }
                sought.location.withLock { if $0 == next { $0 = nil } }
                var one: UInt64 = 1
                write(descriptor, &one, 8)
            }
        }
        seek()
    }

    deinit { close(descriptor) }

    private func seek() {
        let next = location
        sought.location.change { $0 = next }
    }

    func stop() {
        stopToken.stop()
        sought.location.change { _ in }
        waiting.join()
    }

    /// The first record with entries of `time` or later; what cannot be read is passed over when its turn comes.
    private static func start(_ feed: any RecordFeed, _ time: Double) -> RecordLocation {
        var record = StoredRecord()
        var location = RecordLocation(segment: 0, offset: 0)
        while true {
            switch try? feed.read(at: location, metadataOnly: true, into: &record) {
            case .record:
                if record.latest.secondsSince1970 >= time { return record.location }
                location = record.next
            case .damaged(let next): location = next
            case .end, nil: return location
            }
        }
    }

    /// Gives out what is there: the set of jails, the line, its time.
    ///
    /// - Returns: whether there may be more.
    func read(_ body: (Int, RawSpan, Double) -> Void) throws(StoreError) -> Bool {
        var count: UInt64 = 0
        _ = Glibc.read(descriptor, &count, 8)
        for _ in 0..<Self.recordsPerRound {
            switch try streams.feed.read(at: location, metadataOnly: false, into: &record) {
            case .end:
                seek()
                return false
            case .damaged(let next): location = next
            case .record:
                giveOut(body)
                location = record.next
            }
        }
        return true
    }

    private func giveOut(_ body: (Int, RawSpan, Double) -> Void) {
        var start = 0
        for block in record.blocks {
            let end = start + block.payloadLength
            defer { start = end }
            text.removeAll()
            // The store has checked that these are the bytes that were written.
            guard end <= record.payload.count,
                (try? Snappy.uncompress(record.payload.bytes.slice(start, end), into: &text)) != nil
            else { continue }
            var reader = PushRequestReader()
            while let stream = try? reader.nextStream(text.bytes) {
                let sets = sets(String(lossy: text.bytes.slice(stream.labels)))
                if sets.isEmpty { continue }
                var entries = stream.entries
                while let entry = try? entries.next(text.bytes) {
                    for set in sets { body(set, text.bytes.slice(entry.line), entry.timestamp.secondsSince1970) }
                }
            }
        }
    }

    private func sets(_ labels: String) -> [Int] {
        if let known = wanted[labels] { return known }
        var sets: [Int] = []
        if let parsed = streams.labels(labels) {
            for (set, selector) in selectors where !sets.contains(set) && selector.allSatisfy({ $0.matches(parsed) }) {
                sets.append(set)
            }
        }
        if wanted.count >= Self.mostKnownStreams { wanted = [:] }
        wanted[labels] = sets
        return sets
    }
}
