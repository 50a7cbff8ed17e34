import Rules

/// Makes values safe for where they stand in an HTML document, as Go's `html/template` does for text, attributes and
/// addresses.
///
/// Two things are narrower than there. What stands in a script, a style, an event's attribute or a name may only be
/// letters, digits and a few signs that mean nothing there; anything else is written `ZgotmplZ`, Go's word for a value that was
/// refused. Comments are not written at all.
struct HTMLEscaper: TemplateEscaper {
    /// What `safeHtml` and `safeUrl` give.
    static let markupType = "template.HTML"
    static let urlType = "template.URL"
    private static let refused = "ZgotmplZ"

    private var context = HTMLContext()

    init() {}

    mutating func pass(_ text: String) -> String { context.read(text) }

    mutating func escape(_ value: TemplateValue, after function: String?) -> String {
        let text = GoPrinter.show([value])
        let isMarkup = value.typeName == Self.markupType
        let written: String
        switch context.place {
        case .text: written = isMarkup || function == "html" ? text : Self.escaped(text)
        case .escapableText: written = Self.escaped(text)
        case .comment, .declaration: written = ""
        case .rawText: written = Self.harmless(text)
        case .tagOpen, .tagName, .insideTag, .attributeName, .afterAttributeName: written = Self.name(text)
        case .beforeValue: written = attributeValue(text, value, function, isQuoted: false)
        case .value(let quote): written = attributeValue(text, value, function, isQuoted: quote != nil)
        }
        context.noteValue(written)
        return written
    }

    private func attributeValue(
        _ text: String, _ value: TemplateValue, _ function: String?, isQuoted: Bool
    ) -> String {
        let result: String
        switch context.attributeKind {
        case .code: return Self.harmless(text)
        case .plain: result = function == "html" ? text : Self.escaped(text)
        case .url:
            let part = context.place == .beforeValue ? .start : context.urlPart
            switch part {
            case .start:
                let isTrusted = value.typeName == Self.urlType
                result = Self.escaped(
                    Self.normalized(isTrusted || Self.isHarmlessURL(text) ? text : "#" + Self.refused))
            case .path: result = Self.escaped(Self.normalized(text))
            case .query:
                let isReady = function == "urlquery" || value.typeName == Self.urlType
                result = Self.escaped(isReady ? Self.normalized(text) : Self.encoded(text))
            }
        }
        return isQuoted ? result : Self.withoutSpaces(result)
    }

    // MARK: Rules

    /// As `TextEscape.html`, and no plus sign, which once began another encoding.
    private static func escaped(_ text: String) -> String {
        TextEscape.html(text).split(separator: "+", omittingEmptySubsequences: false).joined(separator: "&#43;")
    }

    /// For a value without quotes around it, which a space would end.
    private static func withoutSpaces(_ text: String) -> String {
        // An empty one would take the next attribute for its value.
        if text.isEmpty { return refused }
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\t", "\n", "\u{0b}", "\u{0c}", "\r", " ", "=", "`": result += "&#\(scalar.value);"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// Of an element or an attribute.
    private static func name(_ text: String) -> String {
        let isName = !text.isEmpty && text.utf8.allSatisfy(isAlphanumeric)
        return isName && HTMLContext.kind(ofAttribute: text.lowercased()) == .plain ? text : refused
    }

    private static func harmless(_ text: String) -> String {
        let isHarmless = text.utf8.allSatisfy { isAlphanumeric($0) || " _.,%#-".utf8.contains($0) }
        // What Internet Explorer once ran.
        return isHarmless && !text.lowercased().contains("expression") && !text.contains("--") ? text : refused
    }

    /// Whether an address is relative, or one of the web or of a mailbox: not `javascript:`.
    private static func isHarmlessURL(_ text: String) -> Bool {
        guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else { return true }
        let scheme = text[..<colon]
        if scheme.utf8.contains(UInt8(ascii: "/")) { return true }
        return ["http", "https", "mailto"].contains(scheme.lowercased())
    }

    /// What may not stand in an address is written `%xx`; what means something in one stays.
    private static func normalized(_ text: String) -> String {
        let bytes = Array(text.utf8)
        var result: [UInt8] = []
        for (index, byte) in bytes.enumerated() {
            let isEscape =
                byte == UInt8(ascii: "%") && index + 2 < bytes.count && isHexadecimal(bytes[index + 1])
                && isHexadecimal(bytes[index + 2])
            if isAlphanumeric(byte) || "-._~!#$&*+,/:;=?@[]".utf8.contains(byte) || isEscape {
                result.append(byte)
            } else {
                result += percent(byte)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// What may stand in a query's value as itself stays, all else is written `%xx`.
    private static func encoded(_ text: String) -> String {
        String(
            decoding: text.utf8.flatMap { isAlphanumeric($0) || "-._~".utf8.contains($0) ? [$0] : percent($0) },
            as: UTF8.self)
    }

    private static func percent(_ byte: UInt8) -> [UInt8] {
        Array(("%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)).utf8)
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
    }
}
