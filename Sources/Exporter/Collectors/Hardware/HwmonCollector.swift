import Bytes
import Telemetry

/// `/sys/class/hwmon` (kernel, hwmon/sysfs-interface): temperatures, fans, volts.
struct HwmonCollector: Collector {
    static let description = CollectorDescription(
        "hwmon", "Temperatures, fans, voltages and whatever else chips measure.",
        options: [
            CollectorOption("chip_include", .pattern, "Chips to ask."),
            CollectorOption("chip_exclude", .pattern, "Chips not to ask."),
            CollectorOption("sensor_include", .pattern, "Sensors to read, as `CHIP;SENSOR`."),
            CollectorOption("sensor_exclude", .pattern, "Sensors not to read, as `CHIP;SENSOR`."),
        ]
    ) { try HwmonCollector($0) }

    private let chips: DeviceList<HwmonChip>
    private let chipFilter: NameFilter
    private let sensorFilter: NameFilter

    init(_ context: CollectorContext) throws {
        chips = DeviceList(context.paths.sys("class/hwmon")) { _, path in HwmonChip(path: path) }
        chipFilter = try context.options.filter("chip")
        sensorFilter = try context.options.filter("sensor")
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        let isChanged = try chips.refresh()
        if isChanged { name(&reader) }
        for chip in chips.devices {
            guard let label = chip.label else { continue }
            do throws(HostFileError) {
                try chip.refresh(force: isChanged) { sensorFilter.allows("\(label);\($0)") }
            } catch {
                // One that was just taken out costs nothing; any other trouble costs this chip.
                if !error.isAbsent { reader.odd("\(error)") }
                continue
            }
            chip.write(named: label, into: &batch, &reader)
        }
    }

    /// Gives each chip a label of its own: several can belong to one device.
    private func name(_ reader: inout HostReader) {
        var ofBase: [String: Int] = [:]
        var ofBoth: [String: Int] = [:]
        for chip in chips.devices {
            chip.identify(&reader)
            ofBase[chip.baseLabel, default: 0] += 1
            ofBoth["\(chip.baseLabel)\0\(chip.name)", default: 0] += 1
        }
        for chip in chips.devices {
            var label = chip.baseLabel
            if ofBase[label, default: 0] > 1 {
                let name = HwmonSensors.cleaned(chip.name)
                let isOwn = !name.isEmpty && ofBoth["\(label)\0\(chip.name)"] == 1
                label += "_\(isOwn ? name : chip.nodeName)"
            }
            chip.label = !label.isEmpty && chipFilter.allows(label) ? label : nil
        }
    }
}
