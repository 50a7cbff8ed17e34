import Glibc
import Telemetry

/// What a jail knows that an action's commands may want to tell.
package struct ActionFacts: Sendable {
    package struct Counts: Sendable {
        package var banned = 0
        package var bannedTotal = 0
        package var found = 0
        package var foundTotal = 0
        package init() {}
    }

    package struct Merged: Sendable {
        package var matches: [String]
        package var failures: Int
        package init(matches: [String], failures: Int) {
            self.matches = matches
            self.failures = failures
        }
    }

    /// The jail's own, for commands that are about no ban; seconds.
    package var banTime = 600.0
    package var counts: @Sendable () -> Counts = { Counts() }
    /// All bans of a target that are remembered, of this jail or of all; nil where none are.
    package var merged: @Sendable (_ target: BanTarget, _ allJails: Bool) -> Merged? = { _, _ in nil }
    /// The bans of the jail that hold.
    package var holding: @Sendable () -> [Ban] = { [] }
    /// Seconds since 1970.
    package var now: @Sendable () -> Double = { Timestamp.now.secondsSince1970 }
    package var hostName: @Sendable (_ isWhole: Bool) -> String = { Self.ownName(isWhole: $0) }
    /// The name of an address; nil where it has none.
    package var nameOf: @Sendable (_ address: String) -> String? = { Self.name(of: $0) }
    /// Whether this host has IPv6: without it `actionstart` runs for IPv4 alone.
    package var hasIPv6 = Self.hasIPv6()

    package init() {}

    /// Linux has no such file where IPv6 is not built in or not loaded, and 1 in it where it is switched off.
    static func hasIPv6(by path: String = "/proc/sys/net/ipv6/conf/all/disable_ipv6") -> Bool {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { close(file) }
        var value: UInt8 = 0
        return read(file, &value, 1) == 1 && value == UInt8(ascii: "0")
    }

    private static func ownName(isWhole: Bool) -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "" }
        let name = text(buffer)
        guard isWhole else { return name }
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
        hints.ai_flags = AI_CANONNAME
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(name, nil, &hints, &list) == 0, let list else { return name }
        defer { freeaddrinfo(list) }
        return list.pointee.ai_canonname.map { String(cString: $0) } ?? name
    }

    private static func name(of address: String) -> String? {
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(address, nil, &hints, &list) == 0, let list else { return nil }
        defer { freeaddrinfo(list) }
        var buffer = [CChar](repeating: 0, count: 1025)
        let problem = getnameinfo(
            list.pointee.ai_addr, list.pointee.ai_addrlen, &buffer, socklen_t(buffer.count), nil, 0, NI_NAMEREQD)
        return problem == 0 ? text(buffer) : nil
    }

    private static func text(_ buffer: [CChar]) -> String {
        String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
