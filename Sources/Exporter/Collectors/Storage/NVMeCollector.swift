import Telemetry

/// `/sys/class/nvme`: controllers and their namespaces.
struct NVMeCollector: Collector {
    static let description = CollectorDescription("nvme", "NVMe controllers and their namespaces.") {
        NVMeCollector($0)
    }

    /// Of the sample that names a controller, in the order of labels; `device` stands second.
    private static let texts: [(label: StaticString, file: StaticString)] = [
        ("cntlid", "cntlid"), ("firmware_revision", "firmware_rev"), ("model", "model"), ("serial", "serial"),
        ("state", "state"),
    ]

    private final class Controller {
        let name: String
        let texts: [String]
        let namespaces: DeviceList<Namespace>

        init(name: String, path: String) {
            self.name = name
            texts = NVMeCollector.texts.map { "\(path)/\($0.file)" }
            namespaces = DeviceList(path) { name, path in Namespace(name: name, path: path) }
        }
    }

    private struct Namespace {
        let id: String
        let used, size, blockSize, state: String

        /// `nvme0n1` or, behind several paths, `nvme0c1n1`: the number after the last `n`.
        init?(name: String, path: String) {
            guard name.number(after: "nvme") != nil, let mark = name.lastIndex(of: "n"), mark > name.startIndex,
                Int(name[name.index(after: mark)...]) != nil, name[name.index(before: mark)].isNumber
            else { return nil }
            id = String(name[name.index(after: mark)...])
            used = "\(path)/nuse"
            size = "\(path)/size"
            blockSize = "\(path)/queue/logical_block_size"
            state = "\(path)/ana_state"
        }
    }

    private let controllers: DeviceList<Controller>

    init(_ context: CollectorContext) {
        controllers = DeviceList(context.paths.sys("class/nvme")) { Controller(name: $0, path: $1) }
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        try controllers.refresh()
        let info = batch.family("node_nvme_info", .gauge, "What an NVMe controller is and its state; always 1.")
        for controller in controllers.devices {
            batch.startLabels()
            for (place, path) in controller.texts.enumerated() {
                if place == 1 { batch.label("device", controller.name) }
                if reader.loadAttribute(path) {
                    batch.label(Self.texts[place].label, repairing: reader.text)
                } else {
                    batch.label(Self.texts[place].label, "" as StaticString)
                }
            }
            batch.sample(info, batch.endLabels(), 1)
            guard try controller.namespaces.refreshIfPresent() else { continue }
            for namespace in controller.namespaces.devices {
                write(namespace, of: controller.name, into: &batch, &reader)
            }
        }
    }

    private func write(
        _ namespace: Namespace, of controller: String, into batch: inout SampleBatch, _ reader: inout HostReader
    ) {
        let info = batch.family("node_nvme_namespace_info", .gauge, "State of the path to a namespace; always 1.")
        batch.startLabels()
        if reader.loadAttribute(namespace.state) {
            batch.label("ana_state", repairing: reader.text)
        } else {
            batch.label("ana_state", "unknown" as StaticString)
        }
        batch.label("device", controller)
        batch.label("nsid", namespace.id)
        batch.sample(info, batch.endLabels(), 1)

        guard let blockSize = reader.number(namespace.blockSize) else { return }
        batch.startLabels()
        batch.label("device", controller)
        batch.label("nsid", namespace.id)
        let labels = batch.endLabels()
        batch.sample(
            batch.family("node_nvme_namespace_logical_block_size_bytes", .gauge, "Bytes of a block of a namespace."),
            labels, blockSize)
        if let used = reader.number(namespace.used) {
            batch.sample(
                batch.family("node_nvme_namespace_used_bytes", .gauge, "Bytes of a namespace that are in use."), labels,
                used * blockSize)
        }
        if let size = reader.number(namespace.size) {
            batch.sample(
                batch.family("node_nvme_namespace_size_bytes", .gauge, "Bytes of a namespace."), labels,
                size * blockSize)
            batch.sample(
                batch.family("node_nvme_namespace_capacity_bytes", .gauge, "Bytes that a namespace may come to use."),
                labels, size * blockSize)
        }
    }
}
