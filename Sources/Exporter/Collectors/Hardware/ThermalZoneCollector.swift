import Telemetry

/// `/sys/class/thermal` (kernel, driver-api/thermal/sysfs-api): zones and what cools them.
struct ThermalZoneCollector: Collector {
    static let description = CollectorDescription("thermal_zone", "Thermal zones and cooling devices.") {
        ThermalZoneCollector($0)
    }

    private enum Device {
        case zone(name: String, type: String, temperature: String)
        case cooling(name: String, type: String, current: String, most: String)
    }

    private let devices: DeviceList<Device>

    init(_ context: CollectorContext) {
        devices = DeviceList(context.paths.sys("class/thermal")) { name, path in
            if let zone = name.number(after: "thermal_zone") {
                return .zone(name: zone, type: "\(path)/type", temperature: "\(path)/temp")
            }
            return name.number(after: "cooling_device").map {
                .cooling(
                    name: $0, type: "\(path)/type", current: "\(path)/cur_state", most: "\(path)/max_state")
            }
        }
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        // A host without zones is no failure.
        guard try devices.refreshIfPresent() else { return }
        let temperatures = batch.family("node_thermal_zone_temp", .gauge, "Temperature of a thermal zone in Celsius.")
        let current = batch.family("node_cooling_device_cur_state", .gauge, "How hard a cooling device cools now.")
        let most = batch.family("node_cooling_device_max_state", .gauge, "How hard a cooling device can cool.")
        for device in devices.devices {
            switch device {
            case .zone(let name, let type, let temperature):
                // Zones whose sensor sleeps answer with an error.
                guard let value = reader.number(temperature), reader.loadAttribute(type) else { continue }
                batch.startLabels()
                batch.label("type", repairing: reader.text)
                batch.label("zone", name)
                batch.sample(temperatures, batch.endLabels(), value / 1000)
            case .cooling(let name, let type, let now, let limit):
                guard let state = reader.number(now), let limit = reader.number(limit), reader.loadAttribute(type)
                else { continue }
                batch.startLabels()
                batch.label("name", name)
                batch.label("type", repairing: reader.text)
                let labels = batch.endLabels()
                batch.sample(current, labels, state)
                batch.sample(most, labels, limit)
            }
        }
    }
}
