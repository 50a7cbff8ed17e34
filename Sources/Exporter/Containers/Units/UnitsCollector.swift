import Bytes
import Telemetry

/// What each unit of systemd uses, from its cgroup, without asking systemd: services below `system.slice`, and each user's
/// slice as one.
///
/// On cgroup v1 a unit has only what systemd was told to account (`CPUAccounting=` and so on); the rest is absent.
struct UnitsCollector: Collector {
    static let description = CollectorDescription(
        "units", "CPU, memory, tasks and I/O of systemd's units, from their cgroups.",
        options: [
            CollectorOption("unit_include", .pattern, "Only units whose name matches."),
            CollectorOption(
                "unit_exclude", .pattern, default: #"^run-.+\.service$"#,
                "No units whose name matches; by default the transient ones of systemd-run, whose names never return."),
            CollectorOption("limit", .integer, default: "500", "Units that are measured at most."),
        ]
    ) { try UnitsCollector($0) }

    private struct Unit {
        var id: String
        var paths: CgroupPaths
        var name: String
    }

    private let paths: HostPaths
    private let filter: NameFilter
    private let limit: Int
    private var hierarchies = CgroupHierarchies()
    private var tree: CgroupTree?
    private var units: [Unit] = []
    private var leftOut = 0
    private var usage = CgroupUsage()
    private var devices: DeviceNames

    init(_ context: CollectorContext) throws {
        paths = context.paths
        filter = try context.options.filter("unit")
        limit = max(0, context.options.integer("limit") ?? 500)
        devices = DeviceNames(paths: paths)
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        if tree == nil {
            hierarchies = CgroupHierarchies.detect(paths, &reader)
            guard let root = hierarchies.unitTree, OpenDirectory("\(root)/system.slice") != nil else {
                throw CollectorError.absent("system.slice")
            }
            tree = CgroupTree(root, classify: Self.kind)
        }
        guard let tree else { return }
        do throws(HostFileError) {
            if try tree.refresh() { adopt(tree.found) }
        } catch {
            self.tree = nil
            throw error
        }
        if leftOut > 0 { reader.odd("\(leftOut) units are beyond the limit of \(limit)") }
        let families = UnitFamilies(in: &batch)
        for index in units.indices {
            read(units[index].paths, &reader)
            let labels = batch.labels("unit", units[index].name)
            families.write(usage, labels, devices: &devices, into: &batch)
        }
    }

    private mutating func adopt(_ found: [CgroupTree.Found]) {
        units.removeAll(keepingCapacity: true)
        leftOut = 0
        for cgroup in found {
            guard case .unit(let name) = cgroup.kind, filter.allows(name) else { continue }
            guard units.count < limit else {
                leftOut += 1
                continue
            }
            units.append(Unit(id: cgroup.id, paths: hierarchies.paths(of: cgroup.id), name: name))
        }
    }

    private mutating func read(_ paths: CgroupPaths, _ reader: inout HostReader) {
        usage.removeAll()
        CgroupV1Reader.readUsage(paths, into: &usage, &reader)
        if let path = paths.unified, let directory = OpenDirectory(path) {
            CgroupV2Reader.readUsage(directory, legacy: paths, into: &usage, &reader)
        }
        usage.deriveWorkingSet()
    }

    /// Services and their like below `system.slice`, in slices or not; of `user.slice` each user's. Scopes are containers
    /// and sessions.
    static func kind(_ name: String, parent: String, parentKind: CgroupKind) -> CgroupKind {
        if parent.isEmpty { return name == "system.slice" || name == "user.slice" ? .plain : .ignored }
        if parent == "user.slice" { return name.hasSuffix(".slice") ? .unit(name) : .ignored }
        if name.hasSuffix(".slice") { return .plain }
        let kinds = [".service", ".socket", ".mount", ".swap"]
        return kinds.contains { name.hasSuffix($0) } ? .unit(name) : .ignored
    }
}
