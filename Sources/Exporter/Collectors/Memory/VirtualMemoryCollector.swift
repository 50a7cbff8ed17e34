import Bytes
import Telemetry

/// `/proc/vmstat`, the lines that a pattern chooses (proc_vmstat(5)).
struct VirtualMemoryCollector: Collector {
    static let description = CollectorDescription(
        "vmstat", "Paging, swapping, faults.",
        options: [
            CollectorOption(
                "fields", .pattern, default: "^(oom_kill|pgpg|pswp|pg.*fault).*", "Lines of vmstat to report.")
        ]
    ) { try VirtualMemoryCollector($0) }

    private let file: HostFile
    private let filter: NameFilter

    init(_ context: CollectorContext) throws {
        file = HostFile(context.paths.proc("vmstat"), .lines)
        filter = NameFilter(include: try context.options.pattern("fields"), exclude: nil)
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        try reader.load(file)
        var unreadable = 0
        var lines = LineCursor(reader.text)
        while lines.next() {
            var fields = FieldCursor(lines.line)
            guard fields.next(), filter.allows(fields.field) else { continue }
            let name = fields.field
            guard name.isNamePart, let value = fields.nextNumber() else {
                unreadable += 1
                continue
            }
            let family = batch.family(.untyped, help: "A line of vmstat.") { text in
                text.append("node_vmstat_" as StaticString)
                text.append(name)
            }
            batch.sample(family, .none, value)
        }
        if unreadable > 0 { reader.odd("\(file.path): \(unreadable) lines are no name and number") }
    }
}
