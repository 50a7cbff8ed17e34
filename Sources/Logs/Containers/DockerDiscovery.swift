import Bytes
import Telemetry

/// Finds docker's containers and their `json-file` logs in dockerd's data root, without asking dockerd.
package struct DockerDiscovery: TargetDiscovery {
    private let configuration: DockerConfiguration
    private let filter: DockerFilter

    package init(_ configuration: DockerConfiguration) {
        self.configuration = configuration
        filter = DockerFilter(filters: configuration.filters)
    }

    /// Few and short labels for a job that gives none: container, compose_project, compose_service, stream.
    package static let defaultRules: [RelabelRule] = [
        rule("__meta_docker_container_name", "container", "/?(.*)"),
        rule("__meta_docker_container_label_com_docker_compose_project", "compose_project"),
        rule("__meta_docker_container_label_com_docker_compose_service", "compose_service"),
        rule("__meta_docker_container_log_stream", "stream"),
    ]

    private static func rule(_ source: String, _ target: String, _ regex: String = "(.*)") -> RelabelRule {
        var rule = RelabelRule()
        rule.sourceLabels = [source]
        rule.targetLabel = target
        rule.regex = regex
        return rule
    }

    package func discover() -> DiscoveredTargets {
        let found = look()
        var result = DiscoveredTargets()
        result.problems = found.problems
        result.watchedDirectories = found.directories
        for container in found.containers where container.logDriver == "json-file" {
            result.targets.append(target(container))
        }
        return result
    }

    /// Whether there is, or may be, a container that only the API can give: asked before dockerd is bothered at all.
    func mayNeedAPI(socket: String) -> Bool {
        guard ContainerFiles.exists(directory) else { return ContainerFiles.exists(socket) }
        let found = look()
        return !found.problems.isEmpty || found.containers.contains { Self.needsAPI($0.logDriver) }
    }

    /// Whether a driver leaves no file that others can read, but dockerd can give its logs. `journald` is left to the
    /// journal source; of other drivers dockerd keeps a copy by the `local` driver unless told not to.
    static func needsAPI(_ driver: String) -> Bool {
        !["json-file", "journald", "none", "syslog", ""].contains(driver)
    }

    private func target(_ container: DockerContainer) -> TailTarget {
        // dockerd's own path may be another one than ours: a container's view, a bind mount.
        let file = container.logPath.split(separator: "/").last.map(String.init) ?? "\(container.id)-json.log"
        let path = "\(directory)/\(container.id)/\(file)"
        var labels = container.metaLabels(hostNetworkingHost: configuration.hostNetworkingHost)
            .overridden(by: configuration.labels)
        labels["__path__"] = path
        var target = TailTarget(path: path, labels: labels, format: .docker)
        target.isFinished = !container.isLive
        return target
    }

    private var directory: String { "\(configuration.dataRoot)/containers" }

    private func look() -> (containers: [DockerContainer], directories: [String], problems: [String]) {
        var containers: [DockerContainer] = []
        var directories: [String] = []
        var problems: [String] = []
        do throws(ContainerFileError) {
            let names = try ContainerFiles.names(directory)
            directories.append(directory)
            for name in names {
                let path = "\(directory)/\(name)"
                directories.append(path)
                guard
                    let config = ContainerFiles.json(
                        "\(path)/config.v2.json", runtime: "docker", problems: &problems)
                else { continue }
                let hostConfig = ContainerFiles.json(
                    "\(path)/hostconfig.json", runtime: "docker", problems: &problems)
                guard var container = DockerContainer(config: config, hostConfig: hostConfig) else {
                    problems.append(
                        "\(path)/config.v2.json has no ID; dockerd writes it anew when the container starts")
                    continue
                }
                // The directory's name is what the path of the log is made of.
                container.id = name
                if filter.accepts(container) { containers.append(container) }
            }
        } catch {
            if error.isMissing {
                directories.append(ContainerFiles.nearestDirectory(directory))
            } else {
                problems.append(error.problem(directory, runtime: "docker"))
            }
        }
        // Forty containers refused for the same reason are one problem.
        if problems.count > 3 {
            problems = Array(problems.prefix(2)) + ["\(problems.count - 2) more files of docker cannot be read either"]
        }
        return (containers, directories, problems)
    }
}
