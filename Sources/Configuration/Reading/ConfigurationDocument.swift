/// The tables of keys inside a Markdown document, each between `<!-- keys: name -->` and `<!-- end -->`.
package enum ConfigurationDocument {
    /// The document with every table as the sections declare it, and the names of markers that no section has, or of
    /// sections that no marker has.
    package static func filled(
        _ markdown: String, with sections: [(name: String, keys: [ConfigurationKey])]
    ) -> (markdown: String, strangers: [String]) {
        var lines: [Substring] = []
        var strangers: [String] = []
        var seen: Set<String> = []
        var isInTable = false
        for line in markdown.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("<!-- keys: "), line.hasSuffix(" -->") {
                let name = String(line.dropFirst("<!-- keys: ".count).dropLast(" -->".count))
                seen.insert(name)
                lines.append(line)
                guard let section = sections.first(where: { $0.name == name }) else {
                    strangers.append(name)
                    continue
                }
                isInTable = true
                lines += ConfigurationKey.markdownTable(section.keys).split(separator: "\n")
            } else if line == "<!-- end -->" {
                isInTable = false
                lines.append(line)
            } else if !isInTable {
                lines.append(line)
            }
        }
        strangers += sections.map(\.name).filter { !seen.contains($0) }
        return (lines.joined(separator: "\n"), strangers)
    }
}
