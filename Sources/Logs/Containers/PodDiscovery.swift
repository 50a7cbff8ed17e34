import Telemetry

/// Finds the logs of Kubernetes pods: `<root>/<namespace>_<pod>_<uid>/<container>/<restarts>.log`.
package struct PodDiscovery: TargetDiscovery {
    private let configuration: PodLogsConfiguration

    package init(_ configuration: PodLogsConfiguration) { self.configuration = configuration }

    package func discover() -> DiscoveredTargets {
        var result = DiscoveredTargets()
        let root = configuration.path
        for pod in names(root, &result) {
            // Neither namespaces nor pods have an underscore in their names.
            let parts = pod.split(separator: "_", omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 3, parts.allSatisfy({ !$0.isEmpty }) else { continue }
            for container in names("\(root)/\(pod)", &result) {
                add(parts, container, "\(root)/\(pod)/\(container)", &result)
            }
        }
        return result
    }

    private func add(_ pod: [String], _ container: String, _ directory: String, _ result: inout DiscoveredTargets) {
        let runs = names(directory, &result).compactMap(Self.restarts).sorted()
        for restarts in runs {
            let path = "\(directory)/\(restarts).log"
            var labels: LabelSet = [
                "namespace": pod[0], "pod": pod[1], "container": container,
                "__meta_kubernetes_namespace": pod[0], "__meta_kubernetes_pod_name": pod[1],
                "__meta_kubernetes_pod_uid": pod[2], "__meta_kubernetes_pod_container_name": container,
                "__meta_kubernetes_pod_container_restart_count": "\(restarts)",
            ]
            labels = labels.overridden(by: configuration.labels)
            labels["__path__"] = path
            // Where docker is the runtime the file is a link to its own log.
            let isDocker = ContainerFiles.linkTarget(path)?.hasSuffix("-json.log") ?? false
            var target = TailTarget(path: path, labels: labels, format: isDocker ? .docker : .cri)
            target.isFinished = restarts != runs.last
            result.targets.append(target)
        }
    }

    /// `3` of `3.log`; nil for rotated files (`3.log.20261120-090807`, `.gz`) and others.
    private static func restarts(_ name: String) -> Int? {
        guard name.hasSuffix(".log"), let number = Int(name.dropLast(4)), number >= 0, name == "\(number).log" else {
            return nil
        }
        return number
    }

    /// What is in a directory, which is watched from now on.
    private func names(_ path: String, _ result: inout DiscoveredTargets) -> [String] {
        do throws(ContainerFileError) {
            let names = try ContainerFiles.names(path)
            result.watchedDirectories.append(path)
            return names
        } catch {
            if !error.isMissing {
                result.problems.append(error.problem(path, runtime: "the kubelet"))
            } else if path == configuration.path {
                result.watchedDirectories.append(ContainerFiles.nearestDirectory(path))
            }
            return []
        }
    }
}
