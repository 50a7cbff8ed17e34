import Configuration
import Glibc
import Telemetry

/// What reading a rule file brought: the groups that are right, and what is wrong with the others.
package struct RuleFile: Sendable {
    /// What cannot be loaded.
    package struct Failure: Sendable {
        /// nil where the file as a whole cannot be read.
        package var group: String?
        package var problems: [ConfigurationProblem]
    }

    package var path: String
    package var groups: [RuleGroupDefinition] = []
    package var failures: [Failure] = []
    package var warnings: [ConfigurationProblem] = []

    /// All that is wrong, in the order of the file.
    package var problems: [ConfigurationProblem] {
        failures.flatMap(\.problems).sorted { $0.position < $1.position }
    }

    private static let configurationKeys = [
        ConfigurationKey("groups", "list of groups", "The file's rule groups."),
        ConfigurationKey.ignored("namespace", "a file's name is its namespace"),
    ]

    /// Reads the file at `path`.
    package init(
        path: String, language: RuleLanguage, timeIntervals: [String: [TimeInterval]]? = nil,
        surroundings: ConfigurationSurroundings = .process
    ) {
        switch surroundings.read(path) {
        case .success(let bytes):
            self.init(bytes, path: path, language: language, timeIntervals: timeIntervals)
        case .failure(let failure): self.init(unreadable: path, "cannot be read: \(failure.reason)")
        }
    }

    private init(unreadable path: String, _ message: String) {
        self.path = path
        let start = SourcePosition(line: 1, column: 1)
        failures = [Failure(problems: [ConfigurationProblem(file: path, position: start, message: message)])]
    }

    /// Reads text that is already there. Each group is read by itself, so that a wrong one leaves the others alone.
    ///
    /// - Parameter timeIntervals: what `active` may name; nil where that is not known, and any name is taken.
    package init(
        _ bytes: [UInt8], path: String, language: RuleLanguage, timeIntervals: [String: [TimeInterval]]? = nil
    ) {
        self.path = path
        let document: YAMLDocument
        do throws(ConfigurationError) {
            document = try YAMLDocument(bytes, file: path, takesFirst: true)
        } catch {
            failures = [Failure(problems: error.problems)]
            return
        }
        // As Prometheus's `rulefmt.Parse` does it.
        if let further = document.furtherDocument {
            warnings.append(
                ConfigurationProblem(
                    file: path, position: further,
                    message: "a rule file is one document: what is from here on is passed over"))
        }
        let context = ReadingContext(file: path, surroundings: .process)
        guard
            let reader = ValueReader(node: document.root, name: "the file", context: context).mapping(
                Self.configurationKeys)
        else {
            failures = [Failure(problems: context.problems)]
            return
        }
        let items = reader.value("groups")?.items() ?? []
        reader.finish()
        if !context.problems.isEmpty {
            failures = [Failure(problems: context.problems)]
            return
        }
        warnings += context.warnings
        var names: Set<String> = []
        for item in items { read(item, &names, language, timeIntervals) }
        warnings.sort { $0.position < $1.position }
    }

    private mutating func read(
        _ item: ValueReader, _ names: inout Set<String>, _ language: RuleLanguage,
        _ timeIntervals: [String: [TimeInterval]]?
    ) {
        let context = ReadingContext(file: path, surroundings: .process)
        let value = ValueReader(node: item.node, name: item.name, context: context)
        guard let reader = value.mapping(RuleGroupDefinition.configurationKeys) else {
            failures.append(Failure(group: "", problems: context.problems))
            return
        }
        let group = RuleGroupDefinition(reader, file: path, language: language, intervals: timeIntervals)
        if !group.name.isEmpty, !names.insert(group.name).inserted {
            reader.report("groupname: \"\(group.name)\" is repeated in the same file", at: "name")
        }
        warnings += context.warnings
        if context.problems.isEmpty {
            groups.append(group)
        } else {
            failures.append(Failure(group: group.name, problems: context.problems))
        }
    }

    /// The files that patterns such as `/etc/tocsin/rules/*.yaml` name, each once, by name; a name without a wildcard stays
    /// though there is no such file, so that its absence is told.
    package static func paths(matching patterns: [String]) -> [String] {
        var found: Set<String> = []
        for pattern in patterns {
            guard pattern.contains(where: { "*?[".contains($0) }) else {
                found.insert(pattern)
                continue
            }
            var result = glob_t()
            defer { globfree(&result) }
            guard glob(pattern, 0, nil, &result) == 0 else { continue }
            for index in 0..<Int(result.gl_pathc) {
                if let path = result.gl_pathv[index] { found.insert(String(cString: path)) }
            }
        }
        return found.sorted()
    }
}
