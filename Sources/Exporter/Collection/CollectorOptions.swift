import Bytes
import Configuration

/// An option of a collector: a key of `metrics.collectors.NAME` and a flag of `tocsin metrics`.
package struct CollectorOption: Sendable, Equatable {
    package enum Kind: String, Sendable {
        case bool = "boolean"
        case text = "text"
        case texts = "string or list of strings"
        /// Unanchored, as Go's.
        case pattern = "regular expression"
        /// Seconds.
        case duration = "duration"
        case integer = "integer"
    }

    /// In the configuration: `mount_points_exclude`. The flag is node_exporter's, `--collector.NAME.mount-points-exclude`.
    package var name: String
    package var kind: Kind
    /// As one would write it; empty for none.
    package var defaultValue: String
    package var doc: String

    /// Seconds of a duration with its unit, or of a plain number of them.
    static func seconds(_ text: String) -> Double? { DurationText.seconds(text) ?? Double(text) }

    package init(_ name: String, _ kind: Kind, default defaultValue: String = "", _ doc: String) {
        self.name = name
        self.kind = kind
        self.defaultValue = defaultValue
        self.doc = doc
    }
}

/// The values of one collector's options.
package struct CollectorOptions: Sendable, Equatable {
    /// By name; what is not there has its default.
    package var values: [String: String]
    /// Of options that are lists.
    package var lists: [String: [String]]
    private let descriptions: [CollectorOption]

    package init(
        _ descriptions: [CollectorOption] = [], values: [String: String] = [:], lists: [String: [String]] = [:]
    ) {
        self.descriptions = descriptions
        self.values = values
        self.lists = lists
    }

    /// The value or its default; nil where both are empty.
    package func text(_ name: String) -> String? {
        precondition(descriptions.contains { $0.name == name }, "\(name) is in no collector's table of options")
        let value = values[name] ?? descriptions.first { $0.name == name }?.defaultValue ?? ""
        return value.isEmpty ? nil : value
    }

    package func texts(_ name: String) -> [String] { lists[name] ?? text(name).map { [$0] } ?? [] }
    package func bool(_ name: String) -> Bool { text(name) == "true" }
    package func integer(_ name: String) -> Int? { text(name).flatMap { Int($0) } }
    /// Seconds.
    package func duration(_ name: String) -> Double? { text(name).flatMap { CollectorOption.seconds($0) } }

    package func pattern(_ name: String) throws -> Regex? {
        guard let pattern = text(name) else { return nil }
        return try Regex(pattern)
    }

    /// What `NAME_include` and `NAME_exclude` let through. Where one is included and nothing is said of exclusion, the
    /// default exclusion does not hold: what is asked for by name is not left out.
    package func filter(_ name: String) throws -> NameFilter {
        let include = try pattern("\(name)_include")
        let isExcludeByDefault = values["\(name)_exclude"] == nil
        let exclude = include != nil && isExcludeByDefault ? nil : try pattern("\(name)_exclude")
        return NameFilter(include: include, exclude: exclude)
    }

    /// As `filter`, of patterns that must match a name from end to end, and where the default exclusion always holds.
    package func wholeNameFilter(_ name: String) throws -> NameFilter {
        func whole(_ option: String) throws -> Regex? { try text(option).map { try Regex("\\A(?:\($0))\\z") } }
        return NameFilter(include: try whole("\(name)_include"), exclude: try whole("\(name)_exclude"))
    }
}
