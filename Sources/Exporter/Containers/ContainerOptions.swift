import Telemetry

/// Options of the `containers` collector, as read.
struct ContainerOptions {
    let dockerRoots: [String]
    let podmanRoots: [String]
    /// By docker's name or `NAMESPACE/POD/CONTAINER`.
    let names: NameFilter
    /// Which labels are exported; nil for none.
    let labels: NameFilter?
    /// Which variables of the environment are exported; nil for none.
    let environment: NameFilter?
    let limit: Int

    static let descriptions: [CollectorOption] = [
        CollectorOption(
            "docker_data_root", .texts, default: "/var/lib/docker",
            "dockerd's data root, where names and labels are read."),
        CollectorOption(
            "podman_roots", .texts, default: "/var/lib/containers/storage",
            "Storage roots of podman. Those of users whose containers run are found by themselves."),
        CollectorOption(
            "name_include", .pattern, "Only containers whose name, or NAMESPACE/POD/CONTAINER, matches."),
        CollectorOption("name_exclude", .pattern, "No containers whose name, or NAMESPACE/POD/CONTAINER, matches."),
        CollectorOption(
            "label_include", .pattern, default: #"^com\.docker\.compose\.(project|service)$"#,
            "Labels of containers that become container_label_NAME."),
        CollectorOption("label_exclude", .pattern, "Labels that do not, though label_include matches."),
        CollectorOption(
            "env_include", .pattern,
            "Variables of docker's containers that become container_env_NAME. None by default: they often are secrets."),
        CollectorOption("limit", .integer, default: "1000", "Containers and pods that are measured at most."),
    ]

    init(_ options: CollectorOptions) throws {
        dockerRoots = options.texts("docker_data_root")
        podmanRoots = options.texts("podman_roots")
        names = try options.filter("name")
        // An empty pattern, which says "every name" elsewhere, exports no label: that is how one says "none".
        labels =
            try options.pattern("label_include") == nil && options.values["label_include"] != nil
            ? nil : try options.filter("label")
        environment = try options.pattern("env_include").map { NameFilter(include: $0, exclude: nil) }
        limit = max(0, options.integer("limit") ?? 1000)
    }
}
