import Bytes
import Telemetry

/// Which stream an entry belongs to: remembers, for the raw values of the fields that decide it, what filtering and
/// relabelling said.
///
/// Holds at most `keyLimit` combinations and `streamLimit` streams; at the bound all are forgotten, which costs the
/// ones still in use one relabelling each.
struct JournalStreams: ~Copyable {
    /// What is known of a combination.
    enum Verdict: Equatable {
        case stream(StreamID)
        /// Filtered or dropped by relabelling.
        case dropped
    }

    private static let keyLimit = 4096
    private static let streamLimit = 4096
    private static let keyBytesLimit = 1 << 20
    /// Twice the limit, a power of two: an open-addressing table stays half empty.
    private static let tableSize = 8192

    private struct Known {
        var hash: UInt32
        var start: Int
        var end: Int
        var verdict: Verdict
    }

    private var table: [Int16] = []
    private var known: [Known] = []
    private var keys = ByteBuffer()
    private var streams: [StreamTarget: StreamID] = [:]
    private var targets: [StreamID: StreamTarget] = [:]
    /// For the metric of how often relabelling had to run.
    private(set) var misses = 0

    init() {}

    var count: Int { known.count }

    /// What is known of the combination `key`.
    @inline(__always)
    func verdict(for buffer: borrowing ByteBuffer) -> Verdict? {
        let key = buffer.bytes
        guard !table.isEmpty else { return nil }
        let hash = key.crc32c()
        var place = Int(hash) & (Self.tableSize &- 1)
        while true {
            let index = Int(table[place])
            if index < 0 { return nil }
            if known[index].hash == hash, keys.bytes.slice(known[index].start, known[index].end).equals(key) {
                return known[index].verdict
            }
            place = (place &+ 1) & (Self.tableSize &- 1)
        }
    }

    /// Remembers a combination that was not known.
    mutating func remember(_ buffer: borrowing ByteBuffer, _ verdict: Verdict) {
        let key = buffer.bytes
        misses += 1
        if known.count >= Self.keyLimit || keys.count + key.byteCount > Self.keyBytesLimit { forgetKeys() }
        if table.isEmpty { table = [Int16](repeating: -1, count: Self.tableSize) }
        let hash = key.crc32c()
        var place = Int(hash) & (Self.tableSize - 1)
        while table[place] >= 0 { place = (place + 1) & (Self.tableSize - 1) }
        table[place] = Int16(known.count)
        let start = keys.count
        keys.append(key)
        known.append(Known(hash: hash, start: start, end: keys.count, verdict: verdict))
    }

    /// The writer's stream for these labels.
    mutating func stream(_ target: StreamTarget, in writer: inout EntryWriter) -> StreamID {
        if let stream = streams[target] { return stream }
        if streams.count >= Self.streamLimit { forgetAll(in: &writer) }
        let stream = writer.stream(labels: target.labels, tenant: target.tenant)
        streams[target] = stream
        targets[stream] = target
        return stream
    }

    func target(of stream: StreamID) -> StreamTarget? { targets[stream] }

    /// Forgets everything, the writer's streams too; what is pending in them is still committed.
    private mutating func forgetAll(in writer: inout EntryWriter) {
        for stream in streams.values { writer.forget(stream) }
        streams = [:]
        targets = [:]
        forgetKeys()
    }

    private mutating func forgetKeys() {
        known.removeAll(keepingCapacity: true)
        keys.removeAll()
        for place in table.indices { table[place] = -1 }
    }
}
