import Configuration
import Transport

/// Bans that hosts of one owner tell one another.
package struct SharingSettings: Sendable, Equatable {
    /// Of this host, as others name it; empty for the host's own.
    package var name = ""
    package var secret = Secret("")
    package var peers: [PeerSettings] = []
    package var redis: RedisSettings?
    /// Sum of the peers' weights at which a ban is done here.
    package var threshold = 1.0

    package init() {}

    /// By a host's name.
    package var trust: [String: PeerTrust] {
        Dictionary(peers.map { ($0.name, $0.trust) }, uniquingKeysWith: { first, _ in first })
    }
}

/// Another host whose bans are asked for.
package struct PeerSettings: Sendable, Equatable {
    package var name: String
    /// Of its feed, without a query.
    package var url: String
    /// Seconds.
    package var interval = 10.0
    package var trust = PeerTrust()
    package var http = HTTPClientConfiguration()

    package init(name: String, url: String) {
        self.name = name
        self.url = url
    }
}

/// A stream of Redis over which hosts tell one another.
package struct RedisSettings: Sendable, Equatable {
    package var address = Address.tcp(host: "localhost", port: 6379)
    /// Empty for the default user.
    package var username = ""
    package var password: Secret?
    package var database = 0
    package var stream = "tocsin:bans"
    /// Messages that the stream keeps, about.
    package var maxEntries = 10_000
    /// For hosts that are no peers by name.
    package var trust = PeerTrust()

    package init() {}

    package enum Address: Sendable, Equatable, CustomStringConvertible {
        case tcp(host: String, port: UInt16)
        case socket(String)

        /// `host`, `host:port`, `[::1]:6379`, `unix:/run/redis.sock`; nil for anything else.
        package init?(_ text: String) {
            if text.hasPrefix("unix:") {
                let path = String(text.dropFirst(5))
                // sockaddr_un holds 108 bytes with the final NUL.
                guard path.hasPrefix("/"), path.utf8.count < 108, !path.utf8.contains(0) else { return nil }
                self = .socket(path)
                return
            }
            var host = text[...]
            var port: UInt16 = 6379
            let isBare = !text.hasPrefix("[") && text.utf8.filter { $0 == UInt8(ascii: ":") }.count > 1
            if !isBare, let colon = text.lastIndex(of: ":"), !text[colon...].contains("]") {
                guard let number = UInt16(text[text.index(after: colon)...]), number > 0 else { return nil }
                port = number
                host = text[..<colon]
            }
            if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
            guard !host.isEmpty, host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "/") }) else {
                return nil
            }
            self = .tcp(host: String(host), port: port)
        }

        package var description: String {
            switch self {
            case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
            case .socket(let path): "unix:\(path)"
            }
        }
    }
}

extension SharingSettings: ConfigurationSection {
    package static let configurationKeys: [ConfigurationKey] = [
        ConfigurationKey("name", "string", "This host's name among the others; its own by default."),
        ConfigurationKey("secret", "secret", "What all hosts share to sign with; at least 16 bytes."),
        ConfigurationKey("secret_file", "secret file", "A file with it."),
        ConfigurationKey("peers", "list", "Hosts whose bans are asked for; see [peers](#peers)."),
        ConfigurationKey(
            "redis", "mapping", "A stream of Redis over which hosts tell one another; see [redis](#redis)."),
        ConfigurationKey(
            "threshold", "number", default: "1",
            "Sum of the weights of those who ban a target at which it is banned here."),
    ]

    package init(_ reader: MappingReader) {
        self.init()
        name = reader.string("name") ?? name
        secret = reader.secret("secret", orFile: "secret_file")?.secret ?? secret
        if secret.value.utf8.count < 16 {
            reader.report(
                "expected secret or secret_file with at least 16 bytes, the same on all hosts",
                at: reader.has("secret") ? "secret" : nil)
        }
        peers = reader.sections("peers") ?? peers
        redis = reader.section("redis")
        threshold = reader.double("threshold", in: 0.01...1000) ?? threshold
        var seen: Set<String> = []
        for peer in peers where !seen.insert(peer.name).inserted {
            reader.report("peers: expected a name once, found \"\(peer.name)\" twice", at: "peers")
        }
    }
}

extension PeerTrust {
    static let configurationKeys: [ConfigurationKey] = [
        ConfigurationKey("jails", "list of strings", "Jails there whose bans count here; all by default."),
        ConfigurationKey("weight", "number", default: "1", "What a ban counts towards `threshold`."),
        ConfigurationKey("max_duration", "duration", default: "7d", "A ban stands here for at most so long."),
    ]

    init(_ reader: MappingReader) {
        self.init()
        jails = reader.strings("jails") ?? jails
        weight = reader.double("weight", in: 0.001...1000) ?? weight
        maxDuration = reader.duration("max_duration", in: 1...10 * 365 * 86_400) ?? maxDuration
    }
}

extension PeerSettings: ConfigurationSection {
    package static let configurationKeys: [ConfigurationKey] =
        [
            ConfigurationKey("name", "string", "The other host's name."),
            ConfigurationKey("url", "URL", "Its feed: `https://other:9464/api/bans/feed`."),
            ConfigurationKey("interval", "duration", default: "10s", "How often to ask."),
        ] + PeerTrust.configurationKeys + HTTPClientConfiguration.configurationKeys

    package init(_ reader: MappingReader) {
        let (name, url) = (reader.requiredString("name"), reader.requiredString("url"))
        if !url.isEmpty {
            do throws(HTTPTargetError) {
                _ = try HTTPTarget(parsing: url)
            } catch {
                reader.report("url: \(error.description)", at: "url")
            }
        }
        self.init(name: name, url: url)
        interval = reader.duration("interval", in: 1...86_400) ?? interval
        trust = PeerTrust(reader)
        http = HTTPClientConfiguration(reader)
    }
}

extension RedisSettings: ConfigurationSection {
    package static let configurationKeys: [ConfigurationKey] =
        [
            ConfigurationKey(
                "address", "string", default: "localhost:6379", "`host`, `host:port` or `unix:/run/redis.sock`."),
            ConfigurationKey("username", "string", "Of Redis's access control lists."),
            ConfigurationKey("password", "secret", "The password."),
            ConfigurationKey("password_file", "secret file", "A file with the password."),
            ConfigurationKey("database", "number", default: "0", "The database's number."),
            ConfigurationKey("stream", "string", default: "tocsin:bans", "The stream's key."),
            ConfigurationKey("max_entries", "number", default: "10000", "About how many messages the stream keeps."),
        ] + PeerTrust.configurationKeys

    package init(_ reader: MappingReader) {
        self.init()
        if let text = reader.string("address") {
            if let address = Address(text) {
                self.address = address
            } else {
                reader.report("address: expected host, host:port or unix:/path, found \"\(text)\"", at: "address")
            }
        }
        username = reader.string("username") ?? username
        password = reader.secret("password", orFile: "password_file")?.secret
        database = reader.int("database", in: 0...65_535) ?? database
        stream = reader.string("stream") ?? stream
        if stream.isEmpty { reader.report("stream: expected text, found none", at: "stream") }
        maxEntries = reader.int("max_entries", in: 100...10_000_000) ?? maxEntries
        trust = PeerTrust(reader)
    }
}
