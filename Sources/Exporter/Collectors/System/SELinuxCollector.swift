import Bytes
import Telemetry

/// SELinux: selinuxfs for what it does, `/etc/selinux/config` for what it is told to.
struct SELinuxCollector: Collector {
    static let description = CollectorDescription("selinux", "Whether SELinux is on and enforces.") {
        SELinuxCollector($0)
    }

    private let enforce: String
    private let configuration: HostFile

    init(_ context: CollectorContext) {
        enforce = context.paths.sys("fs/selinux/enforce")
        configuration = HostFile(context.paths.root("/etc/selinux/config"))
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        let mode = reader.number(enforce)
        batch.sample("node_selinux_enabled", .gauge, "Whether SELinux is on.", mode == nil ? 0 : 1)
        guard let mode else { return }
        batch.sample(
            "node_selinux_current_mode", .gauge, "1 where SELinux enforces, 0 where it only reports.", mode)
        // Without a configuration it is off the next time.
        let isConfigured = try reader.loadIfPresent(configuration)
        batch.sample(
            "node_selinux_config_mode", .gauge,
            "What is configured: 1 to enforce, 0 only to report, -1 to be off.",
            isConfigured ? Self.mode(reader.text) : -1)
    }

    private static func mode(_ text: RawSpan) -> Double {
        var mode = -1.0
        var lines = LineCursor(text)
        while lines.next() {
            let line = lines.line.trimmed
            guard line.hasPrefix("SELINUX=" as StaticString) else { continue }
            let value = line.slice(8, line.byteCount).trimmed
            if value.equals("enforcing" as StaticString) { mode = 1 }
            if value.equals("permissive" as StaticString) { mode = 0 }
            if value.equals("disabled" as StaticString) { mode = -1 }
        }
        return mode
    }
}
