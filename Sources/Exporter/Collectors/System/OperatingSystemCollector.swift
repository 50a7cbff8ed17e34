import Bytes
import Telemetry

/// os-release (os-release(5)), of `/etc` or `/usr/lib`.
struct OperatingSystemCollector: Collector {
    static let description = CollectorDescription("os", "The distribution and its version.") {
        OperatingSystemCollector($0)
    }

    private let files: [HostFile]
    /// The text read last and what it says.
    private var hash: UInt64?
    private var release = OperatingSystemRelease()

    init(_ context: CollectorContext) {
        files = ["/etc/os-release", "/usr/lib/os-release"].map { HostFile(context.paths.root($0)) }
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        let isFound = try reader.loadIfPresent(files[0])
        if !isFound { try reader.load(files[1]) }
        let hash = reader.text.fnv1a
        if hash != self.hash {
            self.hash = hash
            release = OperatingSystemRelease(String(lossy: reader.text))
        }
        let info = batch.family("node_os_info", .gauge, "What os-release says; always 1.")
        batch.startLabels()
        for (label, key) in OperatingSystemRelease.labels { batch.label(label, release.values[key] ?? "") }
        batch.sample(info, batch.endLabels(), 1)
        if let version = release.version {
            let family = batch.family("node_os_version", .gauge, "The first two parts of the version as a number.")
            batch.startLabels()
            batch.label("id", release.values["ID"] ?? "")
            batch.label("id_like", release.values["ID_LIKE"] ?? "")
            batch.label("name", release.values["NAME"] ?? "")
            batch.sample(family, batch.endLabels(), version)
        }
        if let end = release.supportEnd {
            batch.sample(
                "node_os_support_end_timestamp_seconds", .gauge,
                "When support for the distribution ends, seconds since 1970.", end)
        }
    }
}

/// The assignments of an os-release file.
struct OperatingSystemRelease: Equatable {
    private(set) var values: [String: String] = [:]
    /// Of VERSION_ID, what is a number of one or two parts; nil where it begins with none.
    private(set) var version: Double?
    /// Midnight UTC of SUPPORT_END.
    private(set) var supportEnd: Double?

    /// Labels of `node_os_info` in their order.
    static let labels: [(label: StaticString, key: String)] = [
        ("build_id", "BUILD_ID"), ("id", "ID"), ("id_like", "ID_LIKE"), ("image_id", "IMAGE_ID"),
        ("image_version", "IMAGE_VERSION"), ("name", "NAME"), ("pretty_name", "PRETTY_NAME"), ("variant", "VARIANT"),
        ("variant_id", "VARIANT_ID"), ("version", "VERSION"), ("version_codename", "VERSION_CODENAME"),
        ("version_id", "VERSION_ID"),
    ]

    init() {}

    init(_ text: String) {
        for line in text.split(whereSeparator: { $0 == "\n" || $0 == "\r\n" }) {
            guard line.first != "#", let equals = line.firstIndex(of: "=") else { continue }
            values[String(line[..<equals])] = Self.unquoted(line[line.index(after: equals)...])
        }
        version = Self.number(values["VERSION_ID"] ?? "")
        supportEnd = values["SUPPORT_END"].flatMap(Self.midnight)
    }

    /// As a shell reads the right side of an assignment: quotes of either kind, and backslashes outside single ones.
    private static func unquoted(_ text: Substring) -> String {
        var result = ""
        var quote: Character?
        var isEscaped = false
        for character in text {
            if isEscaped {
                result.append(character)
                isEscaped = false
            } else if character == "\\", quote != "'" {
                isEscaped = true
            } else if quote == nil, character == "\"" || character == "'" {
                quote = character
            } else if character == quote {
                quote = nil
            } else if quote == nil, character == " " || character == "\t" {
                break
            } else {
                result.append(character)
            }
        }
        return result
    }

    /// `20.04.1` is 20.04.
    private static func number(_ text: String) -> Double? {
        var length = 0
        var hasPoint = false
        for byte in text.utf8 {
            if byte == 0x2e, length > 0, !hasPoint {
                hasPoint = true
            } else if !(0x30...0x39).contains(byte) {
                break
            }
            length += 1
        }
        let number = Double(text.prefix(length)) ?? 0
        return number > 0 ? number : nil
    }

    /// Of a date `2029-04-30`.
    private static func midnight(_ text: String) -> Double? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false).compactMap { Int($0) }
        guard parts.count == 3, (1970...9999).contains(parts[0]), (1...12).contains(parts[1]),
            (1...31).contains(parts[2])
        else { return nil }
        // Days of a year that begins in March, so that the leap day is its last.
        let year = parts[1] > 2 ? parts[0] : parts[0] - 1
        let month = (parts[1] + 9) % 12
        let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + parts[2] - 1
        return Double(days - 719_468) * 86_400
    }
}
