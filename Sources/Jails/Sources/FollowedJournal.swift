import Bytes
import Logs
import Telemetry

/// A journal that jails read, each entry once for all of them, as the line that fail2ban makes of it: host, identifier and number of
/// the process, message.
final class FollowedJournal {
    let place: JournalPlace
    private let matchers: [JournalMatcher]
    private var bound: [JournalMatcher.Bound] = []
    private var journal: Journal?
    private var fields = JournalFields(limit: Filter.longestLine, keepsAll: false)
    private var line = ByteBuffer(capacity: 1024)
    private let slots: Slots
    /// Of the last entry read.
    private var cursor: String?
    private var isCursorStale = false
    /// The end was reached once: what comes now is written now.
    private(set) var isLive = false
    var isDue = true
    /// When it may be opened again after an error (monotonic).
    var retryAt = Timestamp(nanoseconds: 0)

    private struct Slots {
        var host: Int
        var identifier: Int
        var command: Int
        var systemdPID: Int
        var pid: Int
        var message: Int
        var sourceTime: Int
        var sourceMonotonic: Int
    }

    /// Entries read in one go.
    private static let batch = 1000

    /// - Parameter matchers: one for each that reads; `body` of `read` is told which of them want an entry.
    init(place: JournalPlace, matchers: [JournalMatcher]) {
        self.place = place
        self.matchers = matchers
        slots = Slots(
            host: fields.slot("_HOSTNAME"), identifier: fields.slot("SYSLOG_IDENTIFIER"), command: fields.slot("_COMM"),
            systemdPID: fields.slot("SYSLOG_PID"), pid: fields.slot("_PID"), message: fields.slot("MESSAGE"),
            sourceTime: fields.slot("_SOURCE_REALTIME_TIMESTAMP"),
            sourceMonotonic: fields.slot("_SOURCE_MONOTONIC_TIMESTAMP"))
        for matcher in matchers { bound.append(matcher.bound(to: &fields)) }
    }

    /// Readable when there is something new.
    var descriptor: Int32? { journal?.descriptor }
    var isOpen: Bool { journal != nil }

    /// Opens it where the last reading ended, else at `time` (seconds since 1970).
    func open(from time: Double) throws(JournalError) {
        journal = nil
        let opened = try Journal(place)
        opened.limitFields(to: Filter.longestLine)
        // A jail that wants everything makes the others' matches useless.
        if !matchers.contains(where: \.groups.isEmpty) {
            for group in matchers.flatMap(\.groups) {
                for term in group { try opened.add(match: Array(term.utf8)) }
                try opened.addDisjunction()
            }
        }
        if let cursor {
            try opened.seek(cursor: cursor)
            // On the entry itself, or where it is gone, on the next, which is to be read.
            if try opened.next(), !opened.isAt(cursor: cursor) { _ = try opened.previous() }
        } else {
            try opened.seek(realtime: UInt64(max(0, time) * 1e6))
        }
        journal = consume opened
        isDue = true
    }

    func close() { journal = nil }

    /// Reads a batch. `body` gets an entry's line and its time (seconds since 1970), once for each matcher that wants it, by its index.
    ///
    /// - Returns: whether there may be more.
    func read(_ body: (Int, RawSpan, Double) -> Void) throws(JournalError) -> Bool {
        guard journal != nil else { return false }
        if try !(journal?.process() ?? false), !isDue { return false }
        isDue = false
        for _ in 0..<Self.batch {
            guard try journal?.next() == true else {
                isLive = true
                try keepCursor()
                return false
            }
            isCursorStale = true
            fields.clear()
            try journal?.read(into: &fields)
            guard fields.has(slots.message) else { continue }
            var isMade = false
            var time = 0.0
            for index in bound.indices where bound[index].matches(fields) {
                if !isMade {
                    let moment = try journal?.moment() ?? JournalMoment()
                    time = Double(fields.value(slots.sourceTime).unsigned ?? moment.realtime) / 1e6
                    Self.append(fields, slots, monotonic: moment.monotonic, to: &line)
                    isMade = true
                }
                body(index, line.bytes, time)
            }
        }
        try keepCursor()
        isDue = true
        return true
    }

    /// The cursor costs an allocation, so it is asked for once a batch.
    private func keepCursor() throws(JournalError) {
        guard isCursorStale else { return }
        cursor = try journal?.cursor() ?? cursor
        isCursorStale = false
        fields.releaseMemory()
    }

    private static func append(
        _ fields: borrowing JournalFields, _ slots: Slots, monotonic: UInt64, to line: inout ByteBuffer
    ) {
        line.removeAll()
        if fields.has(slots.host) {
            line.append(fields.value(slots.host))
            line.append(0x20)
        }
        let name = fields.value(fields.has(slots.identifier) ? slots.identifier : slots.command)
        if !name.isEmpty {
            line.append(name)
            let pid = fields.value(fields.has(slots.systemdPID) ? slots.systemdPID : slots.pid)
            if !pid.isEmpty {
                line.append(UInt8(ascii: "["))
                line.append(pid)
                line.append(UInt8(ascii: "]"))
            }
            line.append(UInt8(ascii: ":"))
            line.append(0x20)
            if pid.isEmpty, name.equals("kernel") {
                append(kernelTime: fields.value(slots.sourceMonotonic).unsigned ?? monotonic, to: &line)
            }
        }
        let message = fields.value(slots.message)
        var start = 0
        while let end = message.firstIndex(of: 0x0a, from: start) {
            line.append(message.slice(start, end))
            line.append(UInt8(ascii: "\\"))
            line.append(UInt8(ascii: "n"))
            start = end + 1
        }
        line.append(message.slice(start, message.byteCount))
    }

    /// `[%12.6f] ` of seconds, as the kernel's log has it.
    private static func append(kernelTime microseconds: UInt64, to line: inout ByteBuffer) {
        let seconds = String(microseconds / 1_000_000)
        let fraction = String(microseconds % 1_000_000)
        let text =
            "[" + String(repeating: " ", count: max(0, 5 - seconds.utf8.count)) + seconds + "."
            + String(repeating: "0", count: 6 - fraction.utf8.count) + fraction + "] "
        line.append(Array(text.utf8))
    }
}
