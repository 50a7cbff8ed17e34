import Glibc

/// Services of `/etc/services`.
package enum ServicePorts {
    /// The port of a name, over TCP or else over UDP (getservbyname_r(3)); nil where the name is unknown.
    package static func port(of name: String) -> UInt16? {
        guard !name.utf8.contains(0) else { return nil }
        var entry = servent()
        var found: UnsafeMutablePointer<servent>?
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4096) { buffer in
            guard getservbyname_r(name, nil, &entry, buffer.baseAddress, buffer.count, &found) == 0, let found else {
                return nil
            }
            return UInt16(bigEndian: UInt16(truncatingIfNeeded: found.pointee.s_port))
        }
    }
}
