import Bytes
import Telemetry

/// A container's labels as the text format writes them, made once for each container: between the pieces stand the labels
/// that a family has of its own, since labels come in the order of their names.
struct ContainerLabels {
    /// `container`, `container_env_*`
    private var container: [UInt8] = []
    /// `container_label_*`
    private var first: [UInt8] = []
    /// `id`, `image`
    private var second: [UInt8] = []
    /// `name`, `namespace`
    private var third: [UInt8] = []
    /// `third`, for families that outlive a cgroup: Kubernetes gives a container another id, and so another name, at each
    /// restart, which must not begin another series.
    private var lasting: [UInt8] = []
    /// `pod`
    private var fourth: [UInt8] = []
    /// `image`, for families without `id`.
    private var image: [UInt8] = []
    /// `container_id`, for families that outlive a cgroup.
    private var containerID: [UInt8] = []
    private var runtime: [UInt8] = []

    /// Most labels of one container that are exported, and bytes of each value.
    private static let most = 64
    private static let longest = 1024

    /// - Parameters:
    ///   - id: of the cgroup.
    ///   - containerID: as the runtime gave it; empty where a pod's container is meant, whose id is another after each restart.
    init(
        id: String, containerID: String, identity: ContainerIdentity?, labels: NameFilter?, environment: NameFilter?
    ) {
        Self.write("container_id", containerID, to: &self.containerID)
        if let identity {
            Self.write("container", identity.container, to: &container)
            var exported: [(name: String, value: String)] = []
            if let environment {
                for entry in identity.environment {
                    let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                    guard parts.count == 2, environment.allows(String(parts[0])) else { continue }
                    let name = LabelName.sanitised(parts[0].lowercased())
                    exported.append(("container_env_" + name, String(parts[1])))
                }
            }
            if let labels {
                for label in identity.labels where labels.allows(label.name) {
                    exported.append(("container_label_" + LabelName.sanitised(label.name), label.value))
                }
            }
            exported.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
            var last = ""
            for label in exported.prefix(Self.most) where label.name != last {
                // "a.b" and "a-b" make one name; the first of them is it.
                last = label.name
                if label.name.hasPrefix("container_env_") {
                    Self.write(label.name, label.value, to: &container)
                } else {
                    Self.write(label.name, label.value, to: &first)
                }
            }
            Self.write("image", identity.image, to: &image)
            Self.write("name", identity.name, to: &third)
            Self.write("namespace", identity.namespace, to: &third)
            if identity.pod.isEmpty { Self.write("name", identity.name, to: &lasting) }
            Self.write("namespace", identity.namespace, to: &lasting)
            Self.write("pod", identity.pod, to: &fourth)
            Self.write("runtime", identity.runtime.rawValue, to: &runtime)
        }
        Self.write("id", id, to: &second)
        if let identity { Self.write("image", identity.image, to: &second) }
    }

    private static func write(_ name: String, _ value: String, to text: inout [UInt8]) {
        if value.isEmpty { return }
        if !text.isEmpty { text.append(0x2c) }
        text.append(contentsOf: name.utf8)
        text.append(contentsOf: "=\"".utf8)
        var room = longest
        for character in value.unicodeScalars {
            let bytes = UTF8.encode(character)
            room -= bytes?.count ?? 0
            guard room >= 0, let bytes else { break }
            switch character {
            case "\\", "\"":
                text.append(0x5c)
                text.append(contentsOf: bytes)
            case "\n": text.append(contentsOf: "\\n".utf8)
            default: text.append(contentsOf: bytes)
            }
        }
        text.append(0x22)
    }

    /// A set with the labels that a family has beside the container's.
    ///
    /// - Parameters:
    ///   - early: writes those between `container_…` and `id`: `cpu`, `device`, `failure_type`.
    ///   - middle: those between `image` and `name`: `interface`, `major`, `minor`.
    ///   - late: between `namespace` and `pod`: `operation`.
    ///   - last: behind `pod`: `scope`.
    @inline(__always)
    func labels(
        in batch: inout SampleBatch, early: (inout SampleBatch) -> Void = { _ in },
        middle: (inout SampleBatch) -> Void = { _ in }, late: (inout SampleBatch) -> Void = { _ in },
        last: (inout SampleBatch) -> Void = { _ in }
    ) -> SampleBatch.Labels {
        batch.startLabels()
        batch.label(written: container.span.bytes)
        batch.label(written: first.span.bytes)
        early(&batch)
        batch.label(written: second.span.bytes)
        middle(&batch)
        batch.label(written: third.span.bytes)
        late(&batch)
        batch.label(written: fourth.span.bytes)
        last(&batch)
        return batch.endLabels()
    }

    /// The labels of what is told of a container whether it runs or not: no `id`, which is the cgroup's.
    func statusLabels(in batch: inout SampleBatch, state: StaticString? = nil) -> SampleBatch.Labels {
        batch.startLabels()
        batch.label(written: container.span.bytes)
        batch.label(written: containerID.span.bytes)
        batch.label(written: first.span.bytes)
        batch.label(written: image.span.bytes)
        batch.label(written: lasting.span.bytes)
        batch.label(written: fourth.span.bytes)
        batch.label(written: runtime.span.bytes)
        if let state { batch.label("state", state) }
        return batch.endLabels()
    }
}
