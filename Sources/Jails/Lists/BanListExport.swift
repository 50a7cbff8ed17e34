import Bytes

/// Bans as a list for other programs.
package enum BanListExport: String, Sendable, CaseIterable {
    /// A network a line, as `BlockList` reads it.
    case plain
    /// An array of objects with `target`, `jail`, `banned_at`, `expires_at` (null for ever), `count`, `failures`, `origin`.
    case json
    /// `deny NETWORK;` a line, for `include` in a server of nginx.
    case nginx

    package var contentType: String { self == .json ? "application/json" : "text/plain; charset=utf-8" }

    /// Bans that are over are left out; what is no network is in `json` only.
    package func document(_ bans: [Ban], now: Double) -> [UInt8] {
        let bans = bans.filter { $0.end > now }
        guard self != .json else { return Self.json(bans) }
        var buffer = ByteBuffer(capacity: 24 * bans.count)
        var last: IPNetwork?
        for network in bans.compactMap(\.target.network).sorted() where network != last {
            if self == .nginx { buffer.append("deny " as StaticString) }
            buffer.append(network.description)
            if self == .nginx { buffer.append(UInt8(ascii: ";")) }
            buffer.append(0x0a)
            last = network
        }
        return [UInt8](buffer.bytes)
    }

    private static func json(_ bans: [Ban]) -> [UInt8] {
        var json = JSONWriter()
        json.beginArray()
        for ban in bans {
            json.beginObject()
            for (name, value) in [
                ("target", ban.target.description), ("jail", ban.jail), ("banned_at", BanEvent.text(ban.time)),
            ] {
                json.key(name)
                json.string(value)
            }
            json.key("expires_at")
            if ban.end.isFinite { json.string(BanEvent.text(ban.end)) } else { json.null() }
            json.key("count")
            json.integer(ban.count)
            json.key("failures")
            json.integer(ban.failures)
            json.key("origin")
            json.string(ban.origin.name)
            if let text = ban.origin.text, !text.isEmpty {
                json.key("origin_name")
                json.string(text)
            }
            json.endObject()
        }
        json.endArray()
        return json.written()
    }
}
