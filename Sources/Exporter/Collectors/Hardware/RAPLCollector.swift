import Bytes
import Telemetry

/// `/sys/class/powercap` (kernel, power/powercap): energy that parts of the processor have used.
struct RAPLCollector: Collector {
    static let description = CollectorDescription(
        "rapl", "Energy used by packages, cores and memory.",
        options: [
            CollectorOption(
                "enable_zone_label", .bool, default: "false",
                "One family for all zones, told apart by a label, instead of a family for each.")
        ]
    ) { RAPLCollector($0) }

    private final class Zone {
        let path: String
        let nameFile, energyFile: String
        var name = ""
        var index = 0

        init(path: String) {
            self.path = path
            nameFile = "\(path)/name"
            energyFile = "\(path)/energy_uj"
        }
    }

    private let zones: DeviceList<Zone>
    private let hasZoneLabel: Bool

    init(_ context: CollectorContext) {
        zones = DeviceList(context.paths.sys("class/powercap")) { Zone(path: $1) }
        hasZoneLabel = context.options.bool("enable_zone_label")
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        if try zones.refresh() { nameZones(&reader) }
        for zone in zones.devices where !zone.name.isEmpty {
            // Other than root may not read it since it told of what others compute.
            guard let microjoules = reader.number(zone.energyFile) else { continue }
            batch.startLabels()
            batch.label("index", zone.index)
            batch.label("path", zone.path)
            if hasZoneLabel { batch.label("rapl_zone", zone.name) }
            let labels = batch.endLabels()
            let family = batch.family(.counter, help: "Joules that a part of the processor has used.") { text in
                text.append("node_rapl_" as StaticString)
                if !hasZoneLabel {
                    text.append(Self.familyName(zone.name))
                    text.append(0x5f)
                }
                text.append("joules_total" as StaticString)
            }
            batch.sample(family, labels, microjoules / 1_000_000)
        }
    }

    /// `package-0` is `package` with index 0; names without an index are counted.
    private func nameZones(_ reader: inout HostReader) {
        var used: [String: Int] = [:]
        for zone in zones.devices {
            guard let name = reader.string(zone.nameFile), !name.isEmpty else { continue }
            let parts = name.split(separator: "-", omittingEmptySubsequences: false)
            if parts.count == 2, let index = Int(parts[1]) {
                zone.name = String(parts[0])
                zone.index = index
            } else {
                zone.name = name
                zone.index = used[name, default: 0]
            }
            used[zone.name] = zone.index + 1
        }
    }

    /// Whatever a family's name cannot have becomes one `_`.
    private static func familyName(_ name: String) -> String {
        var result = ""
        for scalar in name.unicodeScalars {
            let isAllowed = scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
            if isAllowed { result.unicodeScalars.append(scalar) } else if result.last != "_" { result.append("_") }
        }
        return result
    }
}
