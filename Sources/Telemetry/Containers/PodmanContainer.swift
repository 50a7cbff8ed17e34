import Bytes

/// A container in the list that containers/storage keeps for podman, `containers.json` (`storage.Container`).
package struct PodmanContainer: Sendable, Equatable {
    package var id: String
    /// Empty where neither the list nor its metadata has one.
    package var name: String
    package var image: String

    /// The containers of a list. Entries without an id are left out; `metadata` is JSON within JSON.
    package static func list(_ json: JSONValue) -> [PodmanContainer] {
        json.elements.compactMap { entry in
            guard let id = entry["id"]?.string, !id.isEmpty else { return nil }
            let bytes = Array((entry["metadata"]?.string ?? "").utf8)
            let metadata = try? JSONValue(parsing: bytes.span.bytes)
            return PodmanContainer(
                id: id, name: entry["names"]?.elements.first?.string ?? metadata?["name"]?.string ?? "",
                image: metadata?["image-name"]?.string ?? "")
        }
    }
}
