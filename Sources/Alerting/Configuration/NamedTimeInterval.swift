import Configuration
import Telemetry

/// A named set of times, of `time_intervals` and, as it was called before, `mute_time_intervals`.
struct NamedTimeInterval: ConfigurationSection {
    static let configurationKeys = [
        ConfigurationKey("name", "string", "What routes call it."),
        ConfigurationKey("time_intervals", "list of time intervals", "It is the time in any one of them."),
    ]

    var name = ""
    var intervals: [TimeInterval] = []

    init(_ reader: MappingReader) {
        name = reader.value("name")?.literal() ?? ""
        if name.isEmpty { reader.report("missing name in time interval", at: reader.has("name") ? "name" : nil) }
        intervals = reader.sections("time_intervals", TimeInterval.self) ?? []
    }

    /// All of a file by name.
    static func all(_ reader: MappingReader) -> [String: [TimeInterval]] {
        var result: [String: [TimeInterval]] = [:]
        for key in ["mute_time_intervals", "time_intervals"] {
            for item in reader.value(key)?.items() ?? [] {
                guard let named = item.section(NamedTimeInterval.self), !named.name.isEmpty else { continue }
                if result.updateValue(named.intervals, forKey: named.name) != nil {
                    item.report("time interval \"\(named.name)\" is not unique")
                }
            }
        }
        return result
    }
}
