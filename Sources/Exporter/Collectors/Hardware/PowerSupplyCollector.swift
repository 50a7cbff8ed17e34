import Telemetry

/// `/sys/class/power_supply` (kernel, ABI/testing/sysfs-class-power): batteries and what charges them.
struct PowerSupplyCollector: Collector {
    static let description = CollectorDescription(
        "powersupplyclass", "Batteries and mains.",
        options: [CollectorOption("ignored_supplies", .pattern, default: "^$", "Power supplies to leave out.")]
    ) { try PowerSupplyCollector($0) }

    private struct Supply {
        var name: String
        var texts: [String]
        var attributes: AttributedDevice
    }

    /// Of the sample that names a supply, in the order of labels; `power_supply` stands at `namePlace`.
    private static let texts: [StaticString] = [
        "capacity_level", "charge_type", "health", "manufacturer", "model_name", "scope", "serial_number", "status",
        "technology", "type", "usb_type",
    ]
    private static let namePlace = 5

    private let supplies: DeviceList<Supply>
    private var table: AttributeTable

    init(_ context: CollectorContext) throws {
        let filter = NameFilter(include: nil, exclude: try context.options.pattern("ignored_supplies"))
        let table = AttributeTable(Self.attributes)
        self.table = table
        supplies = DeviceList(context.paths.sys("class/power_supply")) { name, path in
            guard filter.allows(name) else { return nil }
            return Supply(
                name: name, texts: Self.texts.map { "\(path)/\($0)" },
                attributes: table.device([("power_supply", name)], at: path))
        }
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        try supplies.refresh()
        table.write(supplies.devices.map(\.attributes), into: &batch, &reader)
        let info = batch.family("node_power_supply_info", .gauge, "What a power supply is; always 1.")
        for supply in supplies.devices {
            batch.startLabels()
            for (place, path) in supply.texts.enumerated() {
                if place == Self.namePlace { batch.label("power_supply", supply.name) }
                if reader.loadAttribute(path), !reader.text.isEmpty {
                    batch.label(Self.texts[place], repairing: reader.text)
                }
            }
            batch.sample(info, batch.endLabels(), 1)
        }
    }

