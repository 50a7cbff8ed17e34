/// What a configuration file says, once all of it was found right.
package struct ConfigurationFile<Section: ConfigurationSection> {
    package let contents: Section
    /// What is accepted but has no effect, or is unwise.
    package let warnings: [ConfigurationProblem]

    /// Reads the file at `path`.
    package init(
        path: String, surroundings: ConfigurationSurroundings = .process, takesFirst: Bool = false
    ) throws(ConfigurationError) {
        switch surroundings.read(path) {
        case .success(let bytes):
            try self.init(bytes, file: path, surroundings: surroundings, takesFirst: takesFirst)
        case .failure(let failure):
            let start = SourcePosition(line: 1, column: 1)
            throw ConfigurationError([
                ConfigurationProblem(file: path, position: start, message: "cannot be read: \(failure.reason)")
            ])
        }
    }

    /// Reads text that is already there; `file` is its name in messages, and its directory that of relative paths.
    ///
    /// - Parameter takesFirst: whether further documents are passed over, with a warning; else they are an error.
    package init(
        _ bytes: [UInt8], file: String, surroundings: ConfigurationSurroundings = .process, takesFirst: Bool = false
    ) throws(ConfigurationError) {
        let document = try YAMLDocument(bytes, file: file, takesFirst: takesFirst)
        let context = ReadingContext(file: file, surroundings: surroundings)
        if let further = document.furtherDocument {
            context.warn("a further document: what is from here on is passed over", at: further)
        }
        let section = ValueReader(node: document.root, name: "the file", context: context).section(Section.self)
        guard let section, context.problems.isEmpty else {
            throw ConfigurationError(context.problems.sorted { $0.position < $1.position })
        }
        contents = section
        warnings = context.warnings.sorted { $0.position < $1.position }
    }
}

extension ConfigurationFile: Sendable where Section: Sendable {}

extension SourcePosition: Comparable {
    package static func < (a: SourcePosition, b: SourcePosition) -> Bool {
        (a.line, a.column) < (b.line, b.column)
    }
}
