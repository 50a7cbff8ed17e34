import Bytes
import Glibc
import Telemetry

/// A chip below `/sys/class/hwmon`: what it is called and what its files are.
final class HwmonChip {
    private let directory: String
    /// Contents of the file `name`.
    private(set) var name = ""
    /// What it is called if no other chip is called so.
    private(set) var baseLabel = ""
    /// What it is called, told apart from other chips of its device; nil for one that is not wanted.
    var label: String?
    private(set) var sensors = HwmonSensors(files: []) { _ in false }
    /// Of each sensor, in the batch being written.
    private var sensorLabels: [SampleBatch.Labels] = []

    private let own: HostDirectory
    /// Older drivers have the files at the device.
    private let device: HostDirectory

    init(path: String) {
        directory = path
        own = HostDirectory(path)
        device = HostDirectory("\(path)/device")
    }

    /// Reads the names it may go by.
    func identify(_ reader: inout HostReader) {
        name = reader.string("\(directory)/name") ?? ""
        baseLabel = ""
        // First choice is the device's place in the tree, `platform_coretemp_0`, which is the same after a reboot.
        if let path = Self.resolved("\(directory)/device") {
            let parts = path.split(separator: "/").suffix(2).map { HwmonSensors.cleaned(String($0)) }
            if let device = parts.last, !device.isEmpty {
                baseLabel = parts.count == 2 && !parts[0].isEmpty ? "\(parts[0])_\(device)" : device
            }
        }
        if baseLabel.isEmpty { baseLabel = HwmonSensors.cleaned(name) }
        if baseLabel.isEmpty { baseLabel = nodeName }
    }

    /// `hwmon3`
    var nodeName: String {
        let path = Self.resolved(directory) ?? directory
        return HwmonSensors.cleaned(String(path.split(separator: "/").last ?? ""))
    }

    /// Lists its files again.
    func refresh(force: Bool, isAllowed: (String) -> Bool) throws(HostFileError) {
        var isChanged = try own.refresh() || force
        do throws(HostFileError) {
            if try device.refresh() { isChanged = true }
        } catch {
            if !error.isAbsent { throw error }
        }
        guard isChanged else { return }
        let files =
            own.names.map { ("\(directory)/\($0)", $0) }
            + device.names.map { ("\(directory)/device/\($0)", $0) }
        sensors = HwmonSensors(files: files, isAllowed: isAllowed)
    }

    func write(named label: String, into batch: inout SampleBatch, _ reader: inout HostReader) {
        let chipName = HwmonSensors.cleaned(name)
        if !chipName.isEmpty {
            let family = batch.family("node_hwmon_chip_names", .gauge, "What a chip's driver calls it; always 1.")
            batch.startLabels()
            batch.label("chip", label)
            batch.label("chip_name", chipName)
            batch.sample(family, batch.endLabels(), 1)
        }
        writeLabels(named: label, into: &batch, &reader)
        writeReadings(named: label, into: &batch, &reader)
    }

    private func writeLabels(named label: String, into batch: inout SampleBatch, _ reader: inout HostReader) {
        guard !sensors.labels.isEmpty else { return }
        let family = batch.family("node_hwmon_sensor_label", .gauge, "What a sensor measures; always 1.")
        for (sensor, path) in sensors.labels where reader.loadAttribute(path) {
            batch.startLabels()
            batch.label("chip", label)
            batch.label("label", repairing: reader.text)
            batch.label("sensor", sensors.sensors[sensor])
            batch.sample(family, batch.endLabels(), 1)
        }
    }

    private func writeReadings(named label: String, into batch: inout SampleBatch, _ reader: inout HostReader) {
        sensorLabels.removeAll(keepingCapacity: true)
        for sensor in sensors.sensors {
            batch.startLabels()
            batch.label("chip", label)
            batch.label("sensor", sensor)
            sensorLabels.append(batch.endLabels())
        }
        var family: SampleBatch.FamilyID?
        var familyName = ""
        for reading in sensors.readings {
            guard reader.loadAttribute(reading.path) else { continue }
            let value: Double
            if case .flag = reading.kind {
                value = reader.text.equals("1" as StaticString) ? 1 : 0
            } else {
                // Some drivers have words there.
                guard let number = reader.text.number else { continue }
                value = number * reading.factor
            }
            var labels = sensorLabels[reading.sensor]
            if case .frequency(let file) = reading.kind {
                guard let text = reader.string(file) else { continue }
                batch.startLabels()
                batch.label("chip", label)
                batch.label("sensor", HwmonSensors.cleaned(text))
                labels = batch.endLabels()
            }
            if family == nil || familyName != reading.family {
                family = batch.family(reading.family, reading.type, reading.help)
                familyName = reading.family
            }
            if let family { batch.sample(family, labels, value) }
        }
    }

    /// Without symbolic links.
    private static func resolved(_ path: String) -> String? {
        guard let found = realpath(path, nil) else { return nil }
        defer { free(found) }
        return String(cString: found)
    }
}
