import Telemetry

/// `/sys/class/watchdog` (kernel, ABI/testing/sysfs-class-watchdog).
struct WatchdogCollector: Collector {
    static let description = CollectorDescription("watchdog", "Hardware and software watchdogs.") {
        WatchdogCollector($0)
    }

    private static let attributes = [
        DeviceAttribute(
            "access_cs0", "node_watchdog_access_cs0", "Whether the watchdog resets to the first flash chip."),
        DeviceAttribute("bootstatus", "node_watchdog_bootstatus", "Why the last reset was, as the watchdog knows it."),
        DeviceAttribute("fw_version", "node_watchdog_fw_version", "Version of the watchdog's firmware."),
        DeviceAttribute("nowayout", "node_watchdog_nowayout", "Whether the watchdog cannot be stopped once it runs."),
        DeviceAttribute(
            "pretimeout", "node_watchdog_pretimeout_seconds", "Seconds before the timeout when a warning comes."),
        DeviceAttribute("timeleft", "node_watchdog_timeleft_seconds", "Seconds until the watchdog resets the host."),
        DeviceAttribute(
            "timeout", "node_watchdog_timeout_seconds", "Seconds without a sign of life after which it resets the host."
        ),
    ]

    /// Of the sample that names a watchdog, in the order of labels; `name` stands after `identity`.
    private static let texts: [StaticString] = ["identity", "options", "pretimeout_governor", "state", "status"]

    private struct Watchdog {
        var name: String
        var texts: [String]
        var attributes: AttributedDevice
    }

    private let watchdogs: DeviceList<Watchdog>
    private var table: AttributeTable

    init(_ context: CollectorContext) {
        let table = AttributeTable(Self.attributes)
        self.table = table
        watchdogs = DeviceList(context.paths.sys("class/watchdog")) { name, path in
            Watchdog(
                name: name, texts: Self.texts.map { "\(path)/\($0)" },
                attributes: table.device([("name", name)], at: path))
        }
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        try watchdogs.refresh()
        table.write(watchdogs.devices.map(\.attributes), into: &batch, &reader)
        let info = batch.family("node_watchdog_info", .gauge, "What a watchdog is and what it does.")
        for watchdog in watchdogs.devices {
            batch.startLabels()
            for (place, path) in watchdog.texts.enumerated() {
                if place == 1 { batch.label("name", watchdog.name) }
                if reader.loadAttribute(path) {
                    batch.label(Self.texts[place], repairing: reader.text)
                } else {
                    batch.label(Self.texts[place], "" as StaticString)
                }
            }
            batch.sample(info, batch.endLabels(), 1)
        }
    }
}
