import Bytes
import CLinux
import Glibc
import Telemetry

/// Metrics that other programs leave in `*.prom` files, in the text format, as node_exporter's `textfile` takes them.
///
/// A file is taken whole or not at all: one that cannot be read or parsed, that has timestamps or whose last line has no
/// end costs itself and `node_textfile_scrape_error`. One that changes while it is read is read once more.
struct TextfileCollector: Collector {
    static let description = CollectorDescription(
        "textfile", "Metrics from files that other programs write.",
        options: [
            CollectorOption(
                "directory", .texts, "Directories with `*.prom` files; each may be a pattern such as `/var/lib/*/prom`."
            ),
            CollectorOption(
                "max_age", .duration, default: "0",
                "A file changed longer ago than this loses its samples, not its `node_textfile_mtime_seconds`; 0 for never."
            ),
        ]
    ) { TextfileCollector($0) }

    private let patterns: [String]
    /// Seconds; 0 for no limit.
    private let longestAge: Double
    private let page = TextfilePage()
    private var directories: [String: HostDirectory] = [:]

    init(_ context: CollectorContext) {
        patterns = context.options.texts("directory")
        longestAge = context.options.duration("max_age") ?? 0
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        var hasProblem = false
        var times: [(path: String, seconds: Double)] = []
        page.forgetFamilies()
        for path in patterns.flatMap(PathPattern.expand) {
            let directory = directories[path] ?? HostDirectory(path)
            directories[path] = directory
            do throws(HostFileError) { try directory.refresh() } catch {
                reader.odd("\(error)")
                hasProblem = true
                continue
            }
            for name in directory.names where name.hasSuffix(".prom") {
                let file = Self.join(path, name)
                do throws(TextfileError) {
                    let seconds = try page.load(file)
                    times.append((file, seconds))
                    let age = Double(Timestamp.now.nanoseconds) / 1e9 - seconds
                    if longestAge > 0, age > longestAge { continue }
                    try page.copy(from: file, into: &batch)
                } catch {
                    reader.odd("\(error)")
                    hasProblem = true
                }
            }
        }
        if !times.isEmpty {
            let family = batch.family(
                "node_textfile_mtime_seconds", .gauge, "When each text file that could be read was changed last.")
            for time in times { batch.sample(family, batch.labels("file", time.path), time.seconds) }
        }
        batch.sample(
            "node_textfile_scrape_error", .gauge, "1 if a text file or directory could not be taken, else 0.",
            hasProblem ? 1 : 0)
    }

    /// `dir/.` and `name` as `dir/name`.
    static func join(_ directory: String, _ name: String) -> String {
        var parts = directory.split(separator: "/").filter { $0 != "." }.map(String.init)
        parts.append(name)
        return (directory.hasPrefix("/") ? "/" : "") + parts.joined(separator: "/")
    }
}

/// Why a text file is not taken.
struct TextfileError: Error, CustomStringConvertible {
    let description: String
    init(_ path: String, _ reason: String) { description = "\(path): \(reason)" }
}

/// One text file at a time, parsed, in memory that is used again.
final class TextfilePage {
    private var text = ByteBuffer()
    private var parser = PrometheusTextParser()
    private var batch = SampleBatch()
    private var targets: [SampleBatch.FamilyID?] = []
    /// Help and type of the families of this collection, by name.
    private var known: [String: (help: String, type: MetricType)] = [:]

    private static let longest = 16 << 20

    func forgetFamilies() { known.removeAll(keepingCapacity: true) }

    /// Reads and parses a file; once more where it changed meanwhile. Returns when it was changed, seconds since 1970.
    func load(_ path: String) throws(TextfileError) -> Double {
        let before = try read(path)
        guard let problem = parse() else { return before.seconds }
        // Whoever writes in place is caught in the middle now and then; whoever renames a new file over it, never.
        let again = try read(path)
        guard again != before else { throw TextfileError(path, problem) }
        if let problem = parse() { throw TextfileError(path, problem) }
        return again.seconds
    }

    private struct Version: Equatable {
        var inode: UInt64
        var size: Int
        var time: timespec
        var seconds: Double { Double(time.tv_sec) + Double(time.tv_nsec) / 1e9 }

