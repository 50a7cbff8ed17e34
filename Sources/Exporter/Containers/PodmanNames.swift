import Bytes
import Telemetry

/// podman's containers by id, from the lists that containers/storage keeps: `overlay-containers/containers.json` below a storage
/// root, and `volatile-containers.json` for containers that end with `--rm`.
///
/// Storage of users is looked for only when one of their containers runs: its cgroup has the user's number, and `/etc/passwd`
/// the home.
final class PodmanNames {
    private struct Root {
        var path: String
        var lists: [RuntimeFile]
        var containers: [[PodmanContainer]]
    }

    private var roots: [Root] = []
    private var users: Set<Int> = []
    private let paths: HostPaths
    private(set) var containers: [String: PodmanContainer] = [:]

    private static let mostUsers = 256
    private static let drivers = ["overlay", "vfs", "btrfs", "zfs"]

    /// - Parameter roots: as podman's `--root`: `/var/lib/containers/storage`.
    init(roots: [String], paths: HostPaths) {
        self.paths = paths
        for root in roots { add(paths.root(root)) }
    }

    private func add(_ root: String) {
        guard !roots.contains(where: { $0.path == root }) else { return }
        let directories = Self.drivers.map { "\(root)/\($0)-containers" }
        let lists = directories.flatMap {
            [RuntimeFile("\($0)/containers.json"), RuntimeFile("\($0)/volatile-containers.json")]
        }
        roots.append(Root(path: root, lists: lists, containers: Array(repeating: [], count: lists.count)))
    }

    /// Looks into the storage of the user whose container this cgroup is, from now on.
    func noticeUser(of id: String, _ reader: inout HostReader) {
        guard let start = id.ranges(of: "/user@").first?.upperBound,
            let end = id[start...].ranges(of: ".service").first?.lowerBound, let user = Int(id[start..<end]),
            users.count < Self.mostUsers, users.insert(user).inserted, let home = home(of: user, &reader)
        else { return }
        add(paths.root("\(home)/.local/share/containers/storage"))
    }

    private func home(of user: Int, _ reader: inout HostReader) -> String? {
        let file = HostFile(paths.root("/etc/passwd"))
        do throws(HostFileError) {
            guard try reader.loadIfPresent(file) else { return nil }
        } catch {
            reader.odd("\(error)")
            return nil
        }
        var lines = LineCursor(reader.text)
        while lines.next() {
            let fields = String(lossy: lines.line).split(separator: ":", omittingEmptySubsequences: false)
            if fields.count >= 6, Int(fields[2]) == user, fields[5].hasPrefix("/") { return String(fields[5]) }
        }
        return nil
    }

    /// Looks again; whether anything is known that was not, or differs.
    func refresh(_ reader: inout HostReader) -> Bool {
        var hasChanged = false
        for root in roots.indices {
            for list in roots[root].lists.indices {
                switch roots[root].lists[list].change(&reader) {
                case .none: continue
                case .absent: roots[root].containers[list] = []
                case .unreadable(let problem):
                    reader.odd(problem)
                    continue
                case .value(let value): roots[root].containers[list] = PodmanContainer.list(value)
                }
                hasChanged = true
            }
        }
        guard hasChanged else { return false }
        let old = containers
        containers.removeAll()
        for container in roots.flatMap(\.containers).joined() { containers[container.id] = container }
        return containers != old
    }
}
