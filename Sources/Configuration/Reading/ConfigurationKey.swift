/// One key of a section: what the reader accepts and what the documentation says, in one place.
package struct ConfigurationKey: Sendable, Equatable {
    /// Whether the key does anything.
    package enum Support: Sendable, Equatable {
        case full
        /// Accepted with a warning that gives this reason.
        case ignored(String)
        /// Refused with this reason and remedy.
        case refused(String)
    }

    package var name: String
    /// What is expected, for people: `duration`, `list of strings`.
    package var type: String
    /// The default as one would write it; empty for none.
    package var defaultValue: String
    package var doc: String
    package var support: Support

    package init(
        _ name: String, _ type: String, default defaultValue: String = "", _ doc: String, support: Support = .full
    ) {
        self.name = name
        self.type = type
        self.defaultValue = defaultValue
        self.doc = doc
        self.support = support
    }

    /// A key of promtail's or Prometheus's that changes nothing here.
    package static func ignored(_ name: String, _ reason: String) -> ConfigurationKey {
        ConfigurationKey(name, "anything", "Accepted and ignored: \(reason).", support: .ignored(reason))
    }

    /// A key of promtail's or Prometheus's that is not there (yet).
    package static func refused(_ name: String, _ reason: String) -> ConfigurationKey {
        ConfigurationKey(name, "none", "Refused: \(reason).", support: .refused(reason))
    }

    /// The keys as a Markdown table, one row each.
    package static func markdownTable(_ keys: [ConfigurationKey]) -> String {
        var text = "| key | type | default | meaning |\n|---|---|---|---|\n"
        for key in keys {
            let shown = key.defaultValue.isEmpty ? "" : "`\(key.defaultValue)`"
            text += "| `\(key.name)` | \(key.type) | \(shown) | \(key.doc) |\n"
        }
        return text
    }
}

/// A section of the configuration: declares its keys once and reads itself.
///
/// The initialiser does not throw: what is wrong is reported to the reader, a default stands in, and the rest is
/// checked too. Whoever reads the file throws all reports together.
package protocol ConfigurationSection {
    static var configurationKeys: [ConfigurationKey] { get }

    init(_ reader: MappingReader)
}
