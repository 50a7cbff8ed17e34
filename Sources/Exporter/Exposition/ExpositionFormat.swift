/// How `/metrics` is written.
package struct ExpositionFormat: Sendable, Equatable {
    /// OpenMetrics 1.0, else the Prometheus text format.
    package var isOpenMetrics: Bool
    /// Whether names that are no `[a-zA-Z_:][a-zA-Z0-9_:]*` are written as they are, in quotes (`escaping=allow-utf-8`);
    /// else `_` stands for what they may not have.
    package var allowsUTF8: Bool

    package init(isOpenMetrics: Bool, allowsUTF8: Bool) {
        self.isOpenMetrics = isOpenMetrics
        self.allowsUTF8 = allowsUTF8
    }

    /// Prometheus text format 0.0.4.
    package static let text = ExpositionFormat(isOpenMetrics: false, allowsUTF8: false)
    /// OpenMetrics 1.0.
    package static let openMetrics = ExpositionFormat(isOpenMetrics: true, allowsUTF8: false)

    package var contentType: String {
        switch (isOpenMetrics, allowsUTF8) {
        case (false, false): "text/plain; version=0.0.4; charset=utf-8"
        case (false, true): "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
        case (true, false): "application/openmetrics-text; version=1.0.0; charset=utf-8"
        case (true, true): "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
        }
    }

    /// What a client with this `Accept` header gets: of the formats we write the one it ranks highest, the text
    /// format where it names none of them.
    package static func negotiated(accept: String?) -> ExpositionFormat {
        var best: (format: ExpositionFormat, quality: Double) = (.text, 0)
        for item in (accept ?? "").split(separator: ",") {
            let fields = item.split(separator: ";").map { trimmed($0).lowercased() }
            guard let type = fields.first else { continue }
            let quality = parameter("q", of: fields).map { Double($0) ?? 0 } ?? 1
            guard let format = format(type, fields) else { continue }
            if quality > best.quality { best = (format, quality) }
        }
        return best.format
    }

    /// Whether `Accept-Encoding` takes gzip: named with a quality above zero, or covered by `*`.
    package static func acceptsGzip(_ acceptEncoding: String?) -> Bool {
        var anything = false
        for item in (acceptEncoding ?? "").split(separator: ",") {
            let fields = item.split(separator: ";").map { trimmed($0).lowercased() }
            guard let coding = fields.first else { continue }
            let isWanted = parameter("q", of: fields).map { (Double($0) ?? 0) > 0 } ?? true
            if coding == "gzip" { return isWanted }
            if coding == "*" { anything = isWanted }
        }
        return anything
    }

    private static func format(_ type: String, _ fields: [String]) -> ExpositionFormat? {
        let allowsUTF8 = parameter("escaping", of: fields) == "allow-utf-8"
        switch (type, parameter("version", of: fields)) {
        case ("application/openmetrics-text", nil), ("application/openmetrics-text", "1.0.0"?):
            return ExpositionFormat(isOpenMetrics: true, allowsUTF8: allowsUTF8)
        case ("text/plain", nil), ("text/plain", "0.0.4"?), ("text/*", _), ("*/*", _): return .text
        case ("text/plain", "1.0.0"?): return ExpositionFormat(isOpenMetrics: false, allowsUTF8: allowsUTF8)
        default: return nil
        }
    }

    private static func parameter(_ name: String, of fields: [String]) -> String? {
        for field in fields.dropFirst() {
            guard let equals = field.firstIndex(of: "=") else { continue }
            if trimmed(field[..<equals]) == name { return trimmed(field[field.index(after: equals)...]) }
        }
        return nil
    }

    private static func trimmed(_ text: Substring) -> String {
        var rest = text
        while rest.first == " " || rest.first == "\t" || rest.first == "\"" { rest.removeFirst() }
        while rest.last == " " || rest.last == "\t" || rest.last == "\"" { rest.removeLast() }
        return String(rest)
    }
}
