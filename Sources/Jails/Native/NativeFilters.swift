import Configuration

/// The filters that come with the agent: `jails/*.yaml`, described in docs/jails.md.
package enum NativeFilters {
    package struct File: Sendable {
        /// The filter's name.
        package var name: String
        /// As `NativeFilter` reads it.
        package var text: String
    }

    package static var names: [String] { embedded.map(\.name) }

    /// Nil for a name that none has. Reading one takes its time; nothing is kept.
    package static func filter(_ name: String) throws(ConfigurationError) -> NativeFilter? {
        guard let file = embedded.first(where: { $0.name == name }) else { return nil }
        return try read(file).contents
    }

    /// What a name that none has was meant to be.
    static func hint(_ name: String) -> String {
        NearestKey.of(name, among: names).map { "did you mean \($0)?" }
            ?? "known are \(names.joined(separator: ", "))"
    }

    /// With the warnings of the lint.
    static func read(_ file: File) throws(ConfigurationError) -> ConfigurationFile<NativeFilter> {
        try ConfigurationFile<NativeFilter>([UInt8](file.text), file: "jails/\(file.name).yaml")
    }
}
