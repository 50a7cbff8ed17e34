import CLinux

/// The cgroups of one tree, looked through at each collection; while none comes or goes that costs no allocation.
///
/// Leaves are told by their link count, which in cgroupfs is 2 plus the number of subdirectories; only directories that have
/// some are listed. Below a container or unit nothing is looked for.
final class CgroupTree {
    /// A cgroup that is a container, a pod or a unit.
    struct Found: Equatable {
        /// The path in the tree, with its leading slash.
        var id: String
        var kind: CgroupKind
    }

    private final class Node {
        let id: String
        let name: String
        let kind: CgroupKind
        let directory: HostDirectory
        var children: [Node] = []

        init(id: String, name: String, kind: CgroupKind, path: String) {
            self.id = id
            self.name = name
            self.kind = kind
            directory = HostDirectory(path, onlyDirectories: true)
        }
    }

    /// What a directory is, by its name, its parent's name and what its parent is.
    typealias Classifier = (_ name: String, _ parent: String, _ parentKind: CgroupKind) -> CgroupKind

    let root: String
    private let classify: Classifier
    /// In the order of their ids, a pod before its containers; as of the last `refresh`.
    private(set) var found: [Found] = []
    /// Directories beyond the cap, which were not looked at.
    private(set) var leftOut = 0
    private var top: Node
    private var visited = 0

    /// Directories looked at.
    static let most = 8192
    private static let deepest = 16

    init(_ root: String, classify: @escaping Classifier = CgroupKind.init) {
        self.root = root
        self.classify = classify
        top = Node(id: "/", name: "", kind: .plain, path: root)
    }

    /// Looks again; whether containers or pods came or went. Throws where the tree itself cannot be read.
    func refresh() throws(HostFileError) -> Bool {
        visited = 0
        leftOut = 0
        let hasChanged = try refresh(top, depth: 0)
        guard hasChanged else { return false }
        var fresh: [Found] = []
        gather(top, into: &fresh)
        if fresh == found { return false }
        found = fresh
        return true
    }

    private func refresh(_ node: Node, depth: Int) throws(HostFileError) -> Bool {
        visited += 1
        if visited > Self.most || depth > Self.deepest {
            leftOut += 1
            return false
        }
        var hasChanged = false
        if depth > 0, Self.linkCount(node.directory.path) == 2 {
            hasChanged = !node.children.isEmpty
            node.children = []
            return hasChanged
        }
        let isListed: Bool
        do throws(HostFileError) {
            isListed = try node.directory.refresh()
        } catch {
            if depth == 0 { throw error }
            hasChanged = !node.children.isEmpty
            // Gone since its parent was listed, or not for us.
            node.children = []
            return hasChanged
        }
        if isListed || (node.children.isEmpty && !node.directory.names.isEmpty) {
            adopt(node)
            hasChanged = true
        }
        for child in node.children {
            if child.kind.isLeaf { continue }
            if try refresh(child, depth: depth + 1) { hasChanged = true }
        }
        return hasChanged
    }

    /// Makes the children those that were listed, keeping the ones there are.
    private func adopt(_ node: Node) {
        var known: [String: Node] = [:]
        for child in node.children { known[child.name] = child }
        node.children = node.directory.names.compactMap { name in
            if let child = known[name] { return child }
            let kind = classify(name, node.name, node.kind)
            if kind == .ignored { return nil }
            return Node(
                id: node.id == "/" ? "/\(name)" : "\(node.id)/\(name)", name: name, kind: kind,
                path: "\(node.directory.path)/\(name)")
        }
    }

    private func gather(_ node: Node, into found: inout [Found]) {
        switch node.kind {
        case .container, .pod, .unit: found.append(Found(id: node.id, kind: node.kind))
        case .plain, .ignored: break
        }
        for child in node.children { gather(child, into: &found) }
    }

    private static func linkCount(_ path: String) -> UInt32 {
        var status = clinux_file_status()
        return clinux_status_of_path(path, 1, &status) == 0 ? status.link_count : 0
    }
}
