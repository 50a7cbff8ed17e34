import Bytes
import Telemetry

/// `/proc/stat` for the CPUs' times, sysfs for throttling, isolation and which are online, `/proc/cpuinfo` on demand.
struct CPUCollector: Collector {
    static let description = CollectorDescription(
        "cpu", "Times, throttling and state of the CPUs.",
        options: [
            CollectorOption(
                "guest", .bool, default: "true", "Report the time that guests had, which user and nice include."),
            CollectorOption("info", .bool, default: "false", "Report model, microcode and frequency of each CPU."),
            CollectorOption("info_flags_include", .pattern, "Flags of the first CPU to report; switches info on."),
            CollectorOption("info_bugs_include", .pattern, "Bugs of the first CPU to report; switches info on."),
        ]
    ) { try CPUCollector($0) }

    private let stat: HostFile
    private let reportsGuests: Bool
    private let info: CPUInformation?
    private var history = CPUHistory()
    private var topology: CPUTopology

    init(_ context: CollectorContext) throws {
        stat = HostFile(context.paths.proc("stat"), .one)
        reportsGuests = context.options.bool("guest")
        let flags = try context.options.pattern("info_flags_include")
        let bugs = try context.options.pattern("info_bugs_include")
        info =
            context.options.bool("info") || flags != nil || bugs != nil
            ? CPUInformation(file: HostFile(context.paths.proc("cpuinfo")), flags: flags, bugs: bugs) : nil
        topology = CPUTopology(context.paths)
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        try reader.load(stat)
        let unreadable = writeTimes(of: reader.text, into: &batch)
        if unreadable > 0 { reader.odd("\(stat.path): \(unreadable) lines of a CPU cannot be read") }
        topology.write(into: &batch, reader: &reader)
        try info?.write(into: &batch, reader: &reader)
    }

    /// The columns in the order of `/proc/stat`.
    private static let modes: [StaticString] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"]

    /// Returns how many lines could not be read.
    private mutating func writeTimes(of text: RawSpan, into batch: inout SampleBatch) -> Int {
        let seconds = batch.family("node_cpu_seconds_total", .counter, "Seconds that each CPU spent in each mode.")
        let guest = batch.family(
            "node_cpu_guest_seconds_total", .counter, "Seconds that each CPU ran guests, counted in user and nice too.")
        history.begin()
        var unreadable = 0
        var lines = LineCursor(text)
        while lines.next() {
            var fields = FieldCursor(lines.line)
            guard fields.next(), fields.field.hasPrefix("cpu" as StaticString) else { continue }
            let name = fields.field.slice(3, fields.field.byteCount)
            if name.byteCount == 0 { continue }
            guard let number = name.unsigned, let read = CPUTimes(&fields),
                let times = history.advance(number, to: read)
            else {
                unreadable += 1
                continue
            }
            for (column, mode) in Self.modes.enumerated() {
                batch.startLabels()
                batch.label("cpu", Int(number))
                batch.label("mode", mode)
                batch.sample(seconds, batch.endLabels(), times.seconds(column))
            }
            guard reportsGuests else { continue }
            for (column, mode) in [(8, "user" as StaticString), (9, "nice")] {
                batch.startLabels()
                batch.label("cpu", Int(number))
                batch.label("mode", mode)
                batch.sample(guest, batch.endLabels(), times.seconds(column))
            }
        }
        return unreadable
    }
}
