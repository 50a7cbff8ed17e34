import Bytes
import Glibc
import Telemetry

/// What happened to alerts, on disk: files that grow at their end, the oldest deleted when they are too old or too many.
///
/// An event is written at once and survives the process; the machine's end may take the last half minute. A disk that fails
/// costs the events of that time, counted, and nobody waits for it. Safe from any thread.
package final class HistoryLog: Sendable {
    /// How much is kept.
    package struct Limits: Sendable, Equatable {
        /// Milliseconds.
        package var maxAge: Int64 = 30 * 86_400_000
        /// Bytes of all files together; 256 KiB at least.
        package var maxSize: UInt64 = 64 << 20

        package init() {}

        /// Bytes and milliseconds after which a new file begins: deleting goes by whole files.
        var fileSize: UInt64 { min(max(maxSize / 16, 16 << 10), 4 << 20) }
        var fileAge: Int64 { max(maxAge / 16, 1) }
    }

    private struct Segment {
        var number: UInt64
        var size: UInt64
        /// The times of its first event, and of its last or one after that.
        var first: Int64
        var last: Int64
    }

    private struct State {
        var limits: Limits
        /// The last is the one that is written to, if `file` is there.
        var segments: [Segment] = []
        var lastNumber: UInt64 = 0
        var file: StoreFile?
        var written = 0
        var dropped = 0
        var failure: String?
    }

    package let files: HistoryFiles
    private let faults: DiskFaults
    private let state: Condition<State>
    /// What was wrong with the files when this began.
    package let trouble: [String]

    /// Goes on with what is in `directory`; whatever is there, this begins.
    package init(directory: String, limits: Limits = Limits(), faults: DiskFaults = DiskFaults()) {
        files = HistoryFiles(directory: directory)
        self.faults = faults
        var state = State(limits: limits)
        var trouble: [String] = []
        do throws(SystemError) {
            let numbers = try files.numbers()
            for number in numbers { try Self.open(number, isLast: number == numbers.last, files, &state, &trouble) }
        } catch {
            trouble.append(error.description)
        }
        self.trouble = trouble
        self.state = Condition(state)
    }

    /// Takes in a file that is there; the last is cut where it is torn, and gone on with.
    private static func open(
        _ number: UInt64, isLast: Bool, _ files: HistoryFiles, _ state: inout State, _ trouble: inout [String]
    ) throws(SystemError) {
        state.lastNumber = number
        let path = files.directory.file(HistoryFiles.kind.fileName(number))
        let file = try StoreFile(path: path, flags: O_RDWR)
        var size = try file.size()
        let head = NumberedFileKind.headerSize
        var bytes = ByteBuffer()
        try file.read(
            at: 0, length: isLast ? Int(clamping: min(size, 1 << 30)) : head + RecordFrame.headSize + 8, into: &bytes)
        let isIntact = HistoryFiles.isIntact(bytes.bytes, number)
        let first = isIntact ? bytes.bytes.load(littleEndian: head + RecordFrame.headSize, as: Int64.self) : nil
        var last = first ?? 0
        if let before = state.segments.indices.last { state.segments[before].last = last }
        if isLast, isIntact {
            let end = UInt64(
                HistoryFiles.read(bytes.bytes, at: head) { last = $0.load(littleEndian: 0, as: Int64.self) ?? last })
            if end < size {
                trouble.append("\(path) is torn at byte \(end) of \(size); what follows is cut off")
                try file.truncate(to: end)
                size = end
            }
            state.file = file
        }
        if !isIntact { trouble.append("\(path) is not what is written here; it is left as it is") }
        state.segments.append(Segment(number: number, size: size, first: first ?? 0, last: last))
    }

    /// How it goes: for metrics and readiness.
    package struct Numbers: Sendable {
        package var written = 0
        /// Events that could not be written.
        package var dropped = 0
        /// Bytes of all files.
        package var size: UInt64 = 0
        /// What the last attempt to write failed of.
        package var failure: String?
    }

    package var numbers: Numbers {
        state.withLock { state in
            Numbers(
                written: state.written, dropped: state.dropped, size: state.segments.reduce(0) { $0 + $1.size },
                failure: state.failure)
        }
    }

    package func setLimits(_ limits: Limits) { state.withLock { $0.limits = limits } }

    /// Writes events. Does not wait for the disk's own time.
    package func append(_ events: [HistoryEvent]) {
        guard let time = events.first?.time else { return }
        var writer = StateWriter()
        var records = ByteBuffer(capacity: min(512 * events.count, 64 << 10))
        for event in events {
            writer.removeAll()
            writer.write(event)
            RecordFrame.append(writer.buffer.bytes, to: &records)
        }
        // Those who wait are woken after the lock is given back.
        state.change { state in
            do throws(SystemError) {
                try put(records.bytes, at: time, &state)
                state.written += events.count
                state.failure = nil
            } catch {
                state.dropped += events.count
                state.failure = error.description
            }
        }
    }

    private func put(_ records: RawSpan, at time: Int64, _ state: inout State) throws(SystemError) {
        if let last = state.segments.last, state.file != nil, last.size > UInt64(NumberedFileKind.headerSize),
            last.size + UInt64(records.byteCount) > state.limits.fileSize
                || Self.age(last.first, time) > state.limits.fileAge
        {
            // A failure shows with what is written next.
            try? state.file?.synchronize(faults: faults)
            state.file = nil
        }
        if state.file == nil { try begin(at: time, &state) }
        guard let file = state.file, let last = state.segments.indices.last else { return }
        let size = state.segments[last].size
        do throws(SystemError) {
            try file.write(records, RawSpan(), at: size, faults: faults)
        } catch {
            // What came after a torn record could not be read.
            do throws(SystemError) { try file.truncate(to: size) } catch { state.file = nil }
            throw error
        }
        state.segments[last].size += UInt64(records.byteCount)
        state.segments[last].last = time
        retain(at: time, &state)
    }

    /// Begins another file.
    private func begin(at time: Int64, _ state: inout State) throws(SystemError) {
        retain(at: time, &state)
        try files.directory.create()
        let number = state.lastNumber + 1
        let path = files.directory.file(HistoryFiles.kind.fileName(number))
        let file = try StoreFile(path: path, flags: O_RDWR | O_CREAT | O_TRUNC)
        do throws(SystemError) {
            let header = HistoryFiles.kind.header(number: number)
            try file.write(header.bytes, RawSpan(), at: 0, faults: faults)
        } catch {
            unlink(path)
            throw error
        }
        state.lastNumber = number
        state.file = file
        state.segments.append(
            Segment(number: number, size: UInt64(NumberedFileKind.headerSize), first: time, last: time))
    }

    /// Deletes what is too much or too old, the file that is written to never.
    private func retain(at time: Int64, _ state: inout State) {
        var total = state.segments.reduce(0) { $0 + $1.size }
        while state.segments.count > 1 {
            guard total > state.limits.maxSize || Self.age(state.segments[0].last, time) > state.limits.maxAge else {
                return
            }
            do throws(SystemError) {
                try files.directory.remove(HistoryFiles.kind.fileName(state.segments[0].number))
            } catch {
                state.failure = error.description
                return
            }
            total -= state.segments.removeFirst().size
        }
    }

    private static func age(_ event: Int64, _ time: Int64) -> Int64 {
        let (age, isOver) = time.subtractingReportingOverflow(event)
        return isOver ? .max : age
    }

    /// Reads on after a position, from the beginning without one.
    package func next(
        after position: HistoryFiles.Position?
    ) throws(SystemError) -> (events: [HistoryEvent], position: HistoryFiles.Position) {
        try files.next(after: position, until: state.withLock { Self.end($0) })
    }

    /// Where the next event will be.
    private static func end(_ state: State) -> HistoryFiles.Position {
        HistoryFiles.Position(file: state.segments.last?.number ?? 0, offset: state.segments.last?.size ?? 0)
    }

    /// Waits until there is something after a position, `isOver` (asked anew after each `wake`), or so many seconds are over.
    package func wait(after position: HistoryFiles.Position?, seconds: Double, unless isOver: () -> Bool) {
        let start = HistoryFiles.Position(file: 0, offset: 0)
        _ = state.wait(until: Timestamp.monotonic.adding(seconds: seconds)) { state -> Bool? in
            isOver() || Self.end(state) != position ?? start ? true : nil
        }
    }

    /// Has those who wait look whether it is over.
    package func wake() { state.change { _ in } }
}
