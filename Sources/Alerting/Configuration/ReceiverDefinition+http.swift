import Configuration
import Transport

/// `http_config` as Alertmanager has it.
package struct ReceiverHTTP: ConfigurationSection, Sendable {
    package var client: HTTPClientConfiguration

    package static let configurationKeys: [ConfigurationKey] =
        HTTPClientConfiguration.configurationKeys + [
            ConfigurationKey(
                "http_headers", "mapping", "Further request headers: of each name `values`, `secrets` or `files`."),
            .ignored("enable_http2", "requests are made with HTTP/1.1"),
            .ignored("proxy_from_environment", "the environment's proxies are never used; see proxy_url"),
        ]

    package init(_ reader: MappingReader) {
        client = HTTPClientConfiguration(reader)
        for entry in reader.value("http_headers")?.entries() ?? [] {
            guard let header = entry.value.section(HTTPHeaderValues.self) else { continue }
            let isToken =
                !entry.key.isEmpty
                && entry.key.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: ":") }
            guard isToken, header.value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }) else {
                reader.context.report(
                    "http_headers: expected a header's name and one line of text", at: entry.keyPosition)
                continue
            }
            client.headers[entry.key] = header.value
        }
    }
}

private struct HTTPHeaderValues: ConfigurationSection {
    var value = ""

    static let configurationKeys: [ConfigurationKey] = [
        ConfigurationKey("values", "list of strings", "Values in the open."),
        ConfigurationKey("secrets", "list of secrets", "Values that are not shown."),
        ConfigurationKey("files", "list of paths", "Files with a value each, read at start."),
    ]

    init(_ reader: MappingReader) {
        var values = (reader.strings("values") ?? []) + (reader.strings("secrets") ?? [])
        for path in (reader.strings("files") ?? []).map(reader.context.resolve) {
            switch reader.context.surroundings.read(path) {
            case .failure(let failure): reader.report("cannot read \(path): \(failure.reason)", at: "files")
            case .success(let bytes):
                values.append(NotificationFunctions.trimmed(String(decoding: bytes, as: UTF8.self)))
            }
        }
        // RFC 9110, 5.3: several values of a header may stand in one, with commas.
        value = values.joined(separator: ", ")
        if values.isEmpty { reader.report("expected values, secrets or files, found none") }
    }
}
