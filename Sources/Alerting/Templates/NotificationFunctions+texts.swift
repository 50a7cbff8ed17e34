import Bytes
import Rules

extension NotificationFunctions {
    static var texts: [Function] {
        [
            Function("toUpper", [.string]) { arguments, _ in .string(AlertFunctions.uppercased(string(arguments[0]))) },
            Function("toLower", [.string]) { arguments, _ in .string(AlertFunctions.lowercased(string(arguments[0]))) },
            Function("title", [.string]) { arguments, _ in .string(titled(string(arguments[0]))) },
            Function("trimSpace", [.string]) { arguments, _ in .string(trimmed(string(arguments[0]))) },
            Function("join", [.string, .any]) { arguments, _ throws(TemplateFunctionError) in
                .string(try strings(arguments[1]).joined(separator: string(arguments[0])))
            },
            Function("match", [.string, .string]) { arguments, _ throws(TemplateFunctionError) in
                .bool(try AlertFunctions.regex(string(arguments[0])).isMatch(string(arguments[1])))
            },
            Function("reReplaceAll", [.string, .string, .string]) { arguments, _ throws(TemplateFunctionError) in
                let regex = try AlertFunctions.regex(string(arguments[0]))
                return .string(TemplateReplacement.all(of: regex, in: string(arguments[2]), by: string(arguments[1])))
            },
            Function("safeHtml", [.string]) { arguments, _ in
                .namedString(string(arguments[0]), type: HTMLEscaper.markupType)
            },
            Function("safeUrl", [.string]) { arguments, _ in
                .namedString(string(arguments[0]), type: HTMLEscaper.urlType)
            },
            Function("urlUnescape", [.string]) { arguments, _ throws(TemplateFunctionError) in
                .string(try unescaped(string(arguments[0])))
            },
            Function("routeLabels", [.string]) { arguments, environment throws(TemplateFunctionError) in
                .string(try environment.routeLabel(string(arguments[0])))
            },
            Function("base64encode", [.string]) { arguments, _ in
                .string(Base64Text.encoded(Array(string(arguments[0]).utf8), urlSafe: true))
            },
            Function("base64decode", [.string]) { arguments, _ throws(TemplateFunctionError) in
                guard let bytes = Base64Text.decoded(string(arguments[0]), urlSafe: true) else {
                    throw TemplateFunctionError("illegal base64 data")
                }
                return .string(String(decoding: bytes, as: UTF8.self))
            },
            Function("toJson", [.any]) { arguments, _ throws(TemplateFunctionError) in
                .string(try TemplateJSON.document(arguments[0]).text)
            },
        ]
    }

    /// Every word with a capital first and small letters after it.
    private static func titled(_ text: String) -> String {
        var result = ""
        var isInWord = false
        for scalar in text.unicodeScalars {
            let isLetter = scalar.properties.isAlphabetic || scalar.properties.numericType != nil || scalar == "_"
            if isLetter {
                result += isInWord ? scalar.properties.lowercaseMapping : scalar.properties.titlecaseMapping
            } else {
                result.unicodeScalars.append(scalar)
            }
            // An apostrophe stands inside of a word.
            isInWord = isLetter || isInWord && (scalar == "'" || scalar == "\u{2019}")
        }
        return result
    }

    static func trimmed(_ text: String) -> String {
        let scalars = text.unicodeScalars
        guard let first = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
            let last = scalars.lastIndex(where: { !$0.properties.isWhitespace })
        else { return "" }
        return String(scalars[first...last])
    }

    /// Go's `url.QueryUnescape`.
    private static func unescaped(_ text: String) throws(TemplateFunctionError) -> String {
        var output: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"): output.append(0x20)
            case UInt8(ascii: "%"):
                let digits = String(decoding: rest.prefix(2), as: UTF8.self)
                guard digits.utf8.count == 2, digits.first?.isHexDigit == true, let value = UInt8(digits, radix: 16)
                else {
                    throw TemplateFunctionError("invalid URL escape \"%\(digits)\"")
                }
                rest = rest.dropFirst(2)
                output.append(value)
            default: output.append(byte)
            }
        }
        return String(decoding: output, as: UTF8.self)
    }
}
