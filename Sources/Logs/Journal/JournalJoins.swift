import Telemetry

/// Lines that journald's LineMax or docker's 16 KiB buffer has split, put together again.
///
/// At most `countLimit` joins and `byteLimit` bytes are pending: at the bound the oldest is given out as it is.
struct JournalJoins: ~Copyable {
    /// A line of which the end has not been seen.
    struct Pending: Equatable {
        /// What the pieces have in common: stream or container.
        var key: [UInt8]
        /// The first piece's.
        var cursor: String
        var target: StreamTarget
        var timestamp: Timestamp
        var metadata: [UInt8]
        var text: [UInt8] = []
        /// The text had to be cut at the limit.
        var isCut = false
        /// The last piece's time of receipt in microseconds, and when it was read, on the monotonic clock.
        var lastRealtime: UInt64
        var lastRead: Int64
    }

    private static let countLimit = 256
    /// A piece that takes longer is not coming any more.
    static let timeoutInSeconds = 5

    /// In the order of their first pieces.
    private(set) var pending: [Pending] = []
    private var byteCount = 0
    private let lineLimit: Int
    private let byteLimit: Int

    /// `lineLimit` is the longest joined line in bytes.
    init(lineLimit: Int) {
        self.lineLimit = lineLimit
        byteLimit = max(lineLimit, 16 << 20)
    }

    @inline(__always)
    var isEmpty: Bool { pending.isEmpty }
    var cursors: [String] { pending.map(\.cursor) }

    func index(of key: [UInt8]) -> Int? { pending.firstIndex { $0.key == key } }

    /// Begins a join with its first piece yet to be added. Gives back a join that has to go to make room.
    mutating func open(_ join: Pending) -> Pending? {
        let displaced = pending.count >= Self.countLimit ? remove(0) : nil
        pending.append(join)
        return displaced
    }

    /// Adds a piece. Returns false where part of it was over the limit.
    mutating func add(_ piece: RawSpan, at index: Int, realtime: UInt64, now: Int64) -> Bool {
        let room = max(0, lineLimit - pending[index].text.count)
        let length = min(room, piece.byteCount)
        piece.withUnsafeBytes { pending[index].text.append(contentsOf: $0.prefix(length)) }
        byteCount += length
        pending[index].lastRealtime = realtime
        pending[index].lastRead = now
        if length < piece.byteCount { pending[index].isCut = true }
        return length == piece.byteCount
    }

    mutating func remove(_ index: Int) -> Pending {
        let join = pending.remove(at: index)
        byteCount -= join.text.count
        return join
    }

    /// The oldest join that has waited too long or that the bound pushes out. `realtime` is the time of the entry
    /// being read: the clock says nothing while there is a backlog. Nil where all is read; then the clock counts.
    mutating func expired(realtime: UInt64?, now: Int64) -> Pending? {
        if byteCount > byteLimit, pending.count > 1 { return remove(0) }
        let microseconds = UInt64(Self.timeoutInSeconds) * 1_000_000
        for index in pending.indices {
            let isExpired =
                if let realtime {
                    realtime > pending[index].lastRealtime && realtime - pending[index].lastRealtime > microseconds
                } else {
                    now - pending[index].lastRead >= Int64(Self.timeoutInSeconds) * 1_000_000_000
                }
            if isExpired { return remove(index) }
        }
        return nil
    }

    /// When, on the monotonic clock, the next join expires.
    var nextDeadline: Int64? {
        pending.map(\.lastRead).min().map { $0 + Int64(Self.timeoutInSeconds) * 1_000_000_000 }
    }
}

/// Labels and tenant of a stream.
struct StreamTarget: Hashable, Sendable {
    var labels: LabelSet
    var tenant: String
}
