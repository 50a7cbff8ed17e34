import Bytes
import Glibc

/// Where people are logged in from.
///
/// An address is an administrator's while both are true: somebody is logged in from it, as logind or utmp(5) has it, and a TCP
/// connection from it to an administrators' port is established. A connection alone protects nobody: whoever guesses passwords has
/// one. A record of a session alone does not either, as a crash leaves some behind. Both come from root's processes after a login
/// has succeeded; the host's name, which the client's name server chooses, is not looked at. Who has a login can so not be banned while
/// using it, nor can who shares an address with them.
enum LoginSessions {
    static func administrators(root: String, ports: Set<UInt16>) -> [IPNetwork] {
        let hosts = logind(root: root).union(utmp(HostText.read(root + "/run/utmp").bytes))
        guard !hosts.isEmpty, !ports.isEmpty else { return hosts.sorted() }
        var peers: Set<IPNetwork> = []
        for name in ["tcp", "tcp6"] {
            let text = HostText.read(root + "/proc/net/" + name)
            peers.formUnion(Self.peers(text.bytes, ports: ports))
        }
        return hosts.intersection(peers).sorted()
    }

    /// Changes with whoever logs in or out.
    struct Stamp: Equatable {
        /// Nanoseconds since 1970 of the last change of logind's directory, which puts each state of a session in place of the one
        /// before, and of utmp; 0 where there is none.
        var times: [Int] = []
    }

    /// Costs two calls of the kernel.
    static func stamp(root: String) -> Stamp {
        Stamp(
            times: ["/run/systemd/sessions", "/run/utmp"].map { path in
                var status = stat()
                guard stat(root + path, &status) == 0 else { return 0 }
                return status.st_mtim.tv_sec &* 1_000_000_000 &+ status.st_mtim.tv_nsec
            })
    }

    /// The files of logind's sessions: `KEY=value` a line (systemd, src/login/logind-session.c).
    static func logind(root: String) -> Set<IPNetwork> {
        let path = root + "/run/systemd/sessions"
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var found: Set<IPNetwork> = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            // Pipes that hold a session open are named `NUMBER.ref`; reading one would wait.
            guard !name.contains(".") else { continue }
            if let host = session(HostText.read(path + "/" + name).bytes) { found.insert(host) }
        }
        return found
    }

    /// The address that a session of a person comes from, nil where it is local, ending, or not known by its address.
    static func session(_ text: RawSpan) -> IPNetwork? {
        var (host, isPerson, isOpen): (IPNetwork?, Bool, Bool) = (nil, false, false)
        var lines = LineCursor(text)
        while lines.next() {
            let line = lines.line
            guard let equals = line.firstIndex(of: UInt8(ascii: "=")) else { continue }
            let value = line.slice(equals + 1, line.byteCount)
            let key = line.slice(0, equals)
            if key.equals("REMOTE_HOST") {
                host = IPNetwork(value.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }).flatMap {
                    $0.isAddress ? $0 : nil
                }
            } else if key.equals("CLASS") {
                isPerson = value.hasPrefix("user")
            } else if key.equals("STATE") {
                isOpen = value.equals("active") || value.equals("online")
            }
        }
        return isPerson && isOpen ? host : nil
    }

    /// Addresses of records of processes of users that are still there.
    static func utmp(_ text: RawSpan) -> Set<IPNetwork> {
        var found: Set<IPNetwork> = []
        let size = MemoryLayout<utmpx>.size
        var offset = 0
        while text.byteCount - offset >= size {
            let record = text.unsafeLoadUnaligned(fromByteOffset: offset, as: utmpx.self)
            offset += size
            guard Int32(record.ut_type) == USER_PROCESS, record.ut_pid > 0,
                kill(record.ut_pid, 0) == 0 || errno == EPERM
            else { continue }
            let words = withUnsafeBytes(of: record.ut_addr_v6) { raw in
                (0..<4).map { UInt32(bigEndian: raw.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self)) }
            }
            if let address = address(words, isIPv4: words[1...].allSatisfy { $0 == 0 }) { found.insert(address) }
        }
        return found
    }

    /// Remote addresses of established connections to local `ports`, of `/proc/net/tcp` and `tcp6`.
    static func peers(_ text: RawSpan, ports: Set<UInt16>) -> Set<IPNetwork> {
        var found: Set<IPNetwork> = []
        var lines = LineCursor(text)
        while lines.next() {
            var fields = FieldCursor(lines.line)
            guard fields.skip(1), fields.next(), let local = end(fields.field), let port = UInt16(exactly: local.port),
                ports.contains(port), fields.next(), let remote = end(fields.field), fields.next(),
                // TCP_ESTABLISHED
                fields.field.hexadecimal == 1, let address = address(remote.words, isIPv4: remote.words.count == 1)
            else { continue }
            found.insert(address)
        }
        return found
    }

    /// `0100007F:0016`: words of four bytes as the machine has them in memory, then the port.
    private static func end(_ field: RawSpan) -> (words: [UInt32], port: UInt64)? {
        guard let colon = field.firstIndex(of: UInt8(ascii: ":")), colon == 8 || colon == 32,
            let port = field.slice(colon + 1, field.byteCount).hexadecimal
        else { return nil }
        var words: [UInt32] = []
        for start in stride(from: 0, to: colon, by: 8) {
            guard let word = field.slice(start, start + 8).hexadecimal else { return nil }
            words.append(UInt32(truncatingIfNeeded: word).byteSwapped)
        }
        return (words, port)
    }

    /// IPv4 mapped into IPv6 is IPv4.
    private static func address(_ words: [UInt32], isIPv4: Bool) -> IPNetwork? {
        guard words.contains(where: { $0 != 0 }) else { return nil }
        if isIPv4 { return IPNetwork(ipv4: words[0]) }
        if words[0] == 0, words[1] == 0, words[2] == 0xffff { return IPNetwork(ipv4: words[3]) }
        return IPNetwork(
            high: UInt64(words[0]) << 32 | UInt64(words[1]), low: UInt64(words[2]) << 32 | UInt64(words[3]))
    }
}
