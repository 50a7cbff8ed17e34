import Bytes
import Telemetry

/// dockerd's containers by id, from the `config.v2.json` and `hostconfig.json` of each below its data root.
///
/// Layers, images and the containerd image store are never looked at: what a container is called stands in these two files
/// whichever store its image is in.
final class DockerNames {
    private struct Entry {
        var config: RuntimeFile
        var hostConfig: RuntimeFile
        var networkMode = ""
    }

    private let directory: HostDirectory
    private var entries: [String: Entry] = [:]
    /// By id; running or not.
    private(set) var containers: [String: DockerContainer] = [:]
    private var hasDirectory = false

    /// Containers that are known at most.
    private static let most = 10_000

    init(dataRoot: String) { directory = HostDirectory("\(dataRoot)/containers", onlyDirectories: true) }

    /// Looks again; whether anything is known that was not, or differs.
    func refresh(_ reader: inout HostReader) -> Bool {
        var hasChanged = false
        do throws(HostFileError) {
            if try directory.refresh() || !hasDirectory { hasChanged = adopt() }
            hasDirectory = true
        } catch {
            if !error.isAbsent {
                reader.odd("\(error): without CAP_DAC_READ_SEARCH docker's containers have no names")
            }
            hasDirectory = false
            guard !entries.isEmpty else { return false }
            entries.removeAll()
            containers.removeAll()
            return true
        }
        for id in directory.names.prefix(Self.most) where read(id, &reader) { hasChanged = true }
        return hasChanged
    }

    private func adopt() -> Bool {
        let names = Set(directory.names.prefix(Self.most))
        var hasChanged = false
        for id in Array(entries.keys) where !names.contains(id) {
            entries[id] = nil
            containers[id] = nil
            hasChanged = true
        }
        for id in names where entries[id] == nil {
            entries[id] = Entry(
                config: RuntimeFile("\(directory.path)/\(id)/config.v2.json"),
                hostConfig: RuntimeFile("\(directory.path)/\(id)/hostconfig.json"))
            hasChanged = true
        }
        return hasChanged
    }

    private func read(_ id: String, _ reader: inout HostReader) -> Bool {
        guard let index = entries.index(forKey: id) else { return false }
        let old = containers[id]
        var container = old
        switch entries.values[index].config.change(&reader) {
        case .none: break
        case .absent: container = nil
        // Half written, most likely: what was known stays until it can be read.
        case .unreadable(let problem): reader.odd(problem)
        case .value(let value): container = DockerContainer(config: value, hostConfig: nil)
        }
        switch entries.values[index].hostConfig.change(&reader) {
        case .none: break
        case .absent: entries.values[index].networkMode = ""
        case .unreadable(let problem): reader.odd(problem)
        case .value(let value): entries.values[index].networkMode = value["NetworkMode"]?.string ?? ""
        }
        container?.networkMode = entries.values[index].networkMode
        guard container != old else { return false }
        containers[id] = container
        return true
    }
}
