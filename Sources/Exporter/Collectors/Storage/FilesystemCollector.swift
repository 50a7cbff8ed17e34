import Bytes
import CLinux
import Glibc
import Telemetry

/// File systems and how full they are: `/proc/1/mountinfo` and statfs(2).
struct FilesystemCollector: Collector {
    static let description = CollectorDescription(
        "filesystem", "File systems and how full they are.",
        options: [
            CollectorOption("mount_points_include", .pattern, "Mount points to show."),
            CollectorOption(
                "mount_points_exclude", .pattern,
                default: "^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)",
                "Mount points to leave out; none by default where `mount_points_include` is given."),
            CollectorOption("fs_types_include", .pattern, "Types of file system to show."),
            CollectorOption(
                "fs_types_exclude", .pattern,
                default: "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660"
                    + "|mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs"
                    + "|tracefs)$",
                "Types of file system to leave out; none by default where `fs_types_include` is given."),
            CollectorOption(
                "mount_timeout", .duration, default: "5", "Seconds after which a file system counts as hung."),
        ]
    ) { try FilesystemCollector($0) }

    /// A mount that is shown.
    struct Shown {
        var mount: MountPoint
        /// Below the root that the host's is mounted at; U+FFFD for what is not UTF-8.
        var label: String
        var question: SpaceQuestion
        /// Whether the answer comes from the kernel's memory: it need not be waited for on another thread.
        var isSure: Bool
    }

    private let paths: HostPaths
    private let file: HostFile
    private let ownFile: HostFile
    private let pointFilter: NameFilter
    private let typeFilter: NameFilter
    private let timeout: Double
    private let crew = SpaceCrew()
    private let ask: @Sendable (String) -> SpaceQuestion.Answer
    /// Whether file systems whose answer is sure are asked without another thread.
    private let asksHere: Bool

    private var lastText: [UInt8] = []
    private var shown: [Shown] = []
    /// What is asked on this thread, and what on threads that may hang.
    private var sureQuestions: [SpaceQuestion] = []
    private var questions: [SpaceQuestion] = []
    private var unreadable = 0

    /// - Parameter ask: in place of statfs(2), for tests; then no answer is sure.
    init(
        _ context: CollectorContext, ask: (@Sendable (String) -> SpaceQuestion.Answer)? = nil
    ) throws {
        paths = context.paths
        file = HostFile(paths.proc("1/mountinfo"))
        ownFile = HostFile(paths.proc("self/mountinfo"))
        pointFilter = try context.options.filter("mount_points")
        typeFilter = try context.options.filter("fs_types")
        timeout = context.options.duration("mount_timeout") ?? 5
        self.ask = ask ?? SpaceQuestion.statfs
        asksHere = ask == nil && paths.root == "/"
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        try loadMounts(&reader)
        let previous = lastText
        if !previous.span.bytes.equals(reader.text) { arrange(reader.text) }
        if unreadable > 0 {
            let count = unreadable
            reader.odd("mountinfo: \(count) lines that are not as expected")
        }
        for question in sureQuestions { question.askNow() }
        if !questions.isEmpty { crew.ask(questions, timeout: timeout) }
        write(into: &batch)
    }

    /// Where processes of others are hidden (hidepid), our own mounts must do.
    private func loadMounts(_ reader: inout HostReader) throws(HostFileError) {
        do throws(HostFileError) {
            try reader.load(file)
        } catch {
            guard error.isAbsent || error.code == EACCES || error.code == EPERM else { throw error }
            try reader.load(ownFile)
        }
    }

    /// Decides anew which mounts are shown. A mount that was there before keeps its question, which may still be open.
    private mutating func arrange(_ text: RawSpan) {
        var known: [String: SpaceQuestion] = [:]
        for old in shown { known[old.mount.id + old.question.path] = old.question }
        unreadable = 0
        lastText = [UInt8](text)
        shown.removeAll(keepingCapacity: true)
        var places: [String: Int] = [:]
        let mounts = MountPoint.all(in: text, odd: &unreadable)
        let sure = asksHere ? MountPoint.sure(among: mounts) : []
        for mount in mounts {
            let point = stripped(mount.path)
            let label = String(decoding: point, as: UTF8.self)
            guard pointFilter.allows(label), typeFilter.allows(mount.type) else { continue }
            let path = paths.root == "/" ? point : Array(paths.root.utf8) + point
            // A path that is not UTF-8 cannot be asked for by a String.
            let name = String(validating: path, as: UTF8.self) ?? ""
            let question = known[mount.id + name] ?? makeQuestion(name, path)
            let entry = Shown(
                mount: mount, label: label, question: question,
                isSure: sure.contains(mount.id))
            // Of mounts one over the other only the last can be seen.
            if let place = places["\(mount.device)\0\(label)\0\(mount.type)"] {
                shown[place] = entry
            } else {
                places["\(mount.device)\0\(label)\0\(mount.type)"] = shown.count
                shown.append(entry)
            }
        }
        sureQuestions = shown.filter(\.isSure).map(\.question)
        questions = shown.filter { !$0.isSure }.map(\.question)
    }

