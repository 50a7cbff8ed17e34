import Bytes
import Glibc
import Telemetry

extension AlertFunctions {
    /// Letters, patterns, names of hosts.
    static var texts: [Function] {
        [
            Function("match", [.string, .string]) { arguments, _ throws(TemplateFunctionError) in
                .bool(try regex(string(arguments[0])).isMatch(string(arguments[1])))
            },
            Function("reReplaceAll", [.string, .string, .string]) { arguments, _ throws(TemplateFunctionError) in
                let regex = try regex(string(arguments[0]))
                return .string(TemplateReplacement.all(of: regex, in: string(arguments[2]), by: string(arguments[1])))
            },
            Function("title", [.string]) { arguments, _ in .string(title(string(arguments[0]))) },
            Function("toUpper", [.string]) { arguments, _ in
                .string(uppercased(string(arguments[0])))
            },
            Function("toLower", [.string]) { arguments, _ in
                .string(lowercased(string(arguments[0])))
            },
            Function("safeHtml", [.string]) { arguments, _ in
                .namedString(string(arguments[0]), type: "template.HTML")
            },
            Function("urlQueryEscape", [.string]) { arguments, _ in .string(TextEscape.query(string(arguments[0]))) },
            Function("stripPort", [.string]) { arguments, _ in
                .string(HostPort(string(arguments[0]))?.host ?? string(arguments[0]))
            },
            Function("stripDomain", [.string]) { arguments, _ in .string(stripDomain(string(arguments[0]))) },
        ]
    }

    package static func regex(_ pattern: String) throws(TemplateFunctionError) -> Regex {
        do {
            return try Regex(pattern)
        } catch {
            throw TemplateFunctionError("error parsing regexp: \(error.reason): `\(pattern)`")
        }
    }

    /// As `strings.ToUpper`.
    package static func uppercased(_ text: String) -> String { mapped(text) { $0.properties.uppercaseMapping } }

    /// As `strings.ToLower`.
    package static func lowercased(_ text: String) -> String {
        mapped(text) { String($0.properties.lowercaseMapping.unicodeScalars.prefix(1)) }
    }

    /// Every scalar by itself, where it has one counterpart: Go's simple mapping.
    private static func mapped(_ text: String, _ change: (Unicode.Scalar) -> String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            let changed = change(scalar).unicodeScalars
            result.append(changed.count == 1 ? changed.first ?? scalar : scalar)
        }
        return String(result)
    }

    /// The first letter of every word in capitals, as `strings.Title`.
    private static func title(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        var isStart = true
        for scalar in text.unicodeScalars {
            if isStart {
                let changed = scalar.properties.titlecaseMapping.unicodeScalars
                result.append(changed.count == 1 ? changed.first ?? scalar : scalar)
            } else {
                result.append(scalar)
            }
            if scalar.value < 0x80 {
                isStart = !TemplateLexer.isAlphanumeric(scalar)
            } else {
                isStart = !TemplateLexer.isAlphanumeric(scalar) && scalar.properties.isWhitespace
            }
        }
        return String(result)
    }

    /// The first part of a host's name; addresses stay as they are.
    private static func stripDomain(_ text: String) -> String {
        let parts = HostPort(text)
        let host = parts?.host ?? text
        if HostPort.isAddress(host) { return text }
        let short =
            host.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false).first.map(String.init) ?? ""
        guard let port = parts?.port, !port.isEmpty else { return short }
        return short.contains(":") ? "[\(short)]:\(port)" : "\(short):\(port)"
    }
}

/// `host:port`, `[host]:port`, as `net.SplitHostPort` takes it.
struct HostPort {
    var host: String
    var port: String

    init?(_ text: String) {
        guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")) else { return nil }
        port = String(text[text.utf8.index(after: colon)...])
        let before = text[..<colon]
        if before.utf8.first == UInt8(ascii: "[") {
            guard before.utf8.last == UInt8(ascii: "]") else { return nil }
            host = String(before.dropFirst().dropLast())
        } else {
            guard !before.utf8.contains(UInt8(ascii: ":")) else { return nil }
            host = String(before)
        }
        let brackets: [UInt8] = [UInt8(ascii: "["), UInt8(ascii: "]")]
        if host.utf8.contains(where: brackets.contains) || port.utf8.contains(where: brackets.contains) { return nil }
    }

    /// Whether the text is an address of IPv4 or IPv6, without a zone.
    static func isAddress(_ text: String) -> Bool {
        var room = (UInt64(0), UInt64(0))
        return withUnsafeMutablePointer(to: &room) {
            inet_pton(AF_INET, text, $0) == 1 || inet_pton(AF_INET6, text, $0) == 1
        }
    }
}
