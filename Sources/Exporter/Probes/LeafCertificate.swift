import Bytes

/// What `probe_ssl_last_chain_info` says of a server's certificate, in the form of Go's `crypto/x509`.
struct LeafCertificate: Equatable {
    var subject: String
    var issuer: String
    /// The DNS names of the subject's alternatives, comma-separated.
    var names: String
    /// SHA-256 of all of it, in hexadecimal.
    var fingerprint: String

    /// Nil for what is no certificate.
    init?(pem: RawSpan) {
        var text = ByteBuffer()
        var lines = LineCursor(pem)
        while lines.next() {
            let line = lines.line.trimmed
            if !line.hasPrefix("-----" as StaticString) { text.append(line) }
        }
        guard let der = Base64.decoded(text.bytes) else { return nil }
        self.init(der: der)
    }

    init?(der: [UInt8]) {
        var outer = DERReader(der.span.bytes)
        guard outer.next(0x30) else { return nil }
        var certificate = DERReader(outer.contents)
        guard certificate.next(0x30) else { return nil }
        var fields = DERReader(certificate.contents)
        // [0] version, which version 1 lacks; serial number, algorithm, issuer, validity, subject, key.
        guard fields.next(), fields.tag != 0xa0 || fields.next(), fields.tag == 0x02, fields.next(0x30) else {
            return nil
        }
        guard fields.next(0x30), let issuer = DistinguishedName.text(fields.contents), fields.next(0x30) else {
            return nil
        }
        guard fields.next(0x30), let subject = DistinguishedName.text(fields.contents), fields.next(0x30) else {
            return nil
        }
        var names: [String] = []
        while fields.next() {
            if fields.tag == 0xa3 { names = Self.alternatives(fields.contents) }
        }
        self.issuer = issuer
        self.subject = subject
        self.names = names.joined(separator: ",")
        fingerprint = Hexadecimal.text(SHA256.hash(der))
    }

    /// The DNS names among extensions (RFC 5280, 4.2.1.6).
    private static func alternatives(_ contents: RawSpan) -> [String] {
        var names: [String] = []
        var list = DERReader(contents)
        guard list.next(0x30) else { return [] }
        var extensions = DERReader(list.contents)
        while extensions.next(0x30) {
            var parts = DERReader(extensions.contents)
            guard parts.next(0x06), parts.contents.equals("\u{55}\u{1d}\u{11}" as StaticString) else { continue }
            // A flag may stand between.
            guard parts.next(), parts.tag == 0x04 || parts.next(0x04) else { continue }
            var octets = DERReader(parts.contents)
            guard octets.next(0x30) else { continue }
            var general = DERReader(octets.contents)
            while general.next() {
                if general.tag == 0x82 { names.append(String(lossy: general.contents)) }
            }
        }
        return names
    }
}

/// A Name (RFC 5280, 4.1.2.4) as text in the form of RFC 2253, its kinds in the order in which Go has them.
enum DistinguishedName {
    /// Kinds of `2.5.4.N` that have a name, the first to be told first. Of common names and serial numbers the last counts.
    private static let kinds: [(number: UInt8, name: String, isSingle: Bool)] = [
        (5, "SERIALNUMBER", true), (3, "CN", true), (17, "POSTALCODE", false), (9, "STREET", false), (8, "ST", false),
        (7, "L", false), (11, "OU", false), (10, "O", false), (6, "C", false),
    ]

    /// `CN=a,O=b+O=c,C=DE`; nil for what is no Name.
    static func text(_ contents: RawSpan) -> String? {
        var known: [UInt8: [String]] = [:]
        var others: [String] = []
        var sets = DERReader(contents)
        while sets.next() {
            guard sets.tag == 0x31 else { return nil }
            var pairs = DERReader(sets.contents)
            while pairs.next(0x30) {
                var pair = DERReader(pairs.contents)
                guard pair.next(0x06) else { return nil }
                let type = [UInt8](pair.contents)
                guard pair.next() else { return nil }
                let value = text(pair.contents, tag: pair.tag)
                if type.count == 3, type[0] == 0x55, type[1] == 0x04, kinds.contains(where: { $0.number == type[2] }) {
                    known[type[2], default: []].append(value)
                } else {
                    others.append("\(dotted(type))=#\(Hexadecimal.text(encoded(value)))")
                }
            }
        }
        var parts: [String] = []
        for kind in kinds {
            guard let values = known[kind.number] else { continue }
            let told = kind.isSingle ? values.suffix(1) : values[...]
            parts.append(told.map { "\(kind.name)=\(escaped($0))" }.joined(separator: "+"))
        }
        return (parts + others.reversed()).joined(separator: ",")
    }

    private static func text(_ contents: RawSpan, tag: UInt8) -> String {
        // BMPString: two bytes a character, the higher first.
        guard tag == 0x1e else { return String(lossy: contents) }
        let units = stride(from: 0, to: contents.byteCount - 1, by: 2).map {
            UInt16(contents.byte(at: $0)) << 8 | UInt16(contents.byte(at: $0 + 1))
        }
        return String(decoding: units, as: UTF16.self)
    }

    private static func escaped(_ value: String) -> String {
        var text = ""
        let last = value.unicodeScalars.count - 1
        for (index, scalar) in value.unicodeScalars.enumerated() {
            switch scalar {
            case ",", "+", "\"", "\\", "<", ">", ";": text += "\\"
            case " " where index == 0 || index == last: text += "\\"
            case "#" where index == 0: text += "\\"
            default: break
            }
            text.unicodeScalars.append(scalar)
        }
        return text
    }

    /// `1.2.840…` of an encoded object identifier.
    private static func dotted(_ bytes: [UInt8]) -> String {
        var numbers: [UInt64] = []
        var number: UInt64 = 0
        for byte in bytes {
            number = number << 7 | UInt64(byte & 0x7f)
            guard byte & 0x80 == 0 else { continue }
            if numbers.isEmpty {
                let first = min(number / 40, 2)
                numbers = [first, number - first * 40]
            } else {
                numbers.append(number)
            }
            number = 0
        }
        return numbers.map(String.init).joined(separator: ".")
    }

    /// In DER, as a PrintableString where that has all its characters, else as a UTF8String.
    private static func encoded(_ value: String) -> [UInt8] {
        let bytes = Array(value.utf8)
        let isPlain = bytes.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                || " '()+,-./:=?".utf8.contains(byte)
        }
        var length = [UInt8(truncatingIfNeeded: bytes.count)]
        if bytes.count > 0x7f {
            length = [0x82, UInt8(truncatingIfNeeded: bytes.count >> 8), UInt8(truncatingIfNeeded: bytes.count)]
            if bytes.count <= 0xff { length = [0x81, length[2]] }
        }
        return [isPlain ? 0x13 : 0x0c] + length + bytes
    }
}

/// Bytes as digits.
enum Hexadecimal {
    static func text(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
