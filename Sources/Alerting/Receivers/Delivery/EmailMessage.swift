/// A mail as it goes over the wire (RFC 5322, RFC 2045 to 2047): lines end in CR LF, all of it is ASCII.
struct EmailMessage {
    /// In this order; values in any characters.
    var headers: [(name: String, value: String)] = []
    var text: String?
    var html: String?
    var boundary: String
    /// RFC 5322: a line has at most 78 characters, without its end.
    private static let longestLine = 76

    init(boundary: String) { self.boundary = boundary }

    static func boundary() -> String {
        "=_" + (0..<2).map { _ in String(UInt64.random(in: 0 ... .max), radix: 36) }.joined()
    }

    /// `message-id` as `Message-Id`.
    static func canonical(_ name: String) -> String {
        name.split(separator: "-", omittingEmptySubsequences: false)
            .map { $0.prefix(1).uppercased() + $0.dropFirst().lowercased() }.joined(separator: "-")
    }

    var bytes: [UInt8] {
        var output = ""
        for header in headers { output += Self.line(header.name, header.value) }
        output += "MIME-Version: 1.0\r\nContent-Type: multipart/alternative;\r\n boundary=\"\(boundary)\"\r\n\r\n"
        // RFC 2046, 5.1.4: what is preferred comes last.
        for (type, body) in [("plain", text), ("html", html)] {
            guard let body else { continue }
            output += "--\(boundary)\r\nContent-Type: text/\(type); charset=UTF-8\r\n"
            output += "Content-Transfer-Encoding: quoted-printable\r\n\r\n\(Self.quotedPrintable(body))\r\n"
        }
        return Array((output + "--\(boundary)--\r\n").utf8)
    }

    /// A header, folded where it is long; what is not ASCII in encoded words. No value begins another header.
    static func line(_ name: String, _ value: String) -> String {
        let clean = String(
            String.UnicodeScalarView(value.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7f ? " " : $0 }))
        let isASCII = clean.utf8.allSatisfy { $0 < 0x80 }
        // Names beside addresses are encoded apart from them.
        let isAddress = ["From", "To", "Cc", "Bcc", "Reply-To", "Sender"].contains(name)
        var words: [String]
        if isASCII {
            words = clean.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        } else if isAddress {
            words = clean.split(separator: " ").map {
                $0.utf8.allSatisfy { $0 < 0x80 } ? String($0) : encodedWords(String($0)).joined(separator: " ")
            }
        } else {
            words = encodedWords(clean)
        }
        var output = name + ":"
        var length = output.utf8.count
        for word in words {
            if length + 1 + word.utf8.count > longestLine, !word.isEmpty, length > name.utf8.count + 1 {
                output += "\r\n"
                length = 0
            }
            output += " " + word
            length += 1 + word.utf8.count
        }
        return output + "\r\n"
    }

    /// RFC 2047, `Q`: no code point in two words, each with room for the header's name on its line.
    private static func encodedWords(_ text: String) -> [String] {
        let (start, end) = ("=?utf-8?q?", "?=")
        var words: [String] = []
        var word = ""
        for scalar in text.unicodeScalars {
            var encoded = ""
            for byte in UTF8.encode(scalar).map({ Array($0) }) ?? [] {
                switch byte {
                case 0x20: encoded += "_"
                case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x21, 0x2a, 0x2b, 0x2d, 0x2f:
                    encoded.unicodeScalars.append(Unicode.Scalar(byte))
                default: encoded += "=" + hexadecimal(byte)
                }
            }
            if start.utf8.count + word.utf8.count + encoded.utf8.count + end.utf8.count > 58 {
                words.append(start + word + end)
                word = ""
            }
            word += encoded
        }
        return words + [start + word + end]
    }

    /// RFC 2045, 6.7.
    static func quotedPrintable(_ text: String) -> String {
        var output = ""
        var lines: [[UInt8]] = [[]]
        var previous: UInt8 = 0
        for byte in text.utf8 {
            switch byte {
            case 0x0a: if previous == 0x0d { lines[lines.count - 1].removeLast() }; lines.append([])
            default: lines[lines.count - 1].append(byte)
            }
            previous = byte
        }
        for (index, line) in lines.enumerated() {
            if index > 0 { output += "\r\n" }
            var length = 0
            for (place, byte) in line.enumerated() {
                let isLast = place == line.count - 1
                let isPlain = (0x21...0x7e).contains(byte) && byte != UInt8(ascii: "=")
                let isInnerSpace = (byte == 0x20 || byte == 0x09) && !isLast
                // A point alone on a line would end the mail where a server on the way is careless.
                let isPoint = byte == UInt8(ascii: ".") && length == 0
                let piece =
                    (isPlain || isInnerSpace) && !isPoint ? String(Unicode.Scalar(byte)) : "=" + hexadecimal(byte)
                if length + piece.utf8.count > (isLast ? longestLine : longestLine - 1) {
                    output += "=\r\n"
                    length = 0
                }
                output += piece
                length += piece.utf8.count
            }
        }
        return output
    }

    private static func hexadecimal(_ byte: UInt8) -> String {
        (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
    }
}

/// Addresses as people write them (RFC 5322): `a@b`, `Name <a@b>`, `"Name, of" <a@b>`, with commas between them.
enum EmailAddress {
    /// The bare addresses; nil where one of them is none.
    static func list(_ text: String) -> [String]? {
        var parts: [String] = [""]
        var (isQuoted, isEscaped, isInAngle) = (false, false, false)
        for character in text.unicodeScalars {
            if isEscaped {
                isEscaped = false
            } else if character == "\\", isQuoted {
                isEscaped = true
            } else if character == "\"" {
                isQuoted.toggle()
            } else if !isQuoted, character == "<" || character == ">" {
                isInAngle = character == "<"
            } else if !isQuoted, !isInAngle, character == "," {
                parts.append("")
                continue
            }
            parts[parts.count - 1].unicodeScalars.append(character)
        }
        guard !isQuoted, !isInAngle else { return nil }
        var addresses: [String] = []
        for part in parts.map(NotificationFunctions.trimmed) where !part.isEmpty {
            guard let address = bare(part) else { return nil }
            addresses.append(address)
        }
        return addresses
    }

    private static func bare(_ part: String) -> String? {
        var address = part[...]
        if part.hasSuffix(">") {
            guard let start = part.lastIndex(of: "<") else { return nil }
            address = part[part.index(after: start)...].dropLast()
        }
        // What could end the command that names it, or the header, is no address.
        let isClean = address.utf8.allSatisfy {
            $0 > 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "<") && $0 != UInt8(ascii: ">")
        }
        guard isClean, let at = address.lastIndex(of: "@"), at != address.startIndex,
            address.index(after: at) != address.endIndex
        else { return nil }
        return String(address)
    }
}
