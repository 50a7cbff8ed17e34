import Configuration
import Transport

/// A list of networks that are blocked, or never banned, whatever they do.
package struct BlockListSettings: Sendable, Equatable {
    /// Unique among the lists; letters, digits, `.`, `-` and `_`.
    package var name: String
    package var kind = Kind.block
    package var source: Source
    /// Seconds between looks at it.
    package var refreshInterval: Double
    /// Bytes of the document.
    package var maxSize = 32 << 20
    package var maxEntries = 250_000
    package var http = HTTPClientConfiguration()

    package enum Kind: String, CaseIterable, Sendable {
        case block
        /// Nobody bans them. One that is empty, or wider than anybody means, is refused as a whole.
        case allow
    }

    package enum Source: Sendable, Equatable {
        case url(HTTPTarget)
        case file(String)

        package var description: String {
            switch self {
            case .url(let target): target.description
            case .file(let path): path
            }
        }
    }

    package init(name: String, source: Source, refreshInterval: Double = 3600) {
        self.name = name
        self.source = source
        self.refreshInterval = refreshInterval
    }

    /// Whether it can be a list's name and part of a file's.
    static func isName(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 64 && text.utf8.first != UInt8(ascii: ".")
            && text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x61...0x7a).contains($0 | 0x20) || $0 == 0x2d || $0 == 0x2e
                    || $0 == 0x5f
            }
    }
}

extension BlockListSettings: ConfigurationSection {
    package static let configurationKeys: [ConfigurationKey] =
        [
            ConfigurationKey("name", "string", "Letters, digits, `.`, `-` and `_`; unique among the lists."),
            ConfigurationKey(
                "kind", "block or allow", default: "block", "`allow`: its networks are never banned, whoever says so."),
            ConfigurationKey("url", "URL", "Where the list is published: `http://`, `https://` or `unix:`."),
            ConfigurationKey("file", "path", "A file with the list, in place of `url`."),
            ConfigurationKey(
                "refresh_interval", "duration", default: "1h",
                "How often to look for a new one; of a file 10s by default."),
            ConfigurationKey("max_size", "size", default: "32MiB", "A longer one is refused."),
            ConfigurationKey("max_entries", "number", default: "250000", "One with more entries is refused."),
        ] + HTTPClientConfiguration.configurationKeys

    package init(_ reader: MappingReader) {
        let name = reader.requiredString("name")
        if !name.isEmpty, !Self.isName(name) {
            reader.report(
                "name: expected at most 64 letters, digits, \".\", \"-\" and \"_\", found \"\(name)\"", at: "name")
        }
        var source = Source.file("")
        let (url, file) = (reader.string("url"), reader.path("file"))
        switch (url, file) {
        case (let url?, nil):
            do throws(HTTPTargetError) {
                source = .url(try HTTPTarget(parsing: url))
            } catch {
                reader.report("url: \(error.description)", at: "url")
            }
        case (nil, let file?): source = .file(file)
        case (nil, nil): reader.report("expected url or file, found neither")
        case (_?, _?): reader.report("expected one of url and file, found both", at: "file")
        }
        self.init(name: name, source: source, refreshInterval: file == nil ? 3600 : 10)
        kind = reader.choice("kind") ?? kind
        let least = file == nil ? 60.0 : 1
        refreshInterval = reader.duration("refresh_interval", in: least...31 * 86_400) ?? refreshInterval
        maxSize = reader.byteCount("max_size", in: 1024...256 << 20) ?? maxSize
        maxEntries = reader.int("max_entries", in: 1...2_000_000) ?? maxEntries
        http = HTTPClientConfiguration(reader)
    }
}
