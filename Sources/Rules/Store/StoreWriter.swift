import Bytes
import Glibc
import Telemetry

/// The store's files, for whoever holds its lock: the store's thread, mostly.
struct StoreWriter: ~Copyable {
    let directory: StoreDirectory?
    let faults: DiskFaults
    /// The log that is written, and the number of the window whose it is; nil before its first record.
    var file: StoreFile?
    var number: UInt64 = 0
    /// Where its next record begins.
    var end: UInt64 = 0
    /// Operations that the disk has not taken yet.
    var waiting = ByteBuffer()
    /// Since when there is something that is not durable; on the monotonic clock.
    var unsynchronized: Timestamp?
    /// When the window began, on the monotonic clock.
    var windowStart = Timestamp.monotonic
    /// When blocks were looked after last.
    var maintained = Timestamp.monotonic
    /// Whether a window went, or files were read, since the heap was trimmed.
    var mustTrim = true
    /// Bytes that came since blocks were looked after, and in the time between the two times before that.
    var taken = (now: 0, before: 0)
    /// After a failure to write the log: when to try again.
    var retry: Timestamp?
    /// After failures to write blocks.
    var blockRetry = Backoff()
    /// Logs of windows that are no blocks yet: number and bytes.
    var logs: [UInt64: Int] = [:]

    /// Bytes that wait for the disk at most; what is more is lost to the log, and comes into the block.
    static let waitingLimit = 4 << 20
    static let retrySeconds = 5.0

    /// When to try again what needs seconds of disk: later after each failure.
    struct Backoff {
        private(set) var failures = 0
        /// On the monotonic clock; nil where the last one did not fail.
        private(set) var next: Timestamp?

        static let longestSeconds = 300.0

        mutating func failed() {
            failures = min(failures + 1, 10)
            next = .monotonic.adding(
                seconds: min(Self.longestSeconds, StoreWriter.retrySeconds * Double(1 << (failures - 1))))
        }

        mutating func succeeded() { self = Backoff() }

        func isDue(_ now: Timestamp) -> Bool { next.map { now >= $0 } ?? true }
    }

    init(directory: StoreDirectory?, faults: DiskFaults) {
        self.directory = directory
        self.faults = faults
    }

    var logBytes: Int { logs.values.reduce(0, +) }

    /// Writes `waiting` as one record of log `number`.
    mutating func write(log number: UInt64) throws(SystemError) -> Int {
        guard let directory, !waiting.isEmpty else { return 0 }
        if file == nil || self.number != number {
            let new = try StoreFile(
                path: directory.file(LogFormat.fileName(number)), flags: O_RDWR | O_CREAT | O_TRUNC)
            let header = LogFormat.header(number)
            try new.write(header.bytes, RawSpan(), at: 0, faults: faults)
            try directory.synchronize()
            file = new
            self.number = number
            end = UInt64(LogFormat.headerSize)
        }
        guard let file else { return 0 }
        let head = LogFormat.recordHeader(waiting.bytes, log: number)
        // At the same place again after a failure: what a torn write left is written over.
        try file.write(head.bytes, waiting.bytes, at: end, faults: faults)
        let length = head.count + waiting.count
        end += UInt64(length)
        logs[number] = Int(end)
        taken.now += length
        waiting.removeAll()
        waiting.release(downTo: 16 << 10)
        if unsynchronized == nil { unsynchronized = Timestamp.monotonic }
        return length
    }

    /// Whether much less has come since the last time this was asked than in as long before: then what requests and batches
    /// took of the heap lies empty.
    mutating func rests() -> Bool {
        defer { taken = (0, taken.now) }
        return taken.now < taken.before / 8
    }

    mutating func synchronize() throws(SystemError) {
        guard unsynchronized != nil else { return }
        try file?.synchronize(faults: faults)
        unsynchronized = nil
    }
}
