import Bytes
import Glibc
import Telemetry
import TestSupport
import Testing

@testable import Jails

@Suite struct LockoutGuardTests {
    private static let session =
        "UID=1000\nUSER=ann\nACTIVE=1\nSTATE=active\nREMOTE=1\nREMOTE_HOST=203.0.113.5\nSERVICE=sshd\nCLASS=user\nLEADER=7\n"

    /// 203.0.113.5 and 2001:db8::5 are connected to port 22, 203.0.113.6 too, 203.0.113.7 to port 80, 203.0.113.8 no longer.
    private static let connections = [
        "proc/net/tcp": """
          sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
           0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 100 1
           1: 0A00000A:0016 057100CB:D431 01 00000000:00000000 02:00000000 00000000     0        0 101 1
           2: 0A00000A:0050 077100CB:D431 01 00000000:00000000 02:00000000 00000000     0        0 102 1
           3: 0A00000A:0016 087100CB:D431 06 00000000:00000000 02:00000000 00000000     0        0 103 1
        """,
        "proc/net/tcp6": """
          sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt
           0: 0000000000000000FFFF00000A00000A:0016 0000000000000000FFFF0000067100CB:D431 01 00000000:00000000 00:00000000 00000000
           1: B80D0120000000000000000001000000:0016 B80D0120000000000000000005000000:D431 01 00000000:00000000 00:00000000 00000000
        """,
    ]

    private func refusal(_ target: String, _ files: [String: String], _ settings: LockoutGuard.Settings = .init())
        throws
        -> LockoutGuard.Refusal?
    {
        let root = try ConfigurationFiles(files)
        let lockout = LockoutGuard(settings, root: root.path) {
            [IPNetwork("192.0.2.10"), IPNetwork("2001:db8:5::10")].compactMap(\.self)
        }
        return lockout.refusal(of: BanTarget(target))
    }

