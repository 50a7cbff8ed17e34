import Bytes
import CLinux
import Glibc
import Telemetry

/// When certificates that lie on this host expire.
///
/// A certificate goes by its file, subject and issuer, not by its serial number: one that is renewed goes on with its
/// series. Of several with the same labels the one that expires first is shown.
struct CertificatesCollector: Collector {
    static let description = CollectorDescription(
        "certificates", "When certificates in files expire.", isEnabledByDefault: false,
        options: [
            CollectorOption(
                "files", .texts, default: "/etc/letsencrypt/live/*/fullchain.pem",
                "Files with certificates, PEM or DER; `*`, `?` and `[…]` stand for names."),
            CollectorOption("limit", .integer, default: "500", "Certificates that are shown at most."),
        ]
    ) { CertificatesCollector($0) }

    private struct File {
        var label: String
        var status = clinux_file_status()
        var certificates: [Certificate] = []
        /// Nil where it could be read and had certificates only.
        var problem: String?
    }

    private static let mostFiles = 1000
    private static let mostInFile = 200
    /// Seconds between two looks at which files there are.
    private static let lookInterval = 60.0

    private let patterns: [String]
    private let root: String
    private let limit: Int
    private var files: [String: File] = [:]
    private var order: [String] = []
    private var lastLook: Timestamp?

    init(_ context: CollectorContext) {
        patterns = context.options.texts("files").map { context.paths.root($0) }
        root = context.paths.root == "/" ? "" : context.paths.root
        limit = max(0, context.options.integer("limit") ?? 500)
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        look(&reader)
        guard !order.isEmpty else { throw CollectorError.absent("no file fits \(patterns.joined(separator: ", "))") }
        let expiry = batch.family(
            "tocsin_certificate_not_after_timestamp_seconds", .gauge, "When a certificate expires.")
        let start = batch.family(
            "tocsin_certificate_not_before_timestamp_seconds", .gauge, "From when on a certificate holds.")
        let readable = batch.family(
            "tocsin_certificate_file_readable", .gauge, "Whether a file could be read and has certificates.")
        var shown = 0
        var leftOut = 0
        for path in order {
            update(path, &reader)
            guard let file = files[path] else { continue }
            if let problem = file.problem { reader.odd("\(path): \(problem)") }
            let labels = batch.labels("path", file.label)
            batch.sample(readable, labels, file.problem == nil ? 1 : 0)
            for certificate in file.certificates {
                guard shown < limit else {
                    leftOut += 1
                    continue
                }
                shown += 1
                batch.startLabels()
                batch.label("issuer", certificate.issuer)
                batch.label("path", file.label)
                batch.label("subject", certificate.subject)
                let labels = batch.endLabels()
                batch.sample(expiry, labels, Double(certificate.notAfter))
                batch.sample(start, labels, Double(certificate.notBefore))
            }
        }
        if leftOut > 0 {
            let count = leftOut
            reader.odd("\(count) certificates above the limit")
        }
    }

    /// Finds out which files there are.
    private mutating func look(_ reader: inout HostReader) {
        if let lastLook, Timestamp.monotonic.seconds(since: lastLook) < Self.lookInterval { return }
        lastLook = .monotonic
        var found: Set<String> = []
        for pattern in patterns {
            var result = glob_t()
            defer { globfree(&result) }
            guard glob(pattern, 0, nil, &result) == 0 else { continue }
            for index in 0..<Int(result.gl_pathc) {
                guard let path = result.gl_pathv[index] else { continue }
                found.insert(String(cString: path))
            }
        }
        order = Array(found.sorted().prefix(Self.mostFiles))
        if found.count > order.count { reader.odd("more than \(Self.mostFiles) files of certificates") }
        let kept = Set(order)
        files = files.filter { kept.contains($0.key) }
    }

    /// Reads a file that has changed since it was read last.
    private mutating func update(_ path: String, _ reader: inout HostReader) {
        var status = clinux_file_status()
        var file = files[path] ?? File(label: String(path.dropFirst(root.utf8.count)))
        let code = clinux_status_of_path(path, 1, &status)
        guard code == 0, status.mode & UInt32(S_IFMT) == UInt32(S_IFREG) else {
            file.problem = code == 0 ? "no plain file" : String(cString: strerror(code))
            file.certificates = []
            file.status = clinux_file_status()
            files[path] = file
            return
        }
        let isSame =
            file.status.inode == status.inode && file.status.size == status.size
            && file.status.modification_time == status.modification_time
            && file.status.change_time == status.change_time
        if isSame, files[path] != nil { return }
        file.status = status
        file.certificates = []
        file.problem = nil
        do throws(HostFileError) {
            try reader.load(HostFile(path, staysOpen: false))
            var odd = 0
            let all = Certificate.all(in: reader.text, limit: Self.mostInFile, odd: &odd)
            file.certificates = Self.distinct(all)
            if all.isEmpty || odd > 0 {
                file.problem = odd > 0 ? "\(odd) blocks are no certificates" : "no certificate"
            }
        } catch {
            file.problem = "\(error)"
            // It is tried again, as rights may change without the file.
            file.status = clinux_file_status()
        }
        files[path] = file
    }

    /// Of those with the same names the one that expires first.
    private static func distinct(_ certificates: [Certificate]) -> [Certificate] {
        var kept: [Certificate] = []
        for certificate in certificates {
            let same = kept.firstIndex { $0.subject == certificate.subject && $0.issuer == certificate.issuer }
            if let same {
                if certificate.notAfter < kept[same].notAfter { kept[same] = certificate }
            } else {
                kept.append(certificate)
            }
        }
        return kept
    }
}
