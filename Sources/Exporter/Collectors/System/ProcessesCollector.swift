import Bytes
import Telemetry

/// Processes and threads by state: a file for each, so this costs more than all else together.
struct ProcessesCollector: Collector {
    static let description = CollectorDescription(
        "processes", "Processes and threads by state.", isEnabledByDefault: false
    ) { ProcessesCollector($0) }

    private let directory: HostDirectory
    private let threadLimit: HostFile
    private let processLimit: HostFile

    init(_ context: CollectorContext) {
        directory = HostDirectory(context.paths.proc)
        threadLimit = HostFile(context.paths.proc("sys/kernel/threads-max"), .one)
        processLimit = HostFile(context.paths.proc("sys/kernel/pid_max"), .one)
    }

    /// How many there are in each state, by the state's letter.
    private struct States {
        private var counts = InlineArray<128, Int>(repeating: 0)

        mutating func add(_ state: UInt8) { if state < 128 { counts[Int(state)] += 1 } }

        func write(_ family: SampleBatch.FamilyID, _ label: StaticString, into batch: inout SampleBatch) {
            for state in 0..<128 where counts[state] > 0 {
                let letter = String(UnicodeScalar(UInt8(state)))
                batch.sample(family, batch.labels(label, letter), Double(counts[state]))
            }
        }
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        try directory.refresh()
        var processes = States()
        var threads = States()
        var processCount = 0
        var threadCount = 0
        for pid in directory.names where pid.utf8.first.map({ (0x30...0x39).contains($0) }) == true {
            let path = "\(directory.path)/\(pid)"
            // Gone between the listing and now.
            guard reader.loadAttribute("\(path)/stat"), reader.text.byteCount > 0 else { continue }
            guard let status = TaskStatus(reader.text) else {
                reader.odd("\(path)/stat: cannot be read")
                continue
            }
            processCount += 1
            threadCount += status.threads
            processes.add(status.state)
            Self.addThreads(of: path, pid, status, to: &threads, reader: &reader)
        }
        batch.sample("node_processes_pids", .gauge, "Processes.", Double(processCount))
        batch.sample("node_processes_threads", .gauge, "Threads.", Double(threadCount))
        let state = batch.family("node_processes_state", .gauge, "Processes by state, as in proc_pid_stat(5).")
        processes.write(state, "state", into: &batch)
        let threadState = batch.family("node_processes_threads_state", .gauge, "Threads by state.")
        threads.write(threadState, "thread_state", into: &batch)
        batch.sample(
            "node_processes_max_threads", .gauge, "Threads that there may be.",
            try reader.wholeNumber(in: threadLimit))
        batch.sample(
            "node_processes_max_processes", .gauge, "Processes that there may be.",
            try reader.wholeNumber(in: processLimit))
    }

    private static func addThreads(
        of path: String, _ pid: String, _ status: TaskStatus, to threads: inout States, reader: inout HostReader
    ) {
        let tasks = HostDirectory("\(path)/task")
        guard (try? tasks.refresh()) != nil else { return }
        for task in tasks.names {
            if task == pid {
                threads.add(status.state)
            } else if reader.loadAttribute("\(tasks.path)/\(task)/stat"), let other = TaskStatus(reader.text) {
                threads.add(other.state)
            }
        }
    }
}

/// What is used of `/proc/PID/stat` (proc_pid_stat(5)).
struct TaskStatus: Equatable {
    /// A letter: R, S, D, Z, T and so on.
    var state: UInt8
    var threads: Int

    init?(_ text: RawSpan) {
        // The name stands in parentheses and may have any of its own.
        guard let end = text.lastIndex(of: 0x29) else { return nil }
        var fields = FieldCursor(text.slice(end + 1, text.byteCount))
        guard fields.next(), fields.field.byteCount == 1 else { return nil }
        state = fields.field.byte(at: 0)
        guard fields.skip(16), let threads = fields.nextInteger() else { return nil }
        self.threads = Int(clamping: min(threads, 1 << 32))
    }
}
