import Configuration

/// One entry of a native jail's `actions`: what is done with its bans beside the firewall.
package struct ActionConfiguration: ConfigurationSection, Equatable {
    package enum Kind: Equatable, Sendable {
        case webhook(WebhookActionSettings)
        case file(FileActionSettings)
        case httpList(HTTPListActionSettings)
    }

    /// As it is shown in metrics and logs.
    package var name = ""
    /// Nil where it is wrong, which has been reported.
    package var kind: Kind?

    package static let configurationKeys: [ConfigurationKey] = [
        ConfigurationKey("name", "string", default: "the kind", "As it is shown in metrics and logs."),
        ConfigurationKey("webhook", "mapping", "Posts bans to a URL."),
        ConfigurationKey("file", "mapping", "Keeps a file of what is banned, for nginx, HAProxy and others."),
        ConfigurationKey("http_list", "mapping", "Keeps a service's list, such as Cloudflare's, by requests."),
    ]

    package init(_ reader: MappingReader) {
        let kinds = ["webhook", "file", "http_list"]
        let given = kinds.filter(reader.has)
        guard let first = given.first, given.count == 1 else {
            let found = given.isEmpty ? "none" : given.joined(separator: " and ")
            reader.report("expected one of \(kinds.joined(separator: ", ")), found \(found)")
            return
        }
        name = reader.string("name") ?? first
        if name.isEmpty || !name.utf8.allSatisfy({ ASCII.isWord($0) || $0 == 0x2d || $0 == 0x2e }) {
            reader.report("name: expected letters, digits, -, . and _, found \"\(name)\"", at: "name")
        }
        switch first {
        case "webhook": kind = reader.section("webhook").map { .webhook($0) }
        case "file": kind = reader.section("file").map { .file($0) }
        default: kind = reader.section("http_list").map { .httpList($0) }
        }
    }
}
