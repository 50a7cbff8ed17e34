import Configuration
import Telemetry

/// Whether bans raise an alert, and which labels it has besides its own.
package struct BanAlerting: Sendable, Equatable {
    package var isOn = false
    package var labels: LabelSet = [:]

    package init() {}

    /// `true`, `false`, or labels; nil where the key is not there.
    package init?(_ reader: MappingReader, _ key: String) {
        guard let value = reader.value(key) else { return nil }
        if case .scalar = value.node.content {
            isOn = value.bool() ?? false
        } else {
            isOn = true
            labels = reader.labels(key) ?? [:]
        }
    }
}