    @Test(
        "the host, what it needs and its loopback are never banned, alone or in a network",
        arguments: [
            ("192.0.2.10", "own"), ("192.0.2.0/24", "own"), ("192.0.2.11", nil), ("2001:db8:5::/64", "own"),
            ("2001:db8:5::11", nil), ("127.0.0.2", "loopback"), ("::1", "loopback"), ("0.0.0.0", "too_wide"),
            ("::/0", "too_wide"), ("10.0.0.0/7", "too_wide"), ("2001::/15", "too_wide"), ("192.0.2.1", "gateway"),
            ("fe80::1", "gateway"), ("198.51.100.53", "resolver"), ("2001:db8:53::53", "resolver"),
            ("198.51.100.99", "resolver"), ("10.9.8.7", "allowed"), ("root", nil), ("::ffff:192.0.2.10", "own"),
        ] as [(String, String?)])
    func protects(_ target: String, _ reason: String?) throws {
        var settings = LockoutGuard.Settings()
        settings.allowed = [IPNetwork("10.9.0.0/16")].compactMap(\.self)
        let found = try refusal(
            target,
            [
                "proc/net/route": """
                Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT
                eth0 00000000 010200C0 0003 0 0 0 00000000 0 0 0
                eth0 000200C0 00000000 0001 0 0 0 00FFFFFF 0 0 0
                eth0 00003AC6 0B0200C0 0003 0 0 0 0000FFFF 0 0 0
                """,
                "proc/net/ipv6_route": """
                20010db8000500000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001 eth0
                00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003 eth0
                00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200 lo
                """,
                "etc/resolv.conf":
                    "# comment\nnameserver 198.51.100.53\nnameserver 2001:db8:53::53%eth0\nsearch example.org\nnameserver\n",
                "run/systemd/resolve/resolv.conf": "nameserver 198.51.100.99\n",
            ], settings)
        #expect(found?.reason == reason)
        if let found { #expect(!found.description.isEmpty) }
    }

    @Test("who is logged in and connected is not banned; a connection or a session alone protects nobody")
    func administrators() throws {
        let files = Self.connections.merging(["run/systemd/sessions/c1": Self.session]) { $1 }
        #expect(try refusal("203.0.113.5", files)?.reason == "administrator")
        #expect(try refusal("203.0.113.0/24", files)?.reason == "administrator")
        // An attacker who is connected to port 22 and guesses.
        #expect(try refusal("203.0.113.6", files) == nil)
        #expect(try refusal("203.0.113.5", Self.connections) == nil)
        #expect(try refusal("203.0.113.5", ["run/systemd/sessions/c1": Self.session]) == nil)
        for (old, new) in [
            ("STATE=active", "STATE=closing"), ("CLASS=user", "CLASS=greeter"), ("203.0.113.5", "evil.example"),
            ("203.0.113.5", "203.0.113.0/24"), ("203.0.113.5", "203.0.113.7"), ("203.0.113.5", "203.0.113.8"),
        ] {
            var changed = files
            let lines = Self.session.split(separator: "\n").map { line in
                line == old || line.hasSuffix("=" + old) ? line.replacingSuffix(old, new) : String(line)
            }
            changed["run/systemd/sessions/c1"] = lines.joined(separator: "\n")
            #expect(try refusal("203.0.113.5", changed) == nil, "\(new)")
            #expect(try refusal("203.0.113.8", changed) == nil, "\(new)")
        }
        var settings = LockoutGuard.Settings()
        settings.adminPorts = []
        #expect(try refusal("203.0.113.5", ["run/systemd/sessions/c1": Self.session], settings) != nil)
        settings.protectsAdministrators = false
        #expect(try refusal("203.0.113.5", files, settings) == nil)
    }

    @Test("a login that came after the last look is seen all the same")
    func freshLogin() throws {
        let root = try ConfigurationFiles(Self.connections)
        let lockout = LockoutGuard(.init(), root: root.path) { [] }
        let now = Timestamp.monotonic
        let administrator = BanTarget("203.0.113.5")
        #expect(lockout.refusal(of: administrator, now: now) == nil)
        // In the same moment.
        try root.write("run/systemd/sessions/c1", Self.session)
        #expect(lockout.refusal(of: administrator, now: now)?.reason == "administrator")
        // Who has logged out is no administrator any more.
        usleep(20_000)
        unlink(root.path + "/run/systemd/sessions/c1")
        #expect(lockout.refusal(of: administrator, now: now) == nil)
    }

    @Test("records of utmp count while their process lives, for IPv4 and IPv6")
    func utmp() throws {
        func record(_ kind: Int32, _ process: pid_t, _ address: [UInt8]) -> [UInt8] {
            var record = utmpx()
            record.ut_type = numericCast(kind)
            record.ut_pid = process
            withUnsafeMutableBytes(of: &record.ut_addr_v6) { $0.copyBytes(from: address) }
            return withUnsafeBytes(of: record) { [UInt8]($0) }
        }
        let six: [UInt8] = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5]
        var buffer = ByteBuffer()
        buffer.append(record(USER_PROCESS, getpid(), [203, 0, 113, 5]))
        buffer.append(record(USER_PROCESS, getpid(), six))
        buffer.append(record(USER_PROCESS, 0x3fff_fff0, [203, 0, 113, 6]))
        buffer.append(record(DEAD_PROCESS, getpid(), [203, 0, 113, 7]))
        buffer.append(record(USER_PROCESS, getpid(), [0, 0, 0, 0]))
        buffer.append([1, 2, 3])
        #expect(
            LoginSessions.utmp(buffer.bytes)
                == Set([IPNetwork("203.0.113.5"), IPNetwork("2001:db8::5")].compactMap(\.self)))
    }

    @Test("what is no file of that kind is read without harm")
    func noise() {
        var random = SeededRandom(seed: SeededRandom.seed())
        let letters = Array("0123456789ABCDEF: \n=/.xREMOTE_HOST".utf8)
        for _ in 0..<5000 {
            var buffer = ByteBuffer()
            for _ in 0..<Int.random(in: 0...200, using: &random) {
                buffer.append(letters[Int.random(in: 0..<letters.count, using: &random)])
            }
            _ = HostNetwork.gateways4(buffer.bytes)
            _ = HostNetwork.gateways6(buffer.bytes)
            _ = LoginSessions.session(buffer.bytes)
            _ = LoginSessions.peers(buffer.bytes, ports: [22])
            _ = LoginSessions.utmp(buffer.bytes)
        }
    }

    @Test("addresses of this host are found")
    func ownAddresses() throws {
        let root = try ConfigurationFiles(["etc/resolv.conf": "nameserver 192.0.2.53\n"])
        var settings = LockoutGuard.Settings()
        settings.allowed = [IPNetwork("10.0.0.0/8")].compactMap(\.self)
        let lockout = LockoutGuard(settings, root: root.path) { [IPNetwork("192.0.2.10")].compactMap(\.self) }
        #expect(lockout.standing().map(\.description) == ["10.0.0.0/8", "192.0.2.10", "192.0.2.53"])
        #expect(HostNetwork.ownAddresses().contains { $0.isLoopback })
    }
}

extension Substring {
    fileprivate func replacingSuffix(_ old: String, _ new: String) -> String { String(dropLast(old.count)) + new }

    @Test("whom a list allows is not banned, alone or in a network")
    func listed() throws {
        let listed = AllowedNetworks()
        let lockout = LockoutGuard(.init(), listed: listed, root: try ConfigurationFiles([:]).path) { [] }
        #expect(lockout.refusal(of: BanTarget("203.0.113.5")) == nil)
        listed.set([
            ("none", NetworkList()), ("friends", NetworkList([IPNetwork("203.0.113.4/30")].compactMap(\.self))),
        ])
        for text in ["203.0.113.5", "203.0.113.0/24", "203.0.113.6/31"] {
            #expect(
                lockout.refusal(of: BanTarget(text))?.description == "203.0.113.4/30 is allowed by the list friends")
        }
        #expect(lockout.refusal(of: BanTarget("203.0.113.8/29")) == nil)
    }
}
