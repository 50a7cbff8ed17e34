import Bytes

/// The processes of a cgroup and of those below it: how many, and one of them to look at the container's network with.
///
/// Most containers have no cgroups below; podman puts all processes into one, and a container with systemd has many. Which there
/// are is looked up again now and then.
struct CgroupMembers {
    /// The directories whose `cgroup.procs` are read.
    private var paths: [String]
    private let path: String
    private(set) var count = 0
    /// 0 for none.
    private(set) var firstPID: UInt64 = 0

    private static let mostDirectories = 256
    private static let deepest = 6

    init(_ path: String) {
        self.path = path
        paths = [path]
    }

    /// Reads them.
    ///
    /// - Parameter looksBelow: whether to look for cgroups below first.
    mutating func read(looksBelow: Bool, _ reader: inout HostReader) {
        if looksBelow { findPaths() }
        count = 0
        firstPID = 0
        for index in paths.indices {
            guard let directory = OpenDirectory(paths[index]),
                reader.load("cgroup.procs", in: directory, isPiecewise: true)
            else { continue }
            take(reader.text)
        }
    }

    /// `cgroup.procs`: a number a line; 0 stands for a process of another PID namespace.
    mutating func take(_ text: RawSpan) {
        var lines = LineCursor(text)
        while lines.next() {
            guard let pid = lines.line.trimmed.unsigned else { continue }
            count += 1
            if firstPID == 0 || (pid > 0 && pid < firstPID) { firstPID = pid }
        }
    }

    private mutating func findPaths() {
        var found = [path]
        var next = 0
        var depth = [0]
        while next < found.count, found.count < Self.mostDirectories {
            let directory = HostDirectory(found[next], onlyDirectories: true)
            // One that is gone has nothing below.
            if depth[next] < Self.deepest, (try? directory.refresh()) != nil {
                for name in directory.names.prefix(Self.mostDirectories - found.count) {
                    found.append("\(found[next])/\(name)")
                    depth.append(depth[next] + 1)
                }
            }
            next += 1
        }
        if found != paths { paths = found }
    }
}
