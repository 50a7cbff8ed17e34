import Glibc

extension IPNetwork {
    /// The first and the last address, as numbers of the family's width.
    package var bounds: ClosedRange<UInt128> {
        let first = UInt128(high) << 64 | UInt128(low)
        let host = width - Int(length)
        let mask: UInt128 = host == 0 ? 0 : .max >> UInt128(128 - host)
        return first...(first | mask)
    }

    /// Addresses that the host's interfaces have at present; none where the kernel does not tell.
    package static func ofInterfaces() -> [IPNetwork] {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return [] }
        defer { freeifaddrs(list) }
        var found: [IPNetwork] = []
        var next = list
        while let item = next {
            if let address = item.pointee.ifa_addr, let network = IPNetwork(socketAddress: address) {
                found.append(network)
            }
            next = item.pointee.ifa_next
        }
        return found
    }

    /// Nil for what is neither IPv4 nor IPv6.
    private init?(socketAddress: UnsafePointer<sockaddr>) {
        let raw = UnsafeRawPointer(socketAddress)
        switch Int32(socketAddress.pointee.sa_family) {
        case AF_INET:
            self.init(ipv4: UInt32(bigEndian: raw.loadUnaligned(as: sockaddr_in.self).sin_addr.s_addr))
        case AF_INET6:
            let address = raw.loadUnaligned(as: sockaddr_in6.self).sin6_addr
            let halves = withUnsafeBytes(of: address) {
                ($0.loadUnaligned(as: UInt64.self), $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            }
            self.init(high: UInt64(bigEndian: halves.0), low: UInt64(bigEndian: halves.1))
        default: return nil
        }
    }
}
