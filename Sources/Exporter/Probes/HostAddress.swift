import CLinux
import Glibc
import Telemetry

/// An address to probe.
struct HostAddress: Sendable {
    let raw: clinux_address

    /// 4 or 6.
    var version: Int { Int(raw.version) }

    init(raw: clinux_address) { self.raw = raw }

    /// An address as it is written; nil for anything else.
    init?(_ text: String) {
        guard !text.isEmpty, text.utf8.allSatisfy({ $0 == 0x2e || $0 == 0x3a || $0 == 0x25 || $0 > 0x2f }),
            case .success(let address) = NameResolver.resolve(text, 0)
        else { return nil }
        self = address
    }

    /// FNV-1a, 32 bits, of the address as text: what blackbox_exporter shows as `probe_ip_addr_hash`, so that a change of
    /// address is seen without the address being a label.
    var hash: UInt32 {
        var hash: UInt32 = 0x811c_9dc5
        withUnsafeBytes(of: raw.bytes) { bytes in
            // Go keeps an IPv4 address in its IPv6 form.
            let prefix: [UInt8] = version == 4 ? [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff] : []
            for byte in prefix + bytes.prefix(version == 4 ? 4 : 16) {
                hash = (hash ^ UInt32(byte)) &* 0x0100_0193
            }
        }
        return hash
    }
}

/// Which address of a name is probed.
package enum AddressPreference: String, Sendable, CaseIterable {
    case any, ip4, ip6
}

/// Looks names up without waiting longer than the probe may.
enum NameResolver {
    /// Throws `ProbeFailure` where the name has no address or the lookup takes too long.
    static func address(
        of name: String, preferring preference: AddressPreference, until deadline: Timestamp
    ) throws(ProbeFailure) -> HostAddress {
        let version: Int32 =
            switch preference {
            case .any: 0
            case .ip4: 4
            case .ip6: 6
            }
        // getaddrinfo cannot be ended; a thread that is still in it when the probe is over ends by itself.
        let state = Condition<Result<HostAddress, ProbeFailure>?>(nil)
        WorkerThread(name: "resolve") {
            let result = resolve(name, version)
            state.change { $0 = result }
        }.detach()
        guard let result = state.wait(until: deadline, { $0 }) else {
            throw ProbeFailure("looking up \(name) took too long")
        }
        return try result.get()
    }

    fileprivate static func resolve(_ name: String, _ version: Int32) -> Result<HostAddress, ProbeFailure> {
        withUnsafeTemporaryAllocation(of: clinux_address.self, capacity: 16) { addresses in
            let count = clinux_resolve(name, version, addresses.baseAddress, Int32(addresses.count))
            if count > 0 { return .success(HostAddress(raw: addresses[0])) }
            let reason = count == 0 ? "no address" : String(cString: clinux_resolve_error(count))
            return .failure(ProbeFailure("looking up \(name): \(reason)"))
        }
    }
}

/// Why a probe did not succeed.
struct ProbeFailure: Error, CustomStringConvertible, Equatable {
    let description: String
    init(_ description: String) { self.description = description }

    /// What `errno` says about `what`.
    init(_ what: String, code: Int32) {
        self.init("\(what): \(String(cString: strerror(code)))")
    }
}
