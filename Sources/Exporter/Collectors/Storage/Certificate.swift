import Bytes

/// What a certificate (RFC 5280, 4.1) says of whom it is and how long it holds.
struct Certificate: Equatable, Sendable {
    /// The common name, else the organisation, else empty. At most 128 bytes.
    var subject: String
    var issuer: String
    /// Seconds since 1970.
    var notBefore: Int64
    var notAfter: Int64

    private static let longestName = 128

    /// Nil for what is no certificate.
    init?(der: RawSpan) {
        var outer = DERReader(der)
        guard outer.next(0x30) else { return nil }
        var certificate = DERReader(outer.contents)
        guard certificate.next(0x30) else { return nil }
        var fields = DERReader(certificate.contents)
        // [0] version, which version 1 lacks; then the serial number.
        guard fields.next(), fields.tag != 0xa0 || fields.next(), fields.tag == 0x02 else { return nil }
        guard fields.next(0x30), fields.next(0x30), let issuer = Self.name(fields.contents) else { return nil }
        guard fields.next(0x30) else { return nil }
        var validity = DERReader(fields.contents)
        guard validity.next(), let notBefore = Self.time(validity.contents, tag: validity.tag) else { return nil }
        guard validity.next(), let notAfter = Self.time(validity.contents, tag: validity.tag) else { return nil }
        guard fields.next(0x30), let subject = Self.name(fields.contents) else { return nil }
        self.issuer = issuer
        self.subject = subject
        self.notBefore = notBefore
        self.notAfter = notAfter
    }

    /// All certificates in a file: PEM blocks (RFC 7468), whatever else stands there, or DER one after another. At most
    /// `limit`; `odd` is how many blocks were none.
    static func all(in file: RawSpan, limit: Int, odd: inout Int) -> [Certificate] {
        var certificates: [Certificate] = []
        if file.byteCount > 0, file.byte(at: 0) == 0x30 {
            var offset = 0
            while offset < file.byteCount, certificates.count < limit {
                var reader = DERReader(file.extracting(offset..<file.byteCount))
                guard reader.next(0x30), let found = Certificate(der: file.extracting(offset..<file.byteCount)) else {
                    odd += 1
                    break
                }
                certificates.append(found)
                offset += reader.end
            }
            return certificates
        }
        var block = ByteBuffer()
        var isInside = false
        var lines = LineCursor(file)
        while lines.next(), certificates.count < limit {
            let line = lines.line.trimmed
            if line.hasPrefix("-----BEGIN " as StaticString) {
                isInside =
                    line.equals("-----BEGIN CERTIFICATE-----" as StaticString)
                    || line.equals("-----BEGIN X509 CERTIFICATE-----" as StaticString)
                    || line.equals("-----BEGIN TRUSTED CERTIFICATE-----" as StaticString)
                block.removeAll()
            } else if line.hasPrefix("-----END " as StaticString) {
                guard isInside else { continue }
                isInside = false
                if let bytes = Base64.decoded(block.bytes), let found = Certificate(der: bytes.span.bytes) {
                    certificates.append(found)
                } else {
                    odd += 1
                }
            } else if isInside, block.count < 1 << 20 {
                block.append(line)
            }
        }
        if isInside { odd += 1 }
        return certificates
    }

    /// A Name: sets of types with values.
    private static func name(_ contents: RawSpan) -> String? {
        var commonName = ""
        var organisation = ""
        var sets = DERReader(contents)
        while sets.next() {
            guard sets.tag == 0x31 else { return nil }
            var pairs = DERReader(sets.contents)
            while pairs.next(0x30) {
                var pair = DERReader(pairs.contents)
                guard pair.next(0x06) else { return nil }
                let isCommonName = pair.contents.equals("\u{55}\u{04}\u{03}" as StaticString)
                let isOrganisation = pair.contents.equals("\u{55}\u{04}\u{0a}" as StaticString)
                guard isCommonName || isOrganisation, pair.next() else { continue }
                let text = text(pair.contents, tag: pair.tag)
                if isCommonName { commonName = text } else { organisation = text }
            }
        }
        return commonName.isEmpty ? organisation : commonName
    }

    private static func text(_ contents: RawSpan, tag: UInt8) -> String {
        let kept = contents.extracting(0..<min(contents.byteCount, longestName))
        // BMPString: two bytes a character, the higher first.
        guard tag == 0x1e else { return String(lossy: kept) }
        var units: [UInt16] = []
        for offset in stride(from: 0, to: kept.byteCount - 1, by: 2) {
            units.append(UInt16(kept.byte(at: offset)) << 8 | UInt16(kept.byte(at: offset + 1)))
        }
        return String(decoding: units, as: UTF16.self)
    }

    /// UTCTime `YYMMDDHHMMSSZ` or GeneralizedTime `YYYYMMDDHHMMSSZ`, in seconds since 1970.
    static func time(_ contents: RawSpan, tag: UInt8) -> Int64? {
        let yearLength = tag == 0x17 ? 2 : 4
        guard tag == 0x17 || tag == 0x18, contents.byteCount == yearLength + 11,
            contents.byte(at: yearLength + 10) == 0x5a
        else { return nil }
        func number(_ offset: Int, _ length: Int) -> Int64? {
            contents.extracting(offset..<(offset + length)).unsigned.map { Int64($0) }
        }
        guard var year = number(0, yearLength), let month = number(yearLength, 2), let day = number(yearLength + 2, 2),
            let hour = number(yearLength + 4, 2), let minute = number(yearLength + 6, 2),
            let second = number(yearLength + 8, 2), (1...12).contains(month), (1...31).contains(day), hour < 24,
            minute < 60, second < 61
        else { return nil }
        if tag == 0x17 { year += year < 50 ? 2000 : 1900 }
        // Days since 1970 of the proleptic Gregorian calendar, with years that begin in March.
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        return ((days * 24 + hour) * 60 + minute) * 60 + second
    }
}

/// RFC 4648, 4.
enum Base64 {
    /// Nil where there is a byte that is none of the alphabet, or the end is wrong.
    static func decoded(_ text: RawSpan) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.byteCount / 4 * 3)
        var bits: UInt32 = 0
        var count = 0
        var padding = 0
        for offset in 0..<text.byteCount {
            let byte = text.byte(at: offset)
            let value: UInt8
            switch byte {
            case 0x41...0x5a: value = byte - 0x41
            case 0x61...0x7a: value = byte - 0x61 + 26
            case 0x30...0x39: value = byte - 0x30 + 52
            case 0x2b: value = 62
            case 0x2f: value = 63
            case 0x3d:
                padding += 1
                continue
            default: return nil
            }
            guard padding == 0 else { return nil }
            bits = bits << 6 | UInt32(value)
            count += 1
            if count == 4 {
                bytes.append(UInt8(truncatingIfNeeded: bits >> 16))
                bytes.append(UInt8(truncatingIfNeeded: bits >> 8))
                bytes.append(UInt8(truncatingIfNeeded: bits))
                count = 0
                bits = 0
            }
        }
        switch (count, padding) {
        case (0, 0): break
        case (2, 2): bytes.append(UInt8(truncatingIfNeeded: bits >> 4))
        case (3, 1):
            bytes.append(UInt8(truncatingIfNeeded: bits >> 10))
            bytes.append(UInt8(truncatingIfNeeded: bits >> 2))
        default: return nil
        }
        return bytes
    }
}
