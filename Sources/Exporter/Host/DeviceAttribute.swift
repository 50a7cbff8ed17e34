import Bytes
import Telemetry

/// A file in a device's directory that holds a number, and the family that it becomes.
package struct DeviceAttribute: Sendable {
    package var file: StaticString
    package var family: StaticString
    package var help: StaticString
    package var type: MetricType
    /// What the number is divided by.
    package var divisor: Double

    package init(
        _ file: StaticString, _ family: StaticString, _ help: StaticString, type: MetricType = .gauge,
        divisor: Double = 1
    ) {
        self.file = file
        self.family = family
        self.help = help
        self.type = type
        self.divisor = divisor
    }
}

/// A device whose attributes an `AttributeTable` reads.
package struct AttributedDevice {
    /// In the order of their names.
    package let labels: [(name: StaticString, value: String)]
    /// Of each attribute of the table, its file.
    let paths: [String]
}

/// Attributes that all devices of a kind may have; what a device lacks is left out.
package struct AttributeTable {
    private let attributes: [DeviceAttribute]
    private var labels: [SampleBatch.Labels] = []

    package init(_ attributes: [DeviceAttribute]) { self.attributes = attributes }

    /// The device with these labels, in the order of their names, and its attributes below `path`.
    package func device(_ labels: [(name: StaticString, value: String)], at path: String) -> AttributedDevice {
        AttributedDevice(labels: labels, paths: attributes.map { "\(path)/\($0.file)" })
    }

    /// Reads and writes all attributes of `devices`.
    package mutating func write(
        _ devices: [AttributedDevice], into batch: inout SampleBatch, _ reader: inout HostReader
    ) {
        labels.removeAll(keepingCapacity: true)
        for device in devices {
            batch.startLabels()
            for label in device.labels { batch.label(label.name, label.value) }
            labels.append(batch.endLabels())
        }
        for (place, attribute) in attributes.enumerated() {
            let family = batch.family(attribute.family, attribute.type, attribute.help)
            for (index, device) in devices.enumerated() where reader.loadAttribute(device.paths[place]) {
                if let value = reader.text.number {
                    batch.sample(family, labels[index], value / attribute.divisor)
                } else if !reader.text.hasPrefix("N/A" as StaticString) {
                    let found = reader.excerpt
                    reader.odd("\(device.paths[place]): expected a number, found \"\(found)\"")
                }
            }
        }
    }
}

extension HostReader {
    /// The beginning of `text`, for messages.
    package var excerpt: String { String(lossy: text.extracting(0..<min(40, text.byteCount))) }

    /// Makes an attribute `text` and returns it as text; nil where it cannot be read. For what is kept.
    package mutating func string(_ path: String) -> String? { loadAttribute(path) ? String(lossy: text) : nil }
}

extension SampleBatch {
    /// A label whose value may not be UTF-8: what is not becomes U+FFFD.
    package mutating func label(_ name: StaticString, repairing value: RawSpan) {
        if value.isUTF8 { label(name, value) } else { label(name, String(lossy: value)) }
    }
}
