import Bytes
import Telemetry

/// `/sys/class/dmi/id`: what the firmware says of the machine. Read until it is there, then kept: it changes with a
/// reboot only.
struct DMICollector: Collector {
    static let description = CollectorDescription("dmi", "Vendor, model and serial numbers of the machine.") {
        DMICollector($0)
    }

    /// In the order of labels.
    private static let files: [(label: StaticString, file: StaticString)] = [
        ("bios_date", "bios_date"), ("bios_release", "bios_release"), ("bios_vendor", "bios_vendor"),
        ("bios_version", "bios_version"), ("board_asset_tag", "board_asset_tag"), ("board_name", "board_name"),
        ("board_serial", "board_serial"), ("board_vendor", "board_vendor"), ("board_version", "board_version"),
        ("chassis_asset_tag", "chassis_asset_tag"), ("chassis_serial", "chassis_serial"),
        ("chassis_vendor", "chassis_vendor"), ("chassis_version", "chassis_version"),
        ("product_family", "product_family"), ("product_name", "product_name"), ("product_serial", "product_serial"),
        ("product_sku", "product_sku"), ("product_uuid", "product_uuid"), ("product_version", "product_version"),
        ("system_vendor", "sys_vendor"),
    ]

    private let directory: String
    private var labels: [(name: StaticString, value: String)] = []

    init(_ context: CollectorContext) { directory = context.paths.sys("class/dmi/id") }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        if labels.isEmpty, let directory = OpenDirectory(directory) {
            // Serial numbers are root's alone.
            for (label, file) in Self.files where reader.loadAttribute(file, in: directory) {
                labels.append((label, String(lossy: reader.text)))
            }
        }
        guard !labels.isEmpty else { throw CollectorError.absent(directory) }
        let info = batch.family("node_dmi_info", .gauge, "What the firmware says of the machine; always 1.")
        batch.startLabels()
        for (name, value) in labels { batch.label(name, value) }
        batch.sample(info, batch.endLabels(), 1)
    }
}
