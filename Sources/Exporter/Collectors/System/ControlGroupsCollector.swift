import Bytes
import Telemetry

/// `/proc/cgroups` (cgroups(7)).
struct ControlGroupsCollector: Collector {
    static let description = CollectorDescription(
        "cgroups", "Control groups by controller.", isEnabledByDefault: false
    ) { ControlGroupsCollector($0) }

    private let file: HostFile

    init(_ context: CollectorContext) { file = HostFile(context.paths.proc("cgroups")) }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        try reader.load(file)
        let groups = batch.family("node_cgroups_cgroups", .gauge, "Groups that a controller has.")
        let enabled = batch.family("node_cgroups_enabled", .gauge, "Whether a controller is on.")
        var unreadable = 0
        var lines = LineCursor(reader.text)
        while lines.next() {
            var fields = FieldCursor(lines.line)
            guard fields.next(), !fields.field.hasPrefix("#" as StaticString) else { continue }
            let name = fields.field
            guard fields.next(), let count = fields.nextNumber(), let isOn = fields.nextNumber() else {
                unreadable += 1
                continue
            }
            let labels = batch.labels("subsys_name", name)
            batch.sample(groups, labels, count)
            batch.sample(enabled, labels, isOn)
        }
        if unreadable > 0 { reader.odd("\(file.path): \(unreadable) lines cannot be read") }
    }
}
