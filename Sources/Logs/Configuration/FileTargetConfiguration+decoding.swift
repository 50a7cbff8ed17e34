import Configuration
import Telemetry

extension FileTargetConfiguration: ConfigurationSection {
    package static let configurationKeys: [ConfigurationKey] = [
        ConfigurationKey("targets", "list of strings", "Promtail's `[localhost]`; changes nothing."),
        ConfigurationKey(
            "labels", "mapping of strings",
            "`__path__`, an absolute glob with `*`, `?`, `[…]`, `{a,b}` and `**`, is required; `__path_exclude__` is one of files left out; all others are labels of every line."
        ),
    ]

    package init(_ reader: MappingReader) {
        _ = reader.strings("targets")
        var labels = reader.labels("labels") ?? [:]
        self.init(path: labels["__path__"] ?? "")
        exclude = labels["__path_exclude__"] ?? ""
        labels["__path__"] = nil
        labels["__path_exclude__"] = nil
        self.labels = labels
        let place = reader.has("labels") ? "labels" : nil
        if path.isEmpty {
            reader.report("expected a label __path__ with the files to follow, found none", at: place)
        }
        for path in [path, exclude] where !path.isEmpty && !path.hasPrefix("/") && !path.hasPrefix("{/") {
            reader.report("expected an absolute path, found \"\(path)\"", at: place)
        }
    }
}

extension LineLimits: ConfigurationSection {
    package static let configurationKeys: [ConfigurationKey] = [
        ConfigurationKey(
            "max_line_size", "size", default: "256KiB",
            "Longest line stored whole; a longer one is cut into pieces with the structured metadata `line_part`."),
        ConfigurationKey(
            "max_joined_size", "size", default: "16MiB",
            "Longest line, journal field or joined partial kept at all; the rest is dropped, counted and marked `line_truncated`."
        ),
    ]

    package init(_ reader: MappingReader) {
        self.init()
        maxLineSize = reader.byteCount("max_line_size", in: 1 << 10...64 << 20) ?? maxLineSize
        maxJoinedSize = reader.byteCount("max_joined_size", in: 1 << 10...256 << 20) ?? max(maxJoinedSize, maxLineSize)
        if maxJoinedSize < maxLineSize {
            reader.report(
                "max_joined_size: expected at least max_line_size (\(ByteCountText.text(maxLineSize))),"
                    + " found \(ByteCountText.text(maxJoinedSize))", at: "max_joined_size")
        }
    }
}

extension StoreConfiguration: ConfigurationSection {
    package static let configurationKeys: [ConfigurationKey] = [
        ConfigurationKey("max_size", "size", default: "1GiB", "Bytes on disk at which old lines go or sources wait."),
        ConfigurationKey("retention", "duration", default: "1d", "Age beyond which delivered lines go."),
        ConfigurationKey(
            "segment_size", "size", default: "16MiB", "Size at which a segment file is closed and the next begun."),
    ]

    package init(_ reader: MappingReader) {
        self.init()
        maxSize = reader.byteCount("max_size", in: 4 << 20...1 << 50) ?? maxSize
        retention = reader.duration("retention", in: 1...100 * 365 * 86400) ?? retention
        // A store smaller than four default segments gets smaller ones by itself.
        segmentSize = reader.byteCount("segment_size", in: 1 << 20...1 << 30) ?? min(segmentSize, maxSize / 4)
        if segmentSize > maxSize / 2 {
            reader.report(
                "segment_size: expected at most half of max_size (\(ByteCountText.text(maxSize))),"
                    + " found \(ByteCountText.text(segmentSize))", at: "segment_size")
        }
    }
}
