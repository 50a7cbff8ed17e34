import Bytes
import Configuration
import Telemetry

/// Which collectors run, how, and where they find the host: the part of `metrics:` that `tocsin metrics` shares.
package struct HostConfiguration: Sendable, Equatable {
    package var paths = HostPaths()
    /// Collectors that are switched on or off against their default.
    package var enabled: [String: Bool] = [:]
    /// Only collectors that `enabled` names run.
    package var disablesDefaults = false
    /// Options by collector.
    package var options: [String: CollectorOptions] = [:]
    /// Samples that one collector may write.
    package var sampleLimit = 500_000

    package init() {}

    package func isEnabled(_ collector: CollectorDescription) -> Bool {
        enabled[collector.name] ?? (collector.isEnabledByDefault && !disablesDefaults)
    }

    /// Makes the collectors that are to run. Throws `HostConfigurationError` for a wrong option.
    package func makeCollectors() throws -> [(name: String, collector: any Collector)] {
        try Collectors.all.filter(isEnabled).map { description in
            let options = options[description.name] ?? CollectorOptions(description.options)
            do {
                let context = CollectorContext(paths: paths, options: options)
                return (description.name, try description.make(context))
            } catch {
                throw HostConfigurationError("collector \(description.name): \(error)")
            }
        }
    }

    /// Sets one option from text. Throws what is wrong with it.
    package mutating func set(
        _ option: CollectorOption, of collector: CollectorDescription, to text: String
    ) throws(HostConfigurationError) {
        if let problem = option.problem(of: text) { throw problem }
        var values = options[collector.name] ?? CollectorOptions(collector.options)
        if option.kind == .texts {
            values.lists[option.name, default: []].append(text)
        } else {
            values.values[option.name] = text
        }
        options[collector.name] = values
    }
}

/// What is wrong with the options of the host's collectors.
package struct HostConfigurationError: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

extension CollectorOption {
    /// What is wrong with `text` as this option's value.
    func problem(of text: String) -> HostConfigurationError? {
        switch kind {
        case .bool:
            if text == "true" || text == "false" { return nil }
        case .integer:
            if Int(text) != nil { return nil }
        case .duration:
            if CollectorOption.seconds(text).map({ $0 >= 0 && $0 <= 86_400 }) == true { return nil }
        case .pattern:
            do throws(RegexError) {
                _ = try Regex(text)
                return nil
            } catch {
                return HostConfigurationError("\(name): \(error)")
            }
        case .text, .texts: return nil
        }
        return HostConfigurationError("\(name): expected \(kind.rawValue), found \"\(text)\"")
    }
}
