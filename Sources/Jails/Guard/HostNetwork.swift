import Bytes
import CLinux
import Glibc

/// What the host needs of the network: read from the kernel and from `/etc`; what cannot be read or is not understood is left out.
package enum HostNetwork {
    /// Of all interfaces (getifaddrs(3)).
    package static func ownAddresses() -> [IPNetwork] {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return [] }
        defer { freeifaddrs(list) }
        var found: Set<IPNetwork> = []
        var next = list
        while let entry = next {
            next = entry.pointee.ifa_next
            guard let address = entry.pointee.ifa_addr else { continue }
            switch Int32(address.pointee.sa_family) {
            case AF_INET:
                address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                    _ = found.insert(IPNetwork(ipv4: UInt32(bigEndian: $0.pointee.sin_addr.s_addr)))
                }
            case AF_INET6:
                address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
                    let halves = unsafeBitCast($0.pointee.sin6_addr, to: (UInt64, UInt64).self)
                    _ = found.insert(IPNetwork(high: UInt64(bigEndian: halves.0), low: UInt64(bigEndian: halves.1)))
                }
            default: break
            }
        }
        return found.sorted()
    }

    /// Next hops of default routes.
    static func gateways(root: String) -> [IPNetwork] {
        gateways4(HostText.read(root + "/proc/net/route").bytes)
            + gateways6(HostText.read(root + "/proc/net/ipv6_route").bytes)
    }

    /// `nameserver` of resolv.conf(5), and what systemd's resolver asks itself.
    static func resolvers(root: String) -> [IPNetwork] {
        var found: [IPNetwork] = []
        for path in ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"] {
            let text = HostText.read(root + path)
            var lines = LineCursor(text.bytes)
            while lines.next() {
                var fields = FieldCursor(lines.line)
                guard fields.next(), fields.field.equals("nameserver"), fields.next() else { continue }
                let address = fields.field.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
                if let network = IPNetwork(String(address.prefix { $0 != "%" })), !found.contains(network) {
                    found.append(network)
                }
            }
        }
        return found
    }

    /// `/proc/net/route`: device, destination, gateway, flags, …, the eighth the mask; addresses as the machine has them in memory.
    static func gateways4(_ text: RawSpan) -> [IPNetwork] {
        var found: [IPNetwork] = []
        var lines = LineCursor(text)
        while lines.next() {
            var fields = FieldCursor(lines.line)
            guard fields.skip(1), fields.next(), fields.field.hexadecimal == 0, fields.next(),
                let gateway = fields.field.hexadecimal, gateway != 0, gateway <= UInt32.max, fields.skip(4),
                fields.next(), fields.field.hexadecimal == 0
            else { continue }
            found.append(IPNetwork(ipv4: UInt32(gateway).byteSwapped))
        }
        return found
    }

    /// `/proc/net/ipv6_route`: destination, its length, source, its length, next hop, …
    static func gateways6(_ text: RawSpan) -> [IPNetwork] {
        var found: [IPNetwork] = []
        var lines = LineCursor(text)
        while lines.next() {
            var fields = FieldCursor(lines.line)
            guard fields.skip(1), fields.next(), fields.field.hexadecimal == 0, fields.skip(2), fields.next(),
                fields.field.byteCount == 32, let high = fields.field.slice(0, 16).hexadecimal,
                let low = fields.field.slice(16, 32).hexadecimal, high | low != 0
            else { continue }
            found.append(IPNetwork(high: high, low: low))
        }
        return found
    }
}

enum HostText {
    /// Longer files are read to here.
    private static let most = 16 << 20

    /// A file; empty where it cannot be read.
    static func read(_ path: String) -> ByteBuffer {
        var text = ByteBuffer()
        var room = 64 << 10
        while true {
            text.removeAll()
            _ = text.appendUninitialized(atLeast: room) {
                max(0, Int(clinux_read_at(AT_FDCWD, path, $0.baseAddress, room, 1)))
            }
            if text.count < room || room >= most { return text }
            room *= 4
        }
    }
}
