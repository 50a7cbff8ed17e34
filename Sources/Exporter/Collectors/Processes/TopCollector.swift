import Bytes
import Glibc
import Telemetry

/// The commands that use most CPU and most memory: `tocsin_top_cpu_cores{command}` over the time since the collection
/// before, `tocsin_top_memory_bytes{command}` (resident, shared pages counted by each process) and
/// `tocsin_top_processes{command}` for each command that is in either list.
///
/// Processes of one command name are one, and there are never more than `count` commands in each list. A command that
/// leaves the list has no sample any more (its series becomes stale) and one when it is back; what it used in between is in none.
/// CPU is a gauge for that reason: a counter with holes would count twice. Threads of the kernel are named without what stands
/// behind a slash (`kworker`).
struct TopCollector: Collector {
    static let description = CollectorDescription(
        "top", "Commands that use most CPU and memory.", isEnabledByDefault: false,
        options: [
            CollectorOption("count", .integer, default: "10", "Commands in each list."),
            CollectorOption(
                "period", .duration, default: "5",
                "Shortest time that CPU is measured over; collections within it repeat what the last measurement found."
            ),
        ]
    ) { TopCollector($0) }

    private struct Process {
        var start: UInt64
        var ticks: UInt64
        /// Of the measurement it was last seen in.
        var round: UInt32
    }

    private struct Command {
        var name: String
        var ticks = 0.0
        var pages = 0.0
        var processes = 0.0
    }

    private let count: Int
    private let period: Double
    private let directory: HostDirectory
    private var processes: [Int: Process] = [:]
    private var commands: [Command] = []
    private var indices: [String: Int] = [:]
    private var round: UInt32 = 0
    private var measuredAt: Timestamp?
    /// Seconds between the last two measurements; 0 before there are two.
    private var elapsed = 0.0

    private static let pageSize = Double(sysconf(Int32(_SC_PAGESIZE)))
    private static let ticksPerSecond = Double(sysconf(Int32(_SC_CLK_TCK)))
    private static let mostProcesses = 100_000

    init(_ context: CollectorContext) {
        count = min(max(0, context.options.integer("count") ?? 10), 100)
        period = context.options.duration("period") ?? 5
        directory = HostDirectory(context.paths.proc, onlyDirectories: true)
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        try collect(at: .monotonic, into: &batch, reader: &reader)
    }

    mutating func collect(at now: Timestamp, into batch: inout SampleBatch, reader: inout HostReader) throws {
        let since = measuredAt.map { now.seconds(since: $0) }
        if since.map({ $0 >= period }) ?? true {
            elapsed = since ?? 0
            measuredAt = now
            try measure(&reader)
        }
        write(into: &batch)
    }

    private mutating func measure(_ reader: inout HostReader) throws {
        try directory.refresh()
        round &+= 1
        commands.removeAll(keepingCapacity: true)
        indices.removeAll(keepingCapacity: true)
        for name in directory.names.prefix(Self.mostProcesses) {
            // One that has ended since is no loss.
            guard let pid = Int(name), reader.loadAttribute("\(directory.path)/\(name)/stat"),
                let line = ProcessLine(reader.text)
            else { continue }
            take(line, pid)
        }
        processes = processes.filter { $0.value.round == round }
    }

    private mutating func take(_ line: ProcessLine, _ pid: Int) {
        let before = processes[pid]
        let isSame = before?.start == line.start
        let old = isSame ? before?.ticks ?? 0 : 0
        processes[pid] = Process(start: line.start, ticks: line.ticks, round: round)
        let index: Int
        if let known = indices[line.command] {
            index = known
        } else {
            index = commands.count
            commands.append(Command(name: line.command))
            indices[line.command] = index
        }
        commands[index].ticks += line.ticks > old ? Double(line.ticks - old) : 0
        commands[index].pages += Double(line.pages)
        commands[index].processes += 1
    }

    private func write(into batch: inout SampleBatch) {
        let cpu = batch.family(
            "tocsin_top_cpu_cores", .gauge, "CPUs that a command's processes kept busy since the last measurement.")
        let memory = batch.family(
            "tocsin_top_memory_bytes", .gauge, "Resident memory of a command's processes, summed.")
        let number = batch.family("tocsin_top_processes", .gauge, "Processes of a command that is in either list.")
        var shown: Set<Int> = []
        if elapsed > 0 {
            for index in ranked(by: \.ticks) {
                let labels = batch.labels("command", commands[index].name)
                batch.sample(cpu, labels, commands[index].ticks / Self.ticksPerSecond / elapsed)
                shown.insert(index)
            }
        }
        for index in ranked(by: \.pages) {
            let labels = batch.labels("command", commands[index].name)
            batch.sample(memory, labels, commands[index].pages * Self.pageSize)
            shown.insert(index)
        }
        for index in shown {
            batch.sample(number, batch.labels("command", commands[index].name), commands[index].processes)
        }
    }

    /// The first by value; those of equal value by name, so that lists do not flicker. None with nothing.
    private func ranked(by value: KeyPath<Command, Double>) -> ArraySlice<Int> {
        commands.indices.filter { commands[$0][keyPath: value] > 0 }.sorted { a, b in
            let x = commands[a][keyPath: value]
            let y = commands[b][keyPath: value]
            return x == y ? commands[a].name < commands[b].name : x > y
        }.prefix(count)
    }
}

/// What of `/proc/PID/stat` (proc_pid_stat(5)) is ranked by.
struct ProcessLine {
    var command: String
    /// User and system time.
    var ticks: UInt64
    /// Ticks since the start of the system.
    var start: UInt64
    /// Resident.
    var pages: UInt64

    /// Nil for a line that is cut or none.
    init?(_ text: RawSpan) {
        guard let open = text.firstIndex(of: 0x28), let close = text.lastIndex(of: 0x29), open < close else {
            return nil
        }
        var name = text.extracting((open + 1)..<close)
        var fields = FieldCursor(text.extracting((close + 1)..<text.byteCount))
        guard fields.skip(1), let parent = fields.nextInteger() else { return nil }
        // The parent of all threads of the kernel is 2.
        if parent == 2, let slash = name.firstIndex(of: 0x2f), slash > 0 { name = name.extracting(0..<slash) }
        command = String(lossy: name)
        guard fields.skip(9), let user = fields.nextInteger(), let system = fields.nextInteger(), fields.skip(6),
            let start = fields.nextInteger(), fields.skip(1), let pages = fields.nextInteger()
        else { return nil }
        let (ticks, overflow) = user.addingReportingOverflow(system)
        if overflow { return nil }
        self.ticks = ticks
        self.start = start
        self.pages = pages
    }
}
