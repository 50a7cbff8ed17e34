import Bytes
import Telemetry

/// Where cgroups are mounted: the controllers of version 1 each in a tree of its own, version 2 in one tree, or both (hybrid:
/// a controller is in one of the two).
///
/// From `mountinfo` (proc_pid_mountinfo(5)), so that no layout is taken for granted.
struct CgroupHierarchies: Equatable {
    /// The tree of version 2.
    private(set) var unified: String?
    /// Trees of version 1 by controller; `name=systemd` too.
    private(set) var legacy: [String: String] = [:]

    init() {}

    /// Mount points below `/sys` are looked for below `paths.sys`, others below `paths.root`.
    init(mountInfo: RawSpan, paths: HostPaths) {
        var partial: Set<String> = []
        var lines = LineCursor(mountInfo)
        while lines.next() {
            guard let mount = Mount(lines.line) else { continue }
            let path = Self.path(mount.point, paths)
            for tree in mount.trees {
                // A bind mount of a part is only taken where nobody shows the whole tree.
                let isFirst = tree.isEmpty ? unified == nil : legacy[tree] == nil
                guard isFirst || (mount.isWhole && partial.contains(tree)) else { continue }
                if tree.isEmpty { unified = path } else { legacy[tree] = path }
                if mount.isWhole { partial.remove(tree) } else { partial.insert(tree) }
            }
        }
    }

    /// As process 1 sees it, or where that may not be read as this process does.
    static func detect(_ paths: HostPaths, _ reader: inout HostReader) -> CgroupHierarchies {
        for process in ["1", "self"] {
            guard let directory = OpenDirectory(paths.proc(process)),
                reader.load("mountinfo", in: directory, isPiecewise: true)
            else { continue }
            let found = CgroupHierarchies(mountInfo: reader.text, paths: paths)
            if !found.isEmpty { return found }
        }
        return CgroupHierarchies()
    }

    var isEmpty: Bool { unified == nil && legacy.isEmpty }

    /// The tree in which containers are looked for: runtimes make a container's cgroup in all of them.
    var containerTree: String? {
        for controller in ["memory", "cpuacct", "cpu", "pids", "blkio"] {
            if let path = legacy[controller] { return path }
        }
        return unified
    }

    /// The tree that has all of systemd's units, also those without resource accounting.
    var unitTree: String? { legacy["name=systemd"] ?? unified }

    /// The directories of cgroup `id`, which begins with a slash.
    func paths(of id: String) -> CgroupPaths {
        let suffix = id == "/" ? "" : id
        func path(_ controller: String) -> String? { legacy[controller].map { $0 + suffix } }
        return CgroupPaths(
            unified: unified.map { $0 + suffix }, cpu: path("cpu"), cpuacct: path("cpuacct"), memory: path("memory"),
            blkio: path("blkio"), pids: path("pids"))
    }

    private static func path(_ mountPoint: String, _ paths: HostPaths) -> String {
        if mountPoint.hasPrefix("/sys/") { return paths.sys + mountPoint.dropFirst(4) }
        return paths.root(mountPoint)
    }
}

/// The directories of one cgroup: one of version 2, and one for each controller of version 1.
struct CgroupPaths: Equatable {
    var unified: String?
    var cpu: String?
    var cpuacct: String?
    var memory: String?
    var blkio: String?
    var pids: String?

    /// One that has `cgroup.procs`.
    var any: String? { memory ?? cpuacct ?? cpu ?? pids ?? blkio ?? unified }
}

/// A line of `mountinfo` that mounts cgroups.
private struct Mount {
    var point: String
    /// Whether the top of the tree is mounted.
    var isWhole: Bool
    /// Empty for version 2, otherwise a controller of version 1.
    var trees: [String]

    /// `36 35 98:0 /root /point options [optional …] - type source superOptions`
    init?(_ line: RawSpan) {
        var fields = FieldCursor(line)
        guard fields.skip(3), fields.next() else { return nil }
        isWhole = fields.field.equals("/" as StaticString)
        guard fields.next() else { return nil }
        point = Self.unescaped(fields.field)
        while fields.next(), !fields.field.equals("-" as StaticString) {}
        guard fields.next() else { return nil }
        if fields.field.equals("cgroup2" as StaticString) {
            trees = [""]
            return
        }
        guard fields.field.equals("cgroup" as StaticString), fields.skip(2) else { return nil }
        trees = String(lossy: fields.field).split(separator: ",").map(String.init).filter { $0 != "rw" && $0 != "ro" }
    }

    /// Blanks and backslashes stand as three octal digits behind a backslash.
    private static func unescaped(_ text: RawSpan) -> String {
        var bytes: [UInt8] = []
        var offset = 0
        while offset < text.byteCount {
            let byte = text.byte(at: offset)
            if byte == 0x5c, offset + 3 < text.byteCount {
                var value = 0
                for place in 1...3 { value = value * 8 + Int(text.byte(at: offset + place) & 7) }
                bytes.append(UInt8(truncatingIfNeeded: value))
                offset += 4
            } else {
                bytes.append(byte)
                offset += 1
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
