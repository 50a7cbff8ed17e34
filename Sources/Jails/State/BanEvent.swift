import Bytes

/// Something that happened to somebody: what the history of bans is made of.
package struct BanEvent: Sendable, Equatable {
    /// Files have a kind's place here: new ones come last.
    package enum Kind: String, Sendable, CaseIterable {
        case banned
        /// The same ban ends later.
        case prolonged
        case unbanned
        /// A person forgave: the ban is over and not counted any more.
        case forgotten
        /// Would have been banned, in a jail that only observes.
        case observed
        /// Was not banned, for the reason that is given.
        case ignored
    }

    /// Seconds since 1970.
    package var time: Double
    package var kind: Kind
    /// As it was then; its matches are cut to ten of 1 KiB.
    package var ban: Ban
    /// In words, where there is more to say than the ban says: why it ended, why it was ignored.
    package var why: String

    package init(_ kind: Kind, _ ban: Ban, why: String = "", time: Double) {
        self.time = time
        self.kind = kind
        self.ban = ban
        self.why = why
    }
}

extension BanEvent {
    /// `{"time":…,"event":"banned","jail":"sshd","target":"192.0.2.1",…}`; times are RFC 3339, durations seconds.
    package func write(into json: inout JSONWriter) {
        json.beginObject()
        for (name, value) in [
            ("time", Self.text(time)), ("event", kind.rawValue), ("jail", ban.jail), ("target", ban.target.description),
        ] {
            json.key(name)
            json.string(value)
        }
        json.key("duration")
        json.number(ban.duration)
        json.key("banned_at")
        json.string(Self.text(ban.time))
        json.key("end")
        if ban.duration < 0 { json.null() } else { json.string(Self.text(ban.end)) }
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
        if !why.isEmpty {
            json.key("why")
            json.string(why)
        }
        json.key("matches")
        json.beginArray()
        for match in ban.matches { json.string(match) }
        json.endArray()
        json.endObject()
    }

    /// Where the ban counts as of one attacker's: the /24 or /64 around an address, a wider network itself; nil for what is none.
    package var neighborhood: IPNetwork? {
        ban.target.network.map { $0.network(min(Int($0.length), $0.isIPv4 ? 24 : 64)) }
    }

    /// What a log tells of it, in the order of reading, without the lines that led to it: `event`, `jail`, `address`, `network`, `until`,
    /// `count`, `failures`, `origin`, `origin_name` and `reason`, as far as they are known.
    package var fields: [(name: String, value: String)] {
        var fields = [("event", kind.rawValue), ("jail", ban.jail), ("address", ban.target.description)]
        if let network = neighborhood { fields.append(("network", network.description)) }
        fields.append(("until", ban.duration < 0 ? "forever" : Self.text(ban.end)))
        fields += [("count", "\(ban.count)"), ("failures", "\(ban.failures)"), ("origin", ban.origin.name)]
        if let text = ban.origin.text, !text.isEmpty { fields.append(("origin_name", text)) }
        if !why.isEmpty { fields.append(("reason", why)) }
        return fields
    }

    /// RFC 3339 with milliseconds.
    package static func text(_ seconds: Double) -> String {
        RFC3339.text(Int64(min(max(seconds, 0), 9e9) * 1e9)).prefix(23) + "Z"
    }
}

extension Ban.Origin {
    /// `failures`, `manual`, `list`, `peer`.
    package var name: String {
        switch self {
        case .failures: "failures"
        case .manual: "manual"
        case .list: "list"
        case .peer: "peer"
        }
    }
}

extension BanEvent.Kind {
    fileprivate var code: UInt8 { UInt8(Self.allCases.firstIndex(of: self) ?? 0) }
}

extension BanEvent {
    func write(into buffer: inout ByteBuffer) {
        buffer.append(field: time)
        buffer.append(kind.code)
        buffer.append(field: BanTextLimit.cut(ban.jail, BanTextLimit.jail))
        switch ban.target {
        case .network: buffer.append(ban.target)
        case .text(let text): buffer.append(BanTarget.text(BanTextLimit.cut(text, BanTextLimit.target)))
        }
        buffer.append(field: ban.time)
        buffer.append(field: ban.duration)
        buffer.append(varint: UInt64(clamping: ban.count))
        buffer.append(varint: UInt64(clamping: ban.failures))
        buffer.append(ban.origin.number)
        if let text = ban.origin.text { buffer.append(field: BanTextLimit.cut(text, BanTextLimit.origin)) }
        buffer.append(field: BanTextLimit.cut(why, BanTextLimit.match))
        let matches = ban.matches.suffix(BanTextLimit.matches)
        buffer.append(varint: UInt64(matches.count))
        for match in matches { buffer.append(field: BanTextLimit.cut(match, BanTextLimit.match)) }
        buffer.append(BanTextLimit.cut(ban.groups))
    }

    /// nil for a damaged one.
    init?(_ record: RawSpan) {
        var reader = BanRecordReader(record)
        guard let time = reader.number(), let code = reader.byte(), Int(code) < Kind.allCases.count,
            let jail = reader.text(), let target = reader.target(), let since = reader.number(),
            let duration = reader.number(), let count = reader.varint(), let failures = reader.varint(),
            let origin = reader.origin(), let why = reader.text(), let matches = reader.varint(),
            matches <= UInt64(record.byteCount)
        else { return nil }
        var ban = Ban(jail: jail, target: target, time: since, duration: duration)
        ban.count = Int(clamping: count)
        ban.failures = Int(clamping: failures)
        ban.origin = origin
        for _ in 0..<matches {
            guard let match = reader.text() else { return nil }
            ban.matches.append(match)
        }
        guard let groups = reader.groups() else { return nil }
        ban.groups = groups
        self.init(Kind.allCases[Int(code)], ban, why: why, time: time)
    }
}

/// Which events are wanted.
package struct BanEventQuery: Sendable, Equatable {
    package var jail: String?
    /// Events of it, of what it contains and of what contains it.
    package var target: BanTarget?
    package var kinds: [BanEvent.Kind] = []
    /// Seconds since 1970.
    package var since = -Double.infinity
    package var until = Double.infinity
    /// The newest are given.
    package var limit = 1000

    package init() {}

    func matches(_ event: BanEvent) -> Bool {
        guard event.time >= since, event.time < until, jail == nil || jail == event.ban.jail,
            kinds.isEmpty || kinds.contains(event.kind)
        else { return false }
        guard let target else { return true }
        if let wanted = target.network, let network = event.ban.target.network {
            return wanted.contains(network) || network.contains(wanted)
        }
        return target == event.ban.target
    }
}
