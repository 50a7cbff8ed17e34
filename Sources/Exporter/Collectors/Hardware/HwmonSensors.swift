import Telemetry

/// What a chip's files are, as their names tell (kernel, hwmon/sysfs-interface): `temp1_crit` is the limit `crit` of
/// the sensor `temp1`.
struct HwmonSensors {
    /// A file that holds a number.
    struct Reading {
        var path: String
        /// Of `sensors`.
        var sensor: Int
        var family: String
        var help: String
        var type = MetricType.gauge
        /// What the number is multiplied with.
        var factor = 1.0
        var kind = Kind.number
    }

    enum Kind {
        case number
        /// 1 where the file says so, else 0.
        case flag
        /// A frequency goes by its sensor's label.
        case frequency(label: String)
    }

    /// `temp1`
    private(set) var sensors: [String] = []
    /// By family.
    private(set) var readings: [Reading] = []
    /// Files with what a sensor is called.
    private(set) var labels: [(sensor: Int, path: String)] = []

    private static let types: Set = [
        "vrm", "beep_enable", "update_interval", "in", "cpu", "fan", "pwm", "temp", "curr", "power", "energy",
        "humidity", "intrusion", "freq",
    ]

    /// - Parameters:
    ///   - files: path and name; of two with the same name the later one counts.
    ///   - isAllowed: whether a sensor is wanted.
    init(files: [(path: String, name: String)], isAllowed: (String) -> Bool) {
        /// By sensor and element.
        var found: [String: (type: String, elements: [String: String])] = [:]
        for (path, name) in files {
            guard let parts = Self.parts(of: name), Self.types.contains(parts.type) else { continue }
            found["\(parts.type)\(parts.number)", default: (parts.type, [:])].elements[parts.element] = path
        }
        for (sensor, (type, elements)) in found.sorted(by: { $0.key < $1.key }) where isAllowed(sensor) {
            let index = sensors.count
            sensors.append(sensor)
            if let path = elements["label"] { labels.append((index, path)) }
            for (element, path) in elements where element != "label" {
                if let reading = Self.reading(type, element, elements, path: path, sensor: index) {
                    readings.append(reading)
                }
            }
        }
        readings.sort { ($0.family, $0.path) < ($1.family, $1.path) }
    }

    /// `in0_alarm` is type `in`, number 0, element `alarm`; nil for a name that is not made so.
    static func parts(of name: String) -> (type: String, number: Int, element: String)? {
        let isDigit = { (character: Character) in ("0"..."9").contains(character) }
        let type = name.prefix { !isDigit($0) }
        let digits = name[type.endIndex...].prefix(while: isDigit)
        let rest = name[digits.endIndex...]
        guard !type.isEmpty, rest.isEmpty || (rest.first == "_" && rest.count > 1) else { return nil }
        guard let number = digits.isEmpty ? 0 : Int(digits) else { return nil }
        return (String(type), number, String(rest.dropFirst()))
    }

    /// Lower case, everything but letters, digits, `:` and `_` replaced by `_`, none of which at either end.
    static func cleaned(_ name: String) -> String {
        var result = ""
        for scalar in name.lowercased().unicodeScalars {
            switch scalar {
            case "a"..."z", "0"..."9", ":", "_": result.unicodeScalars.append(scalar)
            default: result.append("_")
            }
        }
        let start = result.drop { $0 == "_" }
        return String(start.reversed().drop { $0 == "_" }.reversed())
    }

    private static func reading(
        _ type: String, _ element: String, _ elements: [String: String], path: String, sensor: Int
    ) -> Reading? {
        func reading(_ family: String, _ help: String, factor: Double = 1, kind: Kind = .number) -> Reading {
            Reading(
                path: path, sensor: sensor, family: "node_hwmon_\(family)", help: help, factor: factor, kind: kind)
        }
        switch type {
        case "beep_enable": return reading("beep_enabled", "Whether the chip may beep.", kind: .flag)
        case "vrm": return reading("voltage_regulator_version", "Version of the voltage regulator.")
        case "update_interval":
            return reading("update_interval_seconds", "Seconds between the chip's readings.", factor: 0.001)
        default: break
        }
        var name = type
        if element == "input" {
            if elements[""] != nil { name += "_input" }
        } else if !element.isEmpty {
            name += "_\(cleaned(element))"
        }
        let what = "\(element.isEmpty || element == "input" ? "reading" : element) of a \(type) sensor"
        switch (type, element) {
        case (_, "fault"), (_, "alarm"): return reading(name, "Whether there is a \(what).")
        case (_, "beep"): return reading("\(name)_enabled", "Whether a \(type) sensor beeps.")
        case ("in", _), ("cpu", _): return reading("\(name)_volts", "The \(what), in volts.", factor: 0.001)
        case ("temp", "type"): return reading(name, "Kind of a temperature sensor.")
        case ("temp", _): return reading("\(name)_celsius", "The \(what), in Celsius.", factor: 0.001)
        case ("curr", _): return reading("\(name)_amps", "The \(what), in amperes.", factor: 0.001)
        case ("energy", _):
            var energy = reading("\(name)_joule_total", "The \(what), in joules.", factor: 1e-6)
            energy.type = .counter
            return energy
        case ("power", "accuracy"): return reading(name, "Accuracy of a power meter as a ratio.", factor: 1e-6)
        case ("power", "average_interval"), ("power", "average_interval_min"), ("power", "average_interval_max"):
            return reading("\(name)_seconds", "The \(what), in seconds.", factor: 0.001)
        case ("power", _): return reading("\(name)_watt", "The \(what), in watts.", factor: 1e-6)
        case ("humidity", _): return reading(name, "The \(what), as a ratio.", factor: 1e-6)
        case ("fan", "input"), ("fan", "min"), ("fan", "max"), ("fan", "target"):
            return reading("\(name)_rpm", "The \(what), in revolutions per minute.")
        case ("freq", "input"):
            return elements["label"].map {
                reading("\(name)_freq_mhz", "The \(what), in MHz.", factor: 1e-6, kind: .frequency(label: $0))
            }
        default: return reading(name, "The \(what), as the chip has it.")
        }
    }
}
