import Bytes

/// A DNS message (RFC 1035): builds queries, takes answers apart. Any bytes are safe to parse.
struct DNSMessage: Sendable, Equatable {
    enum RecordType: String, Sendable, CaseIterable {
        case a = "A"
        case ns = "NS"
        case cname = "CNAME"
        case soa = "SOA"
        case ptr = "PTR"
        case mx = "MX"
        case txt = "TXT"
        case aaaa = "AAAA"
        case srv = "SRV"
        case caa = "CAA"
        case any = "ANY"

        var code: UInt16 {
            switch self {
            case .a: 1
            case .ns: 2
            case .cname: 5
            case .soa: 6
            case .ptr: 12
            case .mx: 15
            case .txt: 16
            case .aaaa: 28
            case .srv: 33
            case .any: 255
            case .caa: 257
            }
        }
    }

    struct Record: Sendable, Equatable {
        var name: String
        var type: UInt16
        var ttl: UInt32
        /// As a zone file has it; hexadecimal where the type is not known.
        var text: String
        /// Of a SOA record.
        var serial: UInt32?
    }

    var identity: UInt16
    var isResponse: Bool
    var isTruncated: Bool
    var responseCode: UInt8
    var answers: [Record] = []
    /// Records in the other two sections.
    var authorityCount = 0
    var additionalCount = 0

    static let responseCodes = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"]

    /// The name of a response code.
    static func name(of code: UInt8) -> String {
        Int(code) < responseCodes.count ? responseCodes[Int(code)] : "RCODE\(code)"
    }

    /// A query for one name. Nil where a label of it is empty or longer than 63 bytes, or all of it than 253.
    static func query(_ name: String, _ type: RecordType, identity: UInt16, isRecursive: Bool) -> [UInt8]? {
        var bytes: [UInt8] = []
        func append(_ value: UInt16) { bytes += [UInt8(value >> 8), UInt8(value & 0xff)] }
        append(identity)
        append(isRecursive ? 0x0100 : 0)
        for count in [1, 0, 0, 0] as [UInt16] { append(count) }
        let plain = name.hasSuffix(".") ? name.dropLast() : name[...]
        guard plain.utf8.count <= 253 else { return nil }
        if !plain.isEmpty {
            for label in plain.split(separator: ".", omittingEmptySubsequences: false) {
                guard (1...63).contains(label.utf8.count) else { return nil }
                bytes.append(UInt8(label.utf8.count))
                bytes += label.utf8
            }
        }
        bytes.append(0)
        append(type.code)
        append(1)
        return bytes
    }

    /// Takes a message apart; nil where it ends too early or a name in it has no end.
    init?(_ bytes: RawSpan) {
        var reader = Reader(bytes)
        guard let identity = reader.uint16(), let flags = reader.uint16(), let questions = reader.uint16(),
            let answerCount = reader.uint16(), let authorities = reader.uint16(), let additionals = reader.uint16()
        else { return nil }
        self.identity = identity
        isResponse = flags & 0x8000 != 0
        isTruncated = flags & 0x0200 != 0
        responseCode = UInt8(flags & 15)
        authorityCount = Int(authorities)
        additionalCount = Int(additionals)
        for _ in 0..<questions {
            guard reader.name() != nil, reader.uint16() != nil, reader.uint16() != nil else { return nil }
        }
        for _ in 0..<answerCount {
            guard let record = reader.record() else { return nil }
            answers.append(record)
        }
    }

    private struct Reader: ~Escapable {
        let bytes: RawSpan
        var offset = 0

        @_lifetime(copy bytes)
        init(_ bytes: RawSpan) { self.bytes = bytes }

        mutating func uint8() -> UInt8? {
            guard offset < bytes.byteCount else { return nil }
            defer { offset += 1 }
            return bytes.byte(at: offset)
        }

        mutating func uint16() -> UInt16? {
            guard let high = uint8(), let low = uint8() else { return nil }
            return UInt16(high) << 8 | UInt16(low)
        }

        mutating func uint32() -> UInt32? {
            guard let high = uint16(), let low = uint16() else { return nil }
            return UInt32(high) << 16 | UInt32(low)
        }

        /// A name, pointers followed; at most 255 bytes, so that pointers in a circle end.
        mutating func name() -> String? {
            var labels = ""
            var place = offset
            var end: Int?
            var jumps = 0
            while place < bytes.byteCount {
                let length = Int(bytes.byte(at: place))
                if length == 0 {
                    offset = end ?? place + 1
                    return labels.isEmpty ? "." : labels
                }
                if length & 0xc0 == 0xc0 {
                    guard place + 1 < bytes.byteCount, jumps < 64 else { return nil }
                    jumps += 1
                    end = end ?? place + 2
                    place = (length & 0x3f) << 8 | Int(bytes.byte(at: place + 1))
                    continue
                }
                guard length < 64, place + 1 + length <= bytes.byteCount, labels.utf8.count + length < 255 else {
                    return nil
                }
                labels += String(lossy: bytes.extracting((place + 1)..<(place + 1 + length))) + "."
                place += 1 + length
            }
            return nil
        }

        mutating func record() -> Record? {
            guard let name = name(), let type = uint16(), uint16() != nil, let ttl = uint32(), let length = uint16(),
                offset + Int(length) <= bytes.byteCount
            else { return nil }
            let end = offset + Int(length)
            defer { offset = end }
            var record = Record(name: name, type: type, ttl: ttl, text: hexadecimal(to: end))
            if let text = known(type, end, &record.serial) { record.text = text }
            return record
        }

        private func hexadecimal(to end: Int) -> String {
            var text = ""
            for place in offset..<end {
                let byte = bytes.byte(at: place)
                text += (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }
            return text
        }

        /// The data of a record of a type that we know.
        private mutating func known(_ type: UInt16, _ end: Int, _ serial: inout UInt32?) -> String? {
            switch type {
            case RecordType.a.code:
                guard end - offset == 4 else { return nil }
                return (0..<4).map { "\(bytes.byte(at: offset + $0))" }.joined(separator: ".")
            case RecordType.aaaa.code:
                guard end - offset == 16 else { return nil }
                var groups: [String] = []
                while let group = offset < end ? uint16() : nil { groups.append(String(group, radix: 16)) }
                return groups.joined(separator: ":")
            case RecordType.cname.code, RecordType.ns.code, RecordType.ptr.code: return name()
            case RecordType.mx.code:
                guard let preference = uint16(), let name = name() else { return nil }
                return "\(preference) \(name)"
            case RecordType.srv.code:
                guard let priority = uint16(), let weight = uint16(), let port = uint16(), let name = name() else {
                    return nil
                }
                return "\(priority) \(weight) \(port) \(name)"
            case RecordType.txt.code: return texts(end)
            case RecordType.soa.code:
                guard let server = name(), let mailbox = name(), let number = uint32() else { return nil }
                serial = number
                return "\(server) \(mailbox) \(number)"
            default: return nil
            }
        }

        private mutating func texts(_ end: Int) -> String? {
            var texts: [String] = []
            while offset < end {
                guard let length = uint8(), offset + Int(length) <= end else { return nil }
                texts.append("\"\(String(lossy: bytes.extracting(offset..<(offset + Int(length)))))\"")
                offset += Int(length)
            }
            return texts.joined(separator: " ")
        }
    }
}