        static func == (a: Version, b: Version) -> Bool {
            a.inode == b.inode && a.size == b.size && a.time.tv_sec == b.time.tv_sec && a.time.tv_nsec == b.time.tv_nsec
        }
    }

    /// Makes the file's contents `text`; what the file was when its last byte had been read.
    private func read(_ path: String) throws(TextfileError) -> Version {
        text.removeAll()
        // A pipe somebody put there must not hang us.
        let descriptor = clinux_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0)
        guard descriptor >= 0 else { throw TextfileError(path, String(cString: strerror(-descriptor))) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw TextfileError(path, String(cString: strerror(errno))) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw TextfileError(path, "is no regular file") }
        while text.count <= Self.longest {
            var problem: Int32 = 0
            let got = text.appendUninitialized(atLeast: 16 << 10) { room -> Int in
                let got = Glibc.read(descriptor, room.baseAddress, room.count)
                if got < 0 { problem = errno }
                return max(0, got)
            }
            if problem == EINTR { continue }
            guard problem == 0 else { throw TextfileError(path, String(cString: strerror(problem))) }
            if got == 0 { break }
        }
        guard text.count <= Self.longest else { throw TextfileError(path, "is larger than \(Self.longest) bytes") }
        guard fstat(descriptor, &status) == 0 else { throw TextfileError(path, String(cString: strerror(errno))) }
        return Version(inode: UInt64(status.st_ino), size: Int(status.st_size), time: status.st_mtim)
    }

    /// Returns what is wrong.
    private func parse() -> String? { Self.parse(text, &parser, &batch) }

    private static func parse(
        _ text: borrowing ByteBuffer, _ parser: inout PrometheusTextParser, _ batch: inout SampleBatch
    ) -> String? {
        batch.removeAll()
        do throws(ExpositionError) {
            guard text.isEmpty || text.bytes.byte(at: text.count - 1) == 0x0a else {
                throw ExpositionError("a line feed at the end of the last line", in: text.bytes, at: text.count)
            }
            try parser.parse(text.bytes, into: &batch)
            return nil
        } catch {
            return error.description
        }
    }

    /// Adds what was loaded to `page`. Throws, having added nothing, where there are timestamps; having left out families
    /// of another help or type than an earlier file's, where there are such.
    func copy(from path: String, into page: inout SampleBatch) throws(TextfileError) {
        try Self.copy(batch, from: path, &known, &targets, into: &page)
    }

    private static func copy(
        _ batch: borrowing SampleBatch, from path: String, _ known: inout [String: (help: String, type: MetricType)],
        _ targets: inout [SampleBatch.FamilyID?], into page: inout SampleBatch
    ) throws(TextfileError) {
        for sample in batch.samples where sample.timestamp != SampleBatch.noTimestamp {
            throw TextfileError(
                path, "has timestamps, which are not taken: Prometheus would call the samples stale or old")
        }
        let padding = LabelPadding(batch)
        // Nobody could read the page with it.
        if padding.hasRepetition { throw TextfileError(path, "has a sample with a label twice") }
        targets.removeAll(keepingCapacity: true)
        var different: [String] = []
        for family in batch.families {
            let name = String(lossy: batch.bytes(family.name))
            let help = String(lossy: batch.bytes(family.help))
            if let earlier = known[name], earlier.help != help || earlier.type != family.type {
                different.append(name)
                targets.append(nil)
                continue
            }
            known[name] = (help, family.type)
            targets.append(page.family(name, family.type, help.isEmpty ? "Read from \(path)." : help))
        }
        for sample in batch.samples {
            guard let family = targets[Int(sample.family.index)] else { continue }
            let labels = padding.labels(of: sample, in: batch, into: &page)
            page.sample(family, labels, sample.value, suffix: sample.suffix)
        }
        for part in MissingParts.of(batch) {
            let sample = batch.samples[part.sample]
            guard let family = targets[Int(sample.family.index)] else { continue }
            let labels = padding.labels(of: sample, withoutBound: true, in: batch, into: &page)
            page.sample(family, labels, 0, suffix: part.suffix)
        }
        if !different.isEmpty {
            throw TextfileError(
                path, "has another HELP or TYPE than an earlier file for \(different.joined(separator: ", "))")
        }
    }
}
