import Bytes
import Glibc
import Telemetry

@testable import Exporter

/// A host made of files: `proc`, `sys` and `root` below a directory that goes with the test.
final class HostTree {
    let path: String
    let paths: HostPaths

    init() {
        var template = Array("/tmp/tocsin-cgroups-XXXXXX".utf8CString)
        path = mkdtemp(&template).map { String(cString: $0) } ?? "/tmp/tocsin-cgroups"
        paths = HostPaths(proc: "\(path)/proc", sys: "\(path)/sys", root: "\(path)/root")
    }

    deinit { Self.remove(path) }

    private static func remove(_ path: String) {
        if unlink(path) == 0 { return }
        let directory = HostDirectory(path)
        if (try? directory.refresh()) != nil {
            for name in directory.names { remove("\(path)/\(name)") }
        }
        rmdir(path)
    }

    func directory(_ name: String) {
        var built = path
        for part in name.split(separator: "/") {
            built += "/\(part)"
            mkdir(built, 0o755)
        }
    }

    func write(_ name: String, _ text: String) { write(name, Array(text.utf8)) }

    func write(_ name: String, _ bytes: [UInt8]) {
        if let slash = name.lastIndex(of: "/") { directory(String(name[..<slash])) }
        guard let file = fopen("\(path)/\(name)", "w") else { return }
        _ = bytes.withUnsafeBytes { fwrite($0.baseAddress, 1, bytes.count, file) }
        fclose(file)
    }

    func link(_ name: String, to target: String) {
        if let slash = name.lastIndex(of: "/") { directory(String(name[..<slash])) }
        symlink(target, "\(path)/\(name)")
    }

    func remove(_ name: String) { Self.remove("\(path)/\(name)") }

    /// All files, by their paths below the tree.
    func files(below name: String = "") -> [String] {
        let directory = HostDirectory(name.isEmpty ? path : "\(path)/\(name)")
        guard (try? directory.refresh()) != nil else { return [name] }
        return directory.names.flatMap { files(below: name.isEmpty ? $0 : "\(name)/\($0)") }
    }
}

/// What one collection wrote, as the text format has it.
struct Page: Equatable {
    /// By name and labels.
    var samples: [String: Double] = [:]
    var oddity = ""

    subscript(sample: String) -> Double? { samples[sample] }

    func filtered(_ isWanted: (String) -> Bool) -> Page {
        Page(samples: samples.filter { isWanted($0.key) }, oddity: oddity)
    }

    func names(with text: String) -> [String] { samples.keys.filter { $0.contains(text) }.sorted() }
}

/// A collector and what it works with from one collection to the next.
struct CollectorRun: ~Copyable {
    private var collector: any Collector
    private var reader = HostReader()
    private var batch = SampleBatch()

    init(_ description: CollectorDescription, _ tree: HostTree, options: [String: String] = [:]) throws {
        let options = CollectorOptions(description.options, values: options)
        collector = try description.make(CollectorContext(paths: tree.paths, options: options))
    }

    mutating func page() throws -> Page {
        batch.removeAll()
        reader.forgetOddities()
        try collector.collect(into: &batch, reader: &reader)
        var text = ByteBuffer()
        var exposition = Exposition()
        exposition.render(batch, as: .text, into: &text)
        var page = Page(oddity: reader.firstOddity)
        if exposition.duplicates > 0 { page.oddity = "duplicate: \(exposition.duplicateExamples)" }
        for line in String(lossy: text.bytes).split(separator: "\n") where !line.hasPrefix("#") {
            guard let space = line.lastIndex(of: " ") else { continue }
            page.samples[String(line[..<space])] = Double(line[line.index(after: space)...])
        }
        return page
    }
}