    private func makeQuestion(_ name: String, _ path: [UInt8]) -> SpaceQuestion {
        if !name.isEmpty { return SpaceQuestion(path: name, ask: ask) }
        return SpaceQuestion(path: String(decoding: path, as: UTF8.self)) { _ in
            var space = clinux_space()
            let code = (path + [0]).withUnsafeBytes { bytes in
                bytes.withMemoryRebound(to: CChar.self) { $0.baseAddress.map { clinux_space($0, &space) } ?? EINVAL }
            }
            return code == 0 ? .space(space) : .failed(code)
        }
    }

    /// The path without the root that the host's file systems are mounted below.
    private func stripped(_ path: [UInt8]) -> [UInt8] {
        guard paths.root != "/", path.starts(with: paths.root.utf8) else { return path }
        let rest = Array(path.dropFirst(paths.root.utf8.count))
        if rest.isEmpty { return [0x2f] }
        return rest.first == 0x2f ? rest : path
    }

    private func write(into batch: inout SampleBatch) {
        let families = Families(into: &batch)
        for entry in shown {
            let answer = entry.question.lastAnswer
            let problem: String
            switch answer {
            case .space: problem = ""
            case .failed(let code): problem = Self.text(of: code)
            case nil: problem = "mountpoint timeout"
            }
            batch.startLabels()
            batch.label("device", entry.mount.device)
            batch.label("device_error", problem)
            batch.label("fstype", entry.mount.type)
            batch.label("mountpoint", entry.label)
            let labels = batch.endLabels()
            batch.sample(families.error, labels, problem.isEmpty ? 0 : 1)
            batch.sample(families.readOnly, labels, entry.mount.isReadOnly ? 1 : 0)
            guard case .space(let space) = answer else { continue }
            let block = Double(space.block_size)
            batch.sample(families.size, labels, Double(space.blocks) * block)
            batch.sample(families.free, labels, Double(space.free_blocks) * block)
            batch.sample(families.available, labels, Double(space.available_blocks) * block)
            batch.sample(families.files, labels, Double(space.files))
            batch.sample(families.freeFiles, labels, Double(space.free_files))
            batch.startLabels()
            batch.label("device", entry.mount.device)
            batch.label("major", entry.mount.major)
            batch.label("minor", entry.mount.minor)
            batch.label("mountpoint", entry.label)
            batch.sample(families.mount, batch.endLabels(), 1)
        }
    }

    /// As Go has it, for dashboards that look for it.
    private static func text(of code: Int32) -> String {
        if code == ESTALE { return "stale NFS file handle" }
        let text = String(cString: strerror(code))
        return text.prefix(1).lowercased() + text.dropFirst()
    }

    private struct Families {
        let size, free, available, files, freeFiles, readOnly, error, mount: SampleBatch.FamilyID

        init(into batch: inout SampleBatch) {
            size = batch.family("node_filesystem_size_bytes", .gauge, "Bytes that a file system has.")
            free = batch.family("node_filesystem_free_bytes", .gauge, "Bytes of a file system that are free.")
            available = batch.family(
                "node_filesystem_avail_bytes", .gauge, "Bytes of a file system that users other than root may take.")
            files = batch.family("node_filesystem_files", .gauge, "Files that a file system has room for.")
            freeFiles = batch.family(
                "node_filesystem_files_free", .gauge, "Files that a file system has room for still.")
            readOnly = batch.family("node_filesystem_readonly", .gauge, "Whether a file system cannot be written to.")
            error = batch.family(
                "node_filesystem_device_error", .gauge, "Whether a file system did not say how full it is.")
            mount = batch.family("node_filesystem_mount_info", .gauge, "The device's numbers of a mount; always 1.")
        }
    }
}
