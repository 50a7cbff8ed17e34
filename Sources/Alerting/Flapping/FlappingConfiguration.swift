import Configuration

/// `alerting.flapping:` of the agent's configuration: when an alert changes too often to be told of each time.
package struct FlappingConfiguration: ConfigurationSection, Sendable, Equatable {
    package var isEnabled = true
    /// Beginnings and ends within `window` from which on it flaps.
    package var changes = 6
    /// Seconds.
    package var window = 1800.0
    /// Seconds without a change after which it no longer flaps.
    package var settle = 900.0

    package static let configurationKeys = [
        ConfigurationKey(
            "enabled", "bool", default: "true",
            "Whether an alert that flaps is told of once, and again when it has settled."),
        ConfigurationKey(
            "changes", "integer", default: "6", "Beginnings and ends within `window` from which on an alert flaps."),
        ConfigurationKey("window", "duration", default: "30m", "The time in which changes are counted."),
        ConfigurationKey("settle", "duration", default: "15m", "After so long without a change it no longer flaps."),
    ]

    package init() {}

    package init(_ reader: MappingReader) {
        isEnabled = reader.bool("enabled") ?? isEnabled
        changes = reader.int("changes", in: 2...FlapRecord.mostChanges) ?? changes
        window = reader.duration("window", in: 1...7 * 86_400) ?? window
        settle = reader.duration("settle", in: 1...7 * 86_400) ?? settle
        reader.finish()
    }
}
