import Bytes
import Exporter
import Glibc
import Telemetry

/// A host made of files in a directory of its own, which goes when this goes.
///
/// `script` has the files one after another, each behind a line `--- proc/loadavg`; the roots are `proc`, `sys`, `udev` and
/// `root`.
final class FakeHost {
    let root: String
    private(set) var files: [(path: String, text: [UInt8])] = []
    /// In the order in which they were made.
    private var directories: [String] = []

    init(_ script: String = "") {
        var template = Array("/tmp/tocsin-host-XXXXXX".utf8CString)
        root = template.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress, mkdtemp(start) != nil else { return "" }
            return String(cString: start)
        }
        precondition(!root.isEmpty, "no temporary directory: errno \(errno)")
        var path: String?
        var text: [UInt8] = []
        func finish() {
            if let path { write(path, text) }
            text = []
        }
        for line in script.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("--- ") {
                finish()
                path = String(line.dropFirst(4))
            } else {
                text += Array(line.utf8) + [0x0a]
            }
        }
        finish()
    }

    deinit {
        for file in files { unlink("\(root)/\(file.path)") }
        for directory in directories.reversed() { rmdir(directory) }
        rmdir(root)
    }

    /// Writes or replaces a file; remembers it the first time.
    func write(_ path: String, _ text: [UInt8]) {
        if !files.contains(where: { $0.path == path }) { files.append((path, text)) }
        var directory = root
        for part in path.split(separator: "/").dropLast() {
            directory += "/\(part)"
            if mkdir(directory, 0o755) == 0 { directories.append(directory) }
        }
        guard let file = fopen("\(root)/\(path)", "w") else { preconditionFailure("\(path): errno \(errno)") }
        fwrite(text, 1, text.count, file)
        fclose(file)
    }

    func write(_ path: String, _ text: String) { write(path, Array(text.utf8)) }

    func remove(_ path: String) { unlink("\(root)/\(path)") }

    /// Collectors with this host's paths; `flags` as on the command line.
    func collection(
        _ flags: [String], sampleLimit: Int = 20_000, metrics: MetricRegistry = MetricRegistry(),
        onProblem: @escaping @Sendable (String, String) -> Void = { _, _ in }
    ) throws -> HostCollection {
        var configuration = HostConfiguration()
        configuration.paths = HostPaths(
            proc: root + "/proc", sys: root + "/sys", root: root + "/root", udev: root + "/udev")
        try HostFlags.parse(flags, into: &configuration)
        return HostCollection(
            try configuration.makeCollectors(), sampleLimit: sampleLimit, metrics: metrics,
            onProblem: onProblem)
    }

    /// The samples of one collector as lines of the text format.
    func samples(of collector: String, _ flags: String...) throws -> String {
        let collection = try collection(["--collector.disable-defaults", "--collector.\(collector)"] + flags)
        return sampleLines(of: collection).joined(separator: "\n")
    }
}

/// One collection's samples as lines, without those about the collectors themselves.
func sampleLines(of collection: HostCollection, _ selection: CollectorSelection = .all) -> [String] {
    var batch = SampleBatch()
    collection.collect(selection, timeout: 20, into: &batch)
    var exposition = Exposition()
    var buffer = ByteBuffer()
    exposition.render(batch, as: .text, into: &buffer)
    return String(lossy: buffer.bytes).split(separator: "\n").map(String.init).filter {
        !$0.hasPrefix("#") && !$0.hasPrefix("node_scrape_collector_")
    }
}
