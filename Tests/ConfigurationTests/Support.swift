import Configuration

/// Surroundings of a test: these variables, these files, nothing of the machine.
func surroundings(_ variables: [String: String] = [:], files: [String: String] = [:]) -> ConfigurationSurroundings {
    ConfigurationSurroundings(
        variable: { variables[$0] },
        read: { path in
            guard let text = files[path] else { return .failure(FileFailure("No such file or directory")) }
            return .success(Array(text.utf8))
        })
}

/// Reads `yaml` as `Section`, as the file `/etc/t.yaml`.
func read<Section: ConfigurationSection>(
    _ type: Section.Type = Section.self, _ yaml: String, _ surroundings: ConfigurationSurroundings = surroundings()
) throws(ConfigurationError) -> ConfigurationFile<Section> {
    try ConfigurationFile(Array(yaml.utf8), file: "/etc/t.yaml", surroundings: surroundings)
}

/// What is wrong with `yaml`, without the file's name: `line:column: message`.
func problems<Section: ConfigurationSection>(
    _ type: Section.Type, _ yaml: String, _ surroundings: ConfigurationSurroundings = surroundings()
) -> [String] {
    do throws(ConfigurationError) {
        _ = try read(type, yaml, surroundings)
        return []
    } catch {
        return error.problems.map { String($0.description.dropFirst("/etc/t.yaml:".count)) }
    }
}
