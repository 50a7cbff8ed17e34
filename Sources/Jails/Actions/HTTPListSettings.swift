import Configuration
import Transport

/// `http_list`: a list that a service keeps, such as a content delivery network's, and how it is changed.
package struct HTTPListActionSettings: ConfigurationSection, Equatable {
    /// One request, with `{{ip}}` and its like in it.
    struct Request: ConfigurationSection, Equatable {
        /// Nil for POST, or DELETE to remove.
        var method: String?
        var url: BanTemplate?
        var body: BanTemplate?

        static let configurationKeys: [ConfigurationKey] = [
            ConfigurationKey("method", "string", default: "POST, or DELETE to remove", "The request's method."),
            ConfigurationKey("url", "template", "Where it goes; what is filled in is percent-encoded."),
            ConfigurationKey("body", "template", "What it carries; what is filled in is escaped as in a JSON string."),
        ]

        init() {}

        init(_ reader: MappingReader) {
            if let text = reader.string("method") {
                method = text
                if text.isEmpty || !text.utf8.allSatisfy({ (0x41...0x5a).contains($0) }) {
                    reader.report("method: expected one such as POST, found \"\(text)\"", at: "method")
                }
            }
            url = Self.template("url", reader)
            body = Self.template("body", reader)
            if !reader.has("url") { reader.report("url is missing: expected the request's URL") }
            if let url, !url.text.hasPrefix("http://"), !url.text.hasPrefix("https://") {
                reader.report("url: expected one that begins with http:// or https://", at: "url")
            }
        }

        private static func template(_ key: String, _ reader: MappingReader) -> BanTemplate? {
            guard let text = reader.string(key) else { return nil }
            do throws(BanActionError) {
                return try BanTemplate(text)
            } catch {
                reader.report("\(key): \(error)", at: key)
                return nil
            }
        }
    }

    var add = Request()
    var remove = Request()
    /// Where an answer has the id, as `result.id`; empty where none is needed.
    var idPath: [String] = []
    var contentType = "application/json"
    /// Requests in a second.
    var rate = 4.0
    var mostTries = 5
    /// Seconds for one request.
    var timeout = 10.0
    var http = HTTPClientConfiguration()

    package static let configurationKeys: [ConfigurationKey] =
        [
            ConfigurationKey("add", "mapping", "The request for a ban: method, url, body."),
            ConfigurationKey("remove", "mapping", "The request for its end: method, url, body."),
            ConfigurationKey(
                "id_path", "string",
                "Where the answer to `add` has what `{{id}}` stands for in `remove`, such as `result.id` or `result.0.id`."
            ),
            ConfigurationKey("content_type", "string", default: "application/json", "Of the bodies."),
            ConfigurationKey("rate", "float", default: "4", "Requests in a second, at most."),
            ConfigurationKey("tries", "int", default: "5", "How often a request is tried before it is given up."),
            ConfigurationKey("timeout", "duration", default: "10s", "How long one request may take."),
        ] + HTTPClientConfiguration.configurationKeys

    package init(_ reader: MappingReader) {
        if let request: Request = reader.section("add") { add = request }
        if let request: Request = reader.section("remove") { remove = request }
        for key in ["add", "remove"] where !reader.has(key) {
            reader.report("\(key) is missing: expected a request with its url")
        }
        idPath = (reader.string("id_path") ?? "").split(separator: "." as Character).map { String($0) }
        if idPath.isEmpty, [remove.url, remove.body].contains(where: { $0?.text.contains("{{id}}") == true }) {
            reader.report("remove wants {{id}}: expected id_path to say where the answer has it", at: "remove")
        }
        contentType = reader.string("content_type") ?? contentType
        rate = reader.double("rate", in: 0.01...1000) ?? rate
        mostTries = reader.int("tries", in: 1...100) ?? mostTries
        timeout = reader.duration("timeout", in: 0.1...300) ?? timeout
        http = HTTPClientConfiguration(reader)
    }
}
