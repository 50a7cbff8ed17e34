import Bytes

/// Text with `{{ip}}` and its like, which a ban fills in; what is filled in is made safe for where it stands.
struct BanTemplate: Sendable, Equatable {
    enum Place {
        /// Between the quotes of a JSON string.
        case json
        /// In a URL's path or query.
        case url
        case header
    }

    static let names = [
        "ip", "target", "kind", "family", "jail", "time", "end", "duration", "count", "failures", "user", "id", "host",
    ]

    private enum Piece: Equatable {
        case text(String)
        case name(String)
    }

    private let pieces: [Piece]
    /// The source.
    let text: String

    /// Throws a sentence where a placeholder is none that is known.
    init(_ text: String) throws(BanActionError) {
        self.text = text
        var pieces: [Piece] = []
        var rest = Array(text.utf8)[...]
        while let open = Self.range(of: 0x7b, in: rest) {
            pieces.append(.text(String(rest[..<open])))
            rest = rest[(open + 2)...]
            guard let close = Self.range(of: 0x7d, in: rest) else { throw BanActionError("expected }} after {{") }
            let name = String(rest[..<close]).trimmed
            guard Self.names.contains(name) else {
                throw BanActionError(
                    "expected one of \(Self.names.joined(separator: ", ")) between {{ and }}, found \"\(name)\"")
            }
            pieces.append(.name(name))
            rest = rest[(close + 2)...]
        }
        pieces.append(.text(String(rest)))
        self.pieces = pieces
    }

    /// - Parameter id: what an earlier answer called the ban.
    func text(of ban: Ban, id: String, host: String, in place: Place) -> String {
        pieces.map { piece in
            switch piece {
            case .text(let text): text
            case .name(let name): Self.safe(Self.value(name, ban, id, host), place)
            }
        }.joined()
    }

    private static func value(_ name: String, _ ban: Ban, _ id: String, _ host: String) -> String {
        let network = ban.target.network
        return switch name {
        case "ip", "target": ban.target.description
        // As Cloudflare's access rules name what they are about.
        case "kind": network.map { $0.isAddress ? ($0.isIPv4 ? "ip" : "ip6") : "ip_range" } ?? ""
        case "family": network.map { $0.isIPv4 ? "inet4" : "inet6" } ?? ""
        case "jail": ban.jail
        case "time": number(ban.time)
        case "end": number(ban.end)
        case "duration": number(ban.duration)
        case "count": String(ban.count)
        case "failures": String(ban.failures)
        case "user": ban.groups["user"] ?? ""
        case "id": id
        default: host
        }
    }

    /// Whole seconds; -1 for no end.
    private static func number(_ value: Double) -> String {
        value.isFinite ? Int64(exactly: value.rounded()).map { String($0) } ?? "-1" : "-1"
    }

    private static func safe(_ value: String, _ place: Place) -> String {
        switch place {
        case .json:
            var buffer = ByteBuffer()
            var copy = value
            copy.withUTF8 { JSONWriter.quote(RawSpan(_unsafeBytes: UnsafeRawBufferPointer($0)), into: &buffer) }
            let quoted = buffer.bytes.withUnsafeBytes { Array($0) }
            return String(quoted[1..<(quoted.count - 1)])
        case .url:
            return value.utf8.map { byte in
                if ASCII.isWord(byte) || byte == 0x2d || byte == 0x2e || byte == 0x7e { return String([byte]) }
                let digits = String(byte, radix: 16, uppercase: true)
                return "%" + (digits.utf8.count < 2 ? "0" : "") + digits
            }.joined()
        case .header: return String(value.utf8.filter { $0 >= 0x20 && $0 != 0x7f })
        }
    }

    /// Where the byte stands twice.
    private static func range(of byte: UInt8, in bytes: ArraySlice<UInt8>) -> Int? {
        bytes.indices.dropLast().first { bytes[$0] == byte && bytes[$0 + 1] == byte }
    }
}