    private static let attributes = [
        DeviceAttribute("authentic", "node_power_supply_authentic", "Whether the battery is a genuine one."),
        DeviceAttribute("calibrate", "node_power_supply_calibrate", "Whether the battery is being calibrated."),
        DeviceAttribute("capacity", "node_power_supply_capacity", "Charge of the battery in percent."),
        DeviceAttribute(
            "capacity_alert_max", "node_power_supply_capacity_alert_max", "Charge in percent above which it alerts."),
        DeviceAttribute(
            "capacity_alert_min", "node_power_supply_capacity_alert_min", "Charge in percent below which it alerts."),
        DeviceAttribute("cycle_count", "node_power_supply_cyclecount", "Full charges and discharges so far."),
        DeviceAttribute("online", "node_power_supply_online", "Whether the supply gives power."),
        DeviceAttribute("present", "node_power_supply_present", "Whether the battery is there."),
        DeviceAttribute(
            "time_to_empty_now", "node_power_supply_time_to_empty_seconds", "Seconds until the battery is empty."),
        DeviceAttribute(
            "time_to_full_now", "node_power_supply_time_to_full_seconds", "Seconds until the battery is full."),
        DeviceAttribute("current_boot", "node_power_supply_current_boot", "Current at boot in amperes.", divisor: 1e6),
        DeviceAttribute("current_max", "node_power_supply_current_max", "Highest current in amperes.", divisor: 1e6),
        DeviceAttribute("current_now", "node_power_supply_current_ampere", "Current in amperes.", divisor: 1e6),
        DeviceAttribute(
            "energy_empty", "node_power_supply_energy_empty", "Energy in watt-hours when it counts as empty.",
            divisor: 1e6),
        DeviceAttribute(
            "energy_empty_design", "node_power_supply_energy_empty_design",
            "Energy in watt-hours when empty, as designed.", divisor: 1e6),
        DeviceAttribute(
            "energy_full", "node_power_supply_energy_full", "Energy in watt-hours when full.", divisor: 1e6),
        DeviceAttribute(
            "energy_full_design", "node_power_supply_energy_full_design",
            "Energy in watt-hours when full, as designed.", divisor: 1e6),
        DeviceAttribute("energy_now", "node_power_supply_energy_watthour", "Energy in watt-hours.", divisor: 1e6),
        DeviceAttribute("voltage_boot", "node_power_supply_voltage_boot", "Volts at boot.", divisor: 1e6),
        DeviceAttribute("voltage_max", "node_power_supply_voltage_max", "Highest volts.", divisor: 1e6),
        DeviceAttribute(
            "voltage_max_design", "node_power_supply_voltage_max_design", "Highest volts, as designed.", divisor: 1e6),
        DeviceAttribute("voltage_min", "node_power_supply_voltage_min", "Lowest volts.", divisor: 1e6),
        DeviceAttribute(
            "voltage_min_design", "node_power_supply_voltage_min_design", "Lowest volts, as designed.", divisor: 1e6),
        DeviceAttribute("voltage_now", "node_power_supply_voltage_volt", "Volts.", divisor: 1e6),
        DeviceAttribute("voltage_ocv", "node_power_supply_voltage_ocv", "Volts without load.", divisor: 1e6),
        DeviceAttribute(
            "charge_control_limit", "node_power_supply_charge_control_limit",
            "Limit of the charging current in amperes.", divisor: 1e6),
        DeviceAttribute(
            "charge_control_limit_max", "node_power_supply_charge_control_limit_max", "Highest such limit in amperes.",
            divisor: 1e6),
        DeviceAttribute(
            "charge_counter", "node_power_supply_charge_counter", "Charge counted in ampere-hours.", divisor: 1e6),
        DeviceAttribute(
            "charge_empty", "node_power_supply_charge_empty", "Charge in ampere-hours when it counts as empty.",
            divisor: 1e6),
        DeviceAttribute(
            "charge_empty_design", "node_power_supply_charge_empty_design",
            "Charge in ampere-hours when empty, as designed.", divisor: 1e6),
        DeviceAttribute(
            "charge_full", "node_power_supply_charge_full", "Charge in ampere-hours when full.", divisor: 1e6),
        DeviceAttribute(
            "charge_full_design", "node_power_supply_charge_full_design",
            "Charge in ampere-hours when full, as designed.", divisor: 1e6),
        DeviceAttribute("charge_now", "node_power_supply_charge_ampere", "Charge in ampere-hours.", divisor: 1e6),
        DeviceAttribute(
            "charge_term_current", "node_power_supply_charge_term_current", "Amperes below which charging ends.",
            divisor: 1e6),
        DeviceAttribute(
            "constant_charge_current", "node_power_supply_constant_charge_current", "Amperes of constant charging.",
            divisor: 1e6),
        DeviceAttribute(
            "constant_charge_current_max", "node_power_supply_constant_charge_current_max", "Highest of those amperes.",
            divisor: 1e6),
        DeviceAttribute(
            "constant_charge_voltage", "node_power_supply_constant_charge_voltage", "Volts of constant charging.",
            divisor: 1e6),
        DeviceAttribute(
            "constant_charge_voltage_max", "node_power_supply_constant_charge_voltage_max", "Highest of those volts.",
            divisor: 1e6),
        DeviceAttribute(
            "precharge_current", "node_power_supply_precharge_current", "Amperes of the charge before the charge.",
            divisor: 1e6),
        DeviceAttribute(
            "input_current_limit", "node_power_supply_input_current_limit", "Highest amperes taken from the input.",
            divisor: 1e6),
        DeviceAttribute("power_now", "node_power_supply_power_watt", "Power in watts.", divisor: 1e6),
        DeviceAttribute("temp", "node_power_supply_temp_celsius", "Temperature in Celsius.", divisor: 10),
        DeviceAttribute(
            "temp_alert_max", "node_power_supply_temp_alert_max_celsius",
            "Temperature in Celsius above which it alerts.", divisor: 10),
        DeviceAttribute(
            "temp_alert_min", "node_power_supply_temp_alert_min_celsius",
            "Temperature in Celsius below which it alerts.", divisor: 10),
        DeviceAttribute(
            "temp_ambient", "node_power_supply_temp_ambient_celsius", "Temperature around it in Celsius.", divisor: 10),
        DeviceAttribute(
            "temp_ambient_max", "node_power_supply_temp_ambient_max_celsius",
            "Highest temperature around it in Celsius.", divisor: 10),
        DeviceAttribute(
            "temp_ambient_min", "node_power_supply_temp_ambient_min_celsius",
            "Lowest temperature around it in Celsius.", divisor: 10),
        DeviceAttribute(
            "temp_max", "node_power_supply_temp_max_celsius", "Highest temperature in Celsius.", divisor: 10),
        DeviceAttribute(
            "temp_min", "node_power_supply_temp_min_celsius", "Lowest temperature in Celsius.", divisor: 10),
    ]
}
