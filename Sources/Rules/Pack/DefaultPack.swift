/// The alerts that the agent has without any file: `rules/*.yaml`, described in docs/alerts.md.
package enum DefaultPack {
    package struct File: Sendable {
        /// `disks.yaml`
        package var name: String
        /// A rule file as Prometheus reads it.
        package var text: String
    }

    /// In order of their names.
    package static var texts: [File] { embedded }

    /// The groups, as of files `default/NAME.yaml`.
    package static func files(_ language: RuleLanguage) -> [RuleFile] {
        embedded.map { RuleFile(Array($0.text.utf8), path: "default/\($0.name)", language: language) }
    }
}
