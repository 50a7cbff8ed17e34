/// Where in an HTML document the end of what has been written stands: enough of HTML's tokenizer to know what a value
/// there would mean.
struct HTMLContext: Sendable {
    enum Place: Sendable, Equatable {
        case text
        /// Inside of an element whose text is no markup, but has character references: `title`, `textarea`.
        case escapableText
        /// Inside of `script` or `style`.
        case rawText
        case comment
        /// `<!doctype …>` and the like.
        case declaration
        /// Right behind `<`.
        case tagOpen
        case tagName
        case insideTag
        case attributeName
        case afterAttributeName
        case beforeValue
        case value(quote: UInt8?)
    }

    /// What an attribute's value is.
    enum AttributeKind: Sendable { case plain, url, code }

    enum URLPart: Sendable { case start, path, query }

    private(set) var place = Place.text
    private(set) var urlPart = URLPart.start
    private var isEndTag = false
    private var tag: [UInt8] = []
    private var attribute: [UInt8] = []
    /// The end of what was read, in small letters, as far as something is recognized by it.
    private var recent: [UInt8] = []

    var attributeKind: AttributeKind { Self.kind(ofAttribute: String(decoding: attribute, as: UTF8.self)) }

    /// Reads on, and returns what is to be written: all but comments.
    mutating func read(_ text: String) -> String {
        var output: [UInt8] = []
        output.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            let before = place
            step(byte)
            if place == .comment, before != .comment {
                // `<!-` is written already, in this text: a comment does not begin in two pieces around a value.
                output.removeLast(min(3, output.count))
            } else if before != .comment {
                output.append(byte)
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    /// A value has been written where it could only be a part of a name or of an attribute's value.
    mutating func noteValue(_ text: String) {
        switch place {
        case .tagOpen, .tagName:
            place = .tagName
            tag += text.lowercased().utf8
        case .insideTag, .afterAttributeName:
            place = .attributeName
            attribute = Array(text.lowercased().utf8)
        case .attributeName: attribute += text.lowercased().utf8
        case .beforeValue:
            place = .value(quote: nil)
            urlPart = text.isEmpty ? .start : .path
        case .value: if urlPart == .start, !text.isEmpty { urlPart = .path }
        default: break
        }
    }

    private mutating func step(_ byte: UInt8) {
        let letter = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
        let isSpace = byte == 0x20 || (0x09...0x0d).contains(byte)
        switch place {
        case .text: if byte == UInt8(ascii: "<") { begin(.tagOpen) }
        case .tagOpen:
            if recent.isEmpty, byte == UInt8(ascii: "/") {
                isEndTag = true
                recent = [byte]
            } else if (0x61...0x7a).contains(letter) {
                place = .tagName
                tag = [letter]
            } else if recent.isEmpty, byte == UInt8(ascii: "!") || byte == UInt8(ascii: "?") {
                begin(.declaration)
                recent = [byte]
            } else {
                place = .text
                if byte == UInt8(ascii: "<") { begin(.tagOpen) }
            }
        case .declaration:
            if recent.count < 3 { recent.append(byte) }
            if recent == Array("!--".utf8) {
                begin(.comment)
            } else if byte == UInt8(ascii: ">") {
                place = .text
            }
        case .comment:
            recent = recent.suffix(2) + [byte]
            if recent == Array("-->".utf8) { place = .text }
        case .tagName:
            if byte == UInt8(ascii: ">") {
                endTag()
            } else if isSpace || byte == UInt8(ascii: "/") {
                place = .insideTag
            } else {
                tag.append(letter)
            }
        case .insideTag, .afterAttributeName:
            if byte == UInt8(ascii: ">") {
                endTag()
            } else if byte == UInt8(ascii: "="), place == .afterAttributeName {
                place = .beforeValue
            } else if !isSpace, byte != UInt8(ascii: "/") {
                place = .attributeName
                attribute = [letter]
            }
        case .attributeName:
            if byte == UInt8(ascii: "=") {
                place = .beforeValue
            } else if byte == UInt8(ascii: ">") {
                endTag()
            } else if isSpace || byte == UInt8(ascii: "/") {
                place = .afterAttributeName
            } else {
                attribute.append(letter)
            }
        case .beforeValue:
            urlPart = .start
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                place = .value(quote: byte)
            } else if byte == UInt8(ascii: ">") {
                endTag()
            } else if !isSpace {
                place = .value(quote: nil)
                readValue(byte)
            }
        case .value(let quote):
            if let quote, byte == quote {
                place = .insideTag
            } else if quote == nil, isSpace {
                place = .insideTag
            } else if quote == nil, byte == UInt8(ascii: ">") {
                endTag()
            } else {
                readValue(byte)
            }
        case .escapableText, .rawText:
            let end = Array("</".utf8) + tag
            if isSpace || byte == UInt8(ascii: "/") || byte == UInt8(ascii: ">"), recent == end {
                isEndTag = true
                place = .insideTag
                if byte == UInt8(ascii: ">") { endTag() }
            } else {
                recent = recent.suffix(end.count - 1) + [letter]
            }
        }
    }

    private mutating func begin(_ next: Place) {
        place = next
        recent = []
        if next == .tagOpen { isEndTag = false }
    }

    private mutating func readValue(_ byte: UInt8) {
        if byte == UInt8(ascii: "?") || byte == UInt8(ascii: "#") {
            urlPart = .query
        } else if urlPart == .start {
            urlPart = .path
        }
    }

    private mutating func endTag() {
        recent = []
        attribute = []
        guard !isEndTag else { return place = .text }
        switch String(decoding: tag, as: UTF8.self) {
        case "script", "style", "xmp", "iframe", "noembed", "noframes", "noscript": place = .rawText
        case "title", "textarea": place = .escapableText
        default: place = .text
        }
    }

    /// As Go's `html/template` sorts them; names that look like those of addresses are taken for such.
    static func kind(ofAttribute name: String) -> AttributeKind {
        var name = name
        if let colon = name.firstIndex(of: ":") {
            if name[..<colon] == "xmlns" { return .url }
            name = String(name[name.index(after: colon)...])
        }
        if name.hasPrefix("data-") { name.removeFirst(5) }
        if name.hasPrefix("on") || ["style", "srcset", "srcdoc", "imagesrcset"].contains(name) { return .code }
        let urls = [
            "href", "action", "formaction", "cite", "data", "poster", "background", "longdesc", "usemap", "manifest",
            "icon", "codebase", "classid", "profile", "archive", "ping", "dynsrc", "lowsrc",
        ]
        let isURL =
            urls.contains(name) || name.hasSuffix("src") || name.hasPrefix("src") || name.contains("uri")
            || name.contains("url")
        return isURL ? .url : .plain
    }
}
