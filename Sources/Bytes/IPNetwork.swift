import Glibc

/// An IPv4 or IPv6 network; an address is one of full length. IPv4 mapped into IPv6 (`::ffff:192.0.2.1`) is IPv4.
package struct IPNetwork: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The address in network order, an IPv4 one in the lower half's last four bytes; bits beyond `length` are zero.
    package let high: UInt64
    package let low: UInt64
    /// Of the prefix, in bits.
    package let length: UInt8
    package let isIPv4: Bool

    /// Bits of a whole address.
    package var width: Int { isIPv4 ? 32 : 128 }
    package var isAddress: Bool { Int(length) == width }

    package init(ipv4: UInt32, length: Int = 32) {
        isIPv4 = true
        self.length = UInt8(clamping: min(max(length, 0), 32))
        high = 0
        low = UInt64(ipv4) & (self.length == 0 ? 0 : ~0 << UInt64(32 - self.length))
    }

    package init(high: UInt64, low: UInt64, length: Int = 128) {
        isIPv4 = false
        let bits = min(max(length, 0), 128)
        self.length = UInt8(bits)
        self.high = high & (bits == 0 ? 0 : ~0 << UInt64(max(0, 64 - bits)))
        self.low = low & (bits <= 64 ? 0 : ~0 << UInt64(128 - bits))
    }

    /// `192.0.2.1`, `192.0.2.0/24`, `192.0.2.0/255.255.255.0`, `2001:db8::/32`, `[2001:db8::1]`; nil for all else. Bits beyond
    /// the prefix may be set and are cleared.
    package init?(_ text: String) {
        var parts = text.split(separator: "/" as Character, maxSplits: 1, omittingEmptySubsequences: false)
            .map { String($0) }
        if parts[0].hasPrefix("["), parts[0].hasSuffix("]") { parts[0] = String(parts[0].dropFirst().dropLast()) }
        guard let address = Self.address(parts[0]) else { return nil }
        guard parts.count == 2 else {
            self = address
            return
        }
        if let length = Self.number(parts[1]) {
            // Of a mapped address the prefix counts the mapping's 96 bits too.
            let isMapped = address.isIPv4 && parts[0].contains(":")
            let bits = isMapped ? length - 96 : length
            guard bits >= 0, bits <= address.width else { return nil }
            self = address.network(bits)
        } else if let mask = Self.address(parts[1]), mask.isIPv4 == address.isIPv4 {
            let bits = mask.high.nonzeroBitCount + mask.low.nonzeroBitCount
            guard
                address.isIPv4
                    ? mask == IPNetwork(ipv4: .max).network(bits).asAddress
                    : mask == IPNetwork(high: .max, low: .max).network(bits).asAddress
            else { return nil }
            self = address.network(bits)
        } else {
            return nil
        }
    }

    /// The network of this address, or of this network, with at most so many bits.
    package func network(_ bits: Int) -> IPNetwork {
        let bits = min(bits, Int(length))
        return isIPv4
            ? IPNetwork(ipv4: UInt32(truncatingIfNeeded: low), length: bits)
            : IPNetwork(high: high, low: low, length: bits)
    }

    /// Its first address.
    package var asAddress: IPNetwork {
        isIPv4 ? IPNetwork(ipv4: UInt32(truncatingIfNeeded: low)) : IPNetwork(high: high, low: low)
    }

    package func contains(_ other: IPNetwork) -> Bool {
        isIPv4 == other.isIPv4 && length <= other.length && other.network(Int(length)) == self
    }

    /// Of one or more hosts and not, as `0.0.0.0` and `::` are, of none.
    package var isUnspecified: Bool { high == 0 && low == 0 }
    package var isLoopback: Bool { isIPv4 ? low >> 24 == 127 : high == 0 && low == 1 }

    package var description: String { isAddress ? addressText : "\(addressText)/\(length)" }

    /// Without the length.
    package var addressText: String {
        var bytes = (high.bigEndian, low.bigEndian)
        return withUnsafeBytes(of: &bytes) { raw in
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { out in
                let family = isIPv4 ? AF_INET : AF_INET6
                guard let from = raw.baseAddress, let to = out.baseAddress,
                    inet_ntop(family, from + (isIPv4 ? 12 : 0), to, socklen_t(INET6_ADDRSTRLEN)) != nil
                else { return "" }
                return String(cString: to)
            }
        }
    }

    package static func < (left: IPNetwork, right: IPNetwork) -> Bool {
        (left.isIPv4 ? 0 : 1, left.high, left.low, left.length)
            < (right.isIPv4 ? 0 : 1, right.high, right.low, right.length)
    }

    private static func address(_ text: String) -> IPNetwork? {
        // inet_pton reads up to the first NUL.
        guard !text.utf8.contains(0) else { return nil }
        if !text.utf8.contains(UInt8(ascii: ":")) {
            var address = in_addr()
            guard inet_pton(AF_INET, text, &address) == 1 else { return nil }
            return IPNetwork(ipv4: UInt32(bigEndian: address.s_addr))
        }
        var halves: (UInt64, UInt64) = (0, 0)
        guard inet_pton(AF_INET6, text, &halves) == 1 else { return nil }
        let (high, low) = (UInt64(bigEndian: halves.0), UInt64(bigEndian: halves.1))
        if high == 0, low >> 32 == 0xffff { return IPNetwork(ipv4: UInt32(truncatingIfNeeded: low)) }
        return IPNetwork(high: high, low: low)
    }

    private static func number(_ text: String) -> Int? {
        guard !text.isEmpty, text.utf8.count <= 3, text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else {
            return nil
        }
        return Int(text)
    }
}
