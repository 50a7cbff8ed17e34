import ArgumentParser
import Glibc

/// Where a command finds the configuration and the state.
struct ConfigurationOptions: ParsableArguments {
    @Option(help: "The configuration file. Default: \(AgentConfiguration.defaultPath) if it is there, else none.")
    var config: String?

    @Option(help: "The state directory, instead of the file's state_dir.")
    var stateDir: String?

    /// The file to read, nil for the built-in defaults.
    var path: String? {
        if let config { return config }
        return access(AgentConfiguration.defaultPath, F_OK) == 0 ? AgentConfiguration.defaultPath : nil
    }

    var absoluteStateDirectory: String? { stateDir.map(absolutePath) }

    private func absolutePath(_ path: String) -> String {
        guard !path.hasPrefix("/"), let current = getcwd(nil, 0) else { return path }
        defer { free(current) }
        return String(cString: current) + "/" + path
    }
}
