import Bytes
import Telemetry

/// Finds the logs of podman's containers with the `k8s-file` driver: `<storage>/<id>/userdata/ctr.log`.
package struct PodmanDiscovery: TargetDiscovery {
    private let configuration: PodmanConfiguration

    package init(_ configuration: PodmanConfiguration) { self.configuration = configuration }

    package func discover() -> DiscoveredTargets {
        var result = DiscoveredTargets()
        for storage in configuration.paths { look(storage, &result) }
        return result
    }

    private func look(_ storage: String, _ result: inout DiscoveredTargets) {
        do throws(ContainerFileError) {
            let names = try ContainerFiles.names(storage)
            result.watchedDirectories.append(storage)
            let known = containers(storage, &result.problems)
            for id in names where ContainerFiles.exists("\(storage)/\(id)/userdata") {
                let directory = "\(storage)/\(id)/userdata"
                result.watchedDirectories.append(directory)
                guard ContainerFiles.exists("\(directory)/ctr.log") else { continue }
                result.targets.append(target(id, directory, known[id], &result.problems))
            }
        } catch {
            if error.isMissing {
                result.watchedDirectories.append(ContainerFiles.nearestDirectory(storage))
            } else {
                result.problems.append(error.problem(storage, runtime: "podman"))
            }
        }
    }

    private func target(
        _ id: String, _ directory: String, _ container: PodmanContainer?, _ problems: inout [String]
    ) -> TailTarget {
        let path = "\(directory)/ctr.log"
        let name = container?.name ?? ""
        var labels: LabelSet = [
            "container": name.isEmpty ? String(id.prefix(12)) : name,
            "__meta_podman_container_id": id, "__meta_podman_container_name": name,
            "__meta_podman_container_image": container?.image ?? "",
        ]
        let specification = ContainerFiles.json("\(directory)/config.json", runtime: "podman", problems: &problems)
        for annotation in specification?["annotations"]?.members ?? [] {
            labels["__meta_podman_container_annotation_" + LabelName.sanitised(annotation.name)] =
                annotation.value.string
        }
        labels = labels.overridden(by: configuration.labels)
        labels["__path__"] = path
        return TailTarget(path: path, labels: labels, format: .cri)
    }

    private func containers(_ storage: String, _ problems: inout [String]) -> [String: PodmanContainer] {
        let list = ContainerFiles.json("\(storage)/containers.json", runtime: "podman", problems: &problems)
        let containers = list.map(PodmanContainer.list) ?? []
        return Dictionary(containers.map { ($0.id, $0) }, uniquingKeysWith: { _, later in later })
    }
}
