import Bytes
import CLinux
import Configuration
import Telemetry

/// Targets that files name: Prometheus's `file_sd_configs`.
///
/// Files are looked at every few seconds and read when they have changed. One that cannot be read keeps its last targets.
final class FileDiscovery: TargetDiscoverer {
    let period = 5.0
    private let patterns: [String]
    private var files: [String: Known] = [:]

    private struct Known {
        var version: Version
        var groups: [TargetGroup]
    }

    private struct Version: Equatable {
        var inode: UInt64
        var size: UInt64
        var time: Int64
    }

    init(_ configuration: FileDiscoveryConfiguration) { patterns = configuration.files }

    func look() throws -> [TargetGroup]? {
        var found: [String: Known] = [:]
        var hasChanged = false
        var problem: DiscoveryError?
        for path in patterns.flatMap(PathPattern.expand) where found[path] == nil {
            var status = clinux_file_status()
            guard clinux_status_of_path(path, 1, &status) == 0 else { continue }
            let version = Version(inode: status.inode, size: status.size, time: status.modification_time)
            if let known = files[path], known.version == version {
                found[path] = known
                continue
            }
            do throws(DiscoveryError) {
                found[path] = Known(version: version, groups: try TargetFile.groups(path))
                hasChanged = true
            } catch {
                problem = error
                if let known = files[path] { found[path] = known }
            }
        }
        hasChanged = hasChanged || found.count != files.count
        files = found
        if let problem, !hasChanged { throw problem }
        guard hasChanged else { return nil }
        return found.sorted { $0.key < $1.key }.flatMap(\.value.groups)
    }
}

/// The contents of a file with targets: a list of `{targets: […], labels: {…}}`, as JSON or YAML.
enum TargetFile {
    static func groups(_ path: String) throws(DiscoveryError) -> [TargetGroup] {
        switch ConfigurationSurroundings.process.read(path) {
        case .failure(let failure): throw DiscoveryError("\(path): \(failure.reason)")
        case .success(let bytes): return try groups(bytes, path)
        }
    }

    /// Each target gets the label `__meta_filepath`.
    static func groups(_ bytes: [UInt8], _ path: String) throws(DiscoveryError) -> [TargetGroup] {
        let groups = path.hasSuffix(".json") ? try json(bytes, path) : try yaml(bytes, path)
        return groups.map { group in
            var group = group
            group.labels["__meta_filepath"] = path
            return group
        }
    }

    private static func json(_ bytes: [UInt8], _ path: String) throws(DiscoveryError) -> [TargetGroup] {
        let document: JSONValue
        do throws(JSONError) { document = try JSONValue(parsing: bytes.span.bytes) } catch {
            throw DiscoveryError("\(path): \(error.description)")
        }
        guard case .array(let items) = document else { throw DiscoveryError("\(path): expected a list of groups") }
        var groups: [TargetGroup] = []
        for item in items {
            guard case .object(let members) = item else { throw DiscoveryError("\(path): expected {targets, labels}") }
            var group = TargetGroup(targets: [])
            for member in members {
                switch (member.name, member.value) {
                case ("targets", .array(let targets)):
                    for target in targets { try append(target.string, to: &group, path) }
                case ("labels", .object(let labels)):
                    for label in labels { try set(label.name, label.value.string, in: &group, path) }
                default: throw DiscoveryError("\(path): expected targets and labels, found \"\(member.name)\"")
                }
            }
            groups.append(group)
        }
        return groups
    }

    private static func yaml(_ bytes: [UInt8], _ path: String) throws(DiscoveryError) -> [TargetGroup] {
        let root: YAMLNode
        do throws(ConfigurationError) { root = try YAMLDocument(bytes, file: path).root } catch {
            throw DiscoveryError("\(error)")
        }
        if case .mapping(let entries) = root.content, entries.isEmpty { return [] }
        if root.isNull { return [] }
        guard case .sequence(let items) = root.content else {
            throw DiscoveryError("\(path): expected a list of groups")
        }
        var groups: [TargetGroup] = []
        for item in items {
            guard case .mapping(let entries) = item.content else {
                throw DiscoveryError("\(path):\(item.position.line): expected targets and labels")
            }
            var group = TargetGroup(targets: [])
            for entry in entries {
                switch (entry.key, entry.value.content) {
                case ("targets", .sequence(let targets)):
                    for target in targets { try append(scalar(target), to: &group, path) }
                case ("labels", .mapping(let labels)):
                    for label in labels { try set(label.key, scalar(label.value), in: &group, path) }
                default:
                    throw DiscoveryError(
                        "\(path):\(entry.keyPosition.line): expected targets and labels, found \"\(entry.key)\"")
                }
            }
            groups.append(group)
        }
        return groups
    }

    private static func scalar(_ node: YAMLNode) -> String? {
        guard case .scalar(let text, _) = node.content else { return nil }
        return text
    }

    private static func append(
        _ address: String?, to group: inout TargetGroup, _ path: String
    ) throws(DiscoveryError) {
        guard let address else { throw DiscoveryError("\(path): expected targets as text") }
        group.targets.append(["__address__": address])
    }

    private static func set(
        _ name: String, _ value: String?, in group: inout TargetGroup, _ path: String
    ) throws(DiscoveryError) {
        guard let value, LabelSet.isValidName(name) else {
            throw DiscoveryError("\(path): expected a label's name and text, found \"\(name)\"")
        }
        group.labels[name] = value
    }
}
