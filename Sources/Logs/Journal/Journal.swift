import Bytes
import CLinux
import CSystemd
import Glibc

/// Where a journal is: the host's own, one namespace of it, or a directory of journal files.
package struct JournalPlace: Sendable, Hashable {
    /// Empty for the host's own.
    package var directory: String = ""
    /// Empty for the default namespace. Not together with a directory.
    package var namespace: String = ""
    /// One file alone; instead of the others.
    var file: String = ""

    package init(directory: String = "", namespace: String = "") {
        self.directory = directory
        self.namespace = namespace
    }

    init(file: String) { self.file = file }
}

/// The calls of libsystemd that tests make fail.
enum JournalCall: Sendable {
    case open, next, seek, cursor, time, fields, process
}

/// Failures that do not come by themselves, for tests.
protocol JournalFaults: AnyObject, Sendable {
    /// What the call returns instead of being made: a negative errno, or nil to make it.
    func result(of call: JournalCall) -> Int32?
}

/// An open journal: a set of files that libsystemd reads as one, ordered in time. For one thread only.
package struct Journal: ~Copyable {
    private let handle: OpaquePointer
    /// Readable when something was appended or files came or went; -1 where the kernel gives no notice.
    package let descriptor: Int32
    /// What to poll the descriptor for.
    let events: Int16
    /// False on network file systems: the descriptor then misses changes.
    let isReliable: Bool
    private let faults: (any JournalFaults)?
    private let faultsBefore: UInt64

    package init(_ place: JournalPlace) throws(JournalError) { try self.init(place, faults: nil) }

    init(_ place: JournalPlace, faults: (any JournalFaults)?) throws(JournalError) {
        // libsystemd reads mapped files, and does not expect them to be truncated.
        let guarding = clinux_guard_mappings()
        guard guarding == 0 else { throw JournalError("guard the journal's mappings", guarding) }
        let faultsBefore = clinux_mapping_faults()
        let opened = try Self.open(place, failure: faults?.result(of: .open))
        self.faults = faults
        self.faultsBefore = faultsBefore
        handle = opened
        // Before the first seek: this arms the watches and looks through the directories once more, so that no file
        // that appears meanwhile is missed.
        descriptor = sd_journal_get_fd(opened)
        let wanted = descriptor >= 0 ? sd_journal_get_events(opened) : 0
        events = wanted > 0 ? Int16(truncatingIfNeeded: wanted) : Int16(POLLIN)
        isReliable = descriptor >= 0 && sd_journal_reliable_fd(opened) > 0
    }

    private static func open(file: String, _ opened: inout OpaquePointer?) -> Int32 {
        file.withCString { path in
            var paths: [UnsafePointer<CChar>?] = [path, nil]
            return sd_journal_open_files(&opened, &paths, 0)
        }
    }

    private static func open(_ place: JournalPlace, failure: Int32?) throws(JournalError) -> OpaquePointer {
        var opened: OpaquePointer?
        let result: Int32
        if let failure {
            result = failure
        } else if !place.file.isEmpty {
            result = open(file: place.file, &opened)
        } else if !place.directory.isEmpty {
            result = sd_journal_open_directory(&opened, place.directory, 0)
        } else if !place.namespace.isEmpty {
            result = sd_journal_open_namespace(&opened, place.namespace, Int32(SD_JOURNAL_LOCAL_ONLY))
        } else {
            result = sd_journal_open(&opened, Int32(SD_JOURNAL_LOCAL_ONLY))
        }
        guard result >= 0, let opened else { throw JournalError("open the journal", result) }
        return opened
    }

    deinit { sd_journal_close(handle) }

    /// Compressed fields are decompressed up to this many bytes; 0 for all.
    package func limitFields(to size: Int) { sd_journal_set_data_threshold(handle, size) }

    /// Where a mapped file was truncated, zeros have been read since the journal was opened, and nothing it says is
    /// to be trusted.
    @inline(__always)
    private func check(_ operation: StaticString) throws(JournalError) {
        if clinux_mapping_faults() != faultsBefore { throw .truncated("\(operation)") }
    }

    @inline(__always)
    private func failure(_ call: JournalCall) -> Int32? {
        if let faults { faults.result(of: call) } else { nil }
    }

    // MARK: Matches

    /// Adds `FIELD=value`: ORed with the terms of the same field, ANDed with those of others.
    package func add(match: [UInt8]) throws(JournalError) {
        let result = sd_journal_add_match(handle, match, match.count)
        guard result >= 0 else {
            throw JournalError("match \(String(decoding: match, as: UTF8.self))", result)
        }
    }

    /// What was added since the last conjunction or disjunction OR what follows.
    package func addDisjunction() throws(JournalError) {
        try Self.check(sd_journal_add_disjunction(handle), "join matches")
    }

    /// Everything added before AND what follows.
    func addConjunction() throws(JournalError) { try Self.check(sd_journal_add_conjunction(handle), "join matches") }

    // MARK: Going about

    package func seekHead() throws(JournalError) {
        try Self.check(failure(.seek) ?? sd_journal_seek_head(handle), "seek the journal's head")
    }

    package func seekTail() throws(JournalError) {
        try Self.check(sd_journal_seek_tail(handle), "seek the journal's tail")
    }

    package func seek(realtime microseconds: UInt64) throws(JournalError) {
        try Self.check(failure(.seek) ?? sd_journal_seek_realtime_usec(handle, microseconds), "seek by time")
    }

    /// Only a place to go to: call `next`, then `isAt` to know whether the entry is still there.
    package func seek(cursor: String) throws(JournalError) {
        try Self.check(failure(.seek) ?? sd_journal_seek_cursor(handle, cursor), "seek the cursor \(cursor)")
    }

    /// Moves to the next entry; false where there is none for now.
    @inline(__always)
    package func next() throws(JournalError) -> Bool {
        let result = failure(.next) ?? sd_journal_next(handle)
        try check("go to the next journal entry")
        guard result >= 0 else { throw JournalError("go to the next journal entry", result) }
        return result > 0
    }

    /// Moves to the entry before; false where there is none.
    package func previous() throws(JournalError) -> Bool {
        let result = sd_journal_previous(handle)
        try check("go to the journal entry before")
        guard result >= 0 else { throw JournalError("go to the journal entry before", result) }
        return result > 0
    }

    /// Whether the current entry is the one that the cursor names.
    package func isAt(cursor: String) -> Bool { sd_journal_test_cursor(handle, cursor) > 0 }

    // MARK: The current entry

    /// The current entry's times.
    @inline(__always)
    package func moment() throws(JournalError) -> JournalMoment {
        var moment = JournalMoment()
        var result = failure(.time) ?? sd_journal_get_realtime_usec(handle, &moment.realtime)
        if result >= 0 { result = sd_journal_get_monotonic_usec(handle, &moment.monotonic, &moment.boot) }
        try check("read an entry's time")
        guard result >= 0 else { throw JournalError("read an entry's time", result) }
        return moment
    }

    /// The current entry's cursor. Allocates: not for each entry.
    package func cursor() throws(JournalError) -> String {
        var text: UnsafeMutablePointer<CChar>?
        let result = failure(.cursor) ?? sd_journal_get_cursor(handle, &text)
        defer { free(text) }
        try check("read an entry's cursor")
        guard result >= 0, let text else { throw JournalError("read an entry's cursor", result) }
        return String(cString: text)
    }

    /// Reads all fields of the current entry in one pass, which is faster than asking for them by name.
    /// Fields that cannot be read (an unknown compression, damage) are left out.
    @inline(__always)
    package func read(into fields: inout JournalFields) throws(JournalError) {
        sd_journal_restart_data(handle)
        if let result = failure(.fields) { throw JournalError("read an entry's fields", result) }
        while true {
            var start: UnsafeRawPointer?
            var length = 0
            let result = sd_journal_enumerate_available_data(handle, &start, &length)
            guard result > 0, let start else {
                try check("read an entry's fields")
                if result < 0 { throw JournalError("read an entry's fields", result) }
                return
            }
            // The memory is libsystemd's until its next call: the fields copy what they keep.
            fields.take(RawSpan(_unsafeStart: start, byteCount: length))
        }
    }

    // MARK: Waiting

    /// Takes notice of what changed. Needed regularly even while entries are left to read: deleted files are let go
    /// and new ones found here. Appended and invalidated mean the same to who reads forward: look again.
    package func process() throws(JournalError) -> Bool {
        let result = failure(.process) ?? sd_journal_process(handle)
        try check("follow the journal's changes")
        guard result >= 0 else { throw JournalError("follow the journal's changes", result) }
        return result != Int32(SD_JOURNAL_NOP)
    }

    /// Seconds after which `process` wants to be called without any notice, or nil.
    package func processTimeout() -> Double? {
        var deadline = UInt64.max
        guard sd_journal_get_timeout(handle, &deadline) > 0, deadline != .max else { return nil }
        // An absolute CLOCK_MONOTONIC time in microseconds.
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        let current = UInt64(now.tv_sec) * 1_000_000 + UInt64(now.tv_nsec) / 1000
        return deadline > current ? Double(deadline - current) / 1e6 : 0
    }

    private static func check(_ result: Int32, _ operation: String) throws(JournalError) {
        guard result >= 0 else { throw JournalError(operation, result) }
    }
}
