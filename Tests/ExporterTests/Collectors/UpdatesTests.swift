import Bytes
import TestSupport
import Testing

@testable import Exporter

@Suite struct UpdatesTests {
    @Test(
        "versions of Debian packages in their order",
        arguments: [
            ("1.0", "1.0", 0), ("1.0", "1.1", -1), ("1.9", "1.10", -1), ("1.0~rc1", "1.0", -1), ("1.0~~", "1.0~", -1),
            ("1:0.1", "2.0", 1), ("1.0-1", "1.0-2", -1), ("1.0", "1.0-0", 0), ("1.0-1", "1.0-1+deb12u1", -1),
            ("1.0a", "1.0+", -1), ("007", "7", 0), ("2.36-9+deb12u9", "2.36-9+deb12u10", -1),
            ("1.2.3-4-5", "1.2.3-4-6", -1),
            ("", "0", 0), ("9999999999999999999999", "9999999999999999999998", 1),
        ])
    func versions(_ a: String, _ b: String, _ expected: Int) {
        #expect(DebianVersion.compare(Array(a.utf8), Array(b.utf8)).signum() == expected)
        #expect(DebianVersion.compare(Array(b.utf8), Array(a.utf8)).signum() == -expected)
    }

    private static let script = """
        --- root/var/lib/dpkg/status
        Package: dpkg
        Status: install ok installed
        Architecture: amd64
        Version: 1.21.22

        Package: openssl
        Status: install ok installed
        Architecture: amd64
        Version: 3.0.11-1~deb12u2

        Package: tzdata
        Status: install ok installed
        Architecture: all
        Version: 2024a-0

        Package: held
        Status: hold ok installed
        Architecture: amd64
        Version: 1

        Package: gone
        Status: deinstall ok config-files
        Architecture: amd64
        Version: 1
        --- root/var/lib/apt/lists/x_dists_stable_InRelease
        Suite: stable
        SHA256:
        --- root/var/lib/apt/lists/x_dists_stable_main_binary-amd64_Packages
        Package: dpkg
        Architecture: amd64
        Version: 1.21.22

        Package: tzdata
        Architecture: all
        Version: 2024b-0

        Package: held
        Architecture: amd64
        Version: 2

        Package: gone
        Architecture: amd64
        Version: 2
        --- root/var/lib/apt/lists/x_dists_stable-security_main_binary-amd64_Packages
        Package: openssl
        Architecture: amd64
        Version: 3.0.17-1~deb12u3
        --- root/var/lib/apt/lists/x_dists_stable-backports_InRelease
        Suite: stable-backports
        NotAutomatic: yes
        SHA256:
        --- root/var/lib/apt/lists/x_dists_stable-backports_main_binary-amd64_Packages
        Package: dpkg
        Architecture: amd64
        Version: 9
        --- root/var/lib/apt/lists/x_dists_other_main_binary-amd64_Packages.xz
        ?
        """

    @Test("what is newer in a list is pending; what is held, gone or not automatic is not")
    func pending() throws {
        let host = FakeHost(Self.script)
        let lists = "\(host.root)/root/var/lib/apt/lists"
        let found = try PendingUpdates.find(status: "\(host.root)/root/var/lib/dpkg/status", lists: lists)
        #expect(found.pending == 2)
        #expect(found.security == 1)
        #expect(found.held == 1)
        #expect(found.problems.count == 1)
    }

    @Test("a page has the numbers, and what asks for a restart")
    func samples() throws {
        let host = FakeHost(Self.script)
        host.write("root/run/reboot-required", "*** System restart required ***\n")
        let found = try host.samples(of: "updates").split(separator: "\n").map(String.init)
        #expect(found.contains("tocsin_reboot_required 1"))
        #expect(found.contains(#"tocsin_updates_pending{manager="apt"} 2"#))
        #expect(found.contains(#"tocsin_updates_security_pending{manager="apt"} 1"#))
        #expect(found.contains(#"tocsin_updates_held{manager="apt"} 1"#))
        #expect(try FakeHost("").samples(of: "updates") == "tocsin_reboot_required 0")
    }

    @Test(
        "versions of rpm packages in their order",
        arguments: [
            ("1.0", "1.0", 0), ("1.0", "2.0", -1), ("2.0.1", "2.0", 1), ("2.0.1a", "2.0.1", 1), ("5.5p1", "5.5p10", -1),
            ("10xyz", "10.1xyz", -1), ("xyz10", "xyz10.1", -1), ("xyz.4", "8", -1), ("5.5p2", "5.6p1", -1),
            ("5.6p1", "6.5p1", -1), ("6.0.rc1", "6.0", 1), ("10b2", "10a1", 1), ("1.0aa", "1.0a", 1),
            ("10.0001", "10.1", 0),
            ("10.0039", "10.0001", 1), ("4.999.9", "5.0", -1), ("20101121", "20101122", -1), ("2_0", "2.0", 0),
            ("a+", "a_", 0), ("1.0~rc1", "1.0", -1), ("1.0~rc1", "1.0~rc2", -1), ("1.0~rc1~git1", "1.0~rc1", -1),
            ("1.0^", "1.0", 1), ("1.0^git1", "1.0", 1), ("1.0^git1", "1.0.1", -1), ("1.0^2026", "1.0^git1", 1),
            ("1.0~rc1^git1", "1.0~rc1", 1), ("1.0^git1~pre", "1.0^git1", -1), ("", "", 0), ("", "1", -1),
            ("99999999999999999999999", "99999999999999999999998", 1),
        ])
    func rpmVersions(_ a: String, _ b: String, _ expected: Int) {
        #expect(RPMVersion.compare(a[...].utf8, b[...].utf8).signum() == expected)
        #expect(RPMVersion.compare(b[...].utf8, a[...].utf8).signum() == -expected)
    }

    @Test(
        "a kernel replaces an older one of its variant",
        arguments: [
            ("5.14.0-427.el9.x86_64", "5.14.0-362.8.1.el9_3.x86_64", true),
            ("5.14.0-362.8.1.el9_3.x86_64", "5.14.0-362.8.1.el9_3.x86_64", false),
            ("5.14.0-362.el9.x86_64", "5.14.0-362.8.1.el9_3.x86_64", false),
            ("6.11.10-300.fc41.x86_64", "6.9.4-200.fc40.x86_64", true),
            ("6.11.10-300.fc41.x86_64+debug", "6.9.4-200.fc40.x86_64", false),
            ("5.14.0-427.el9.x86_64+rt", "5.14.0-362.el9.x86_64+rt", true), ("6", "5.14.0-1", true), ("", "", false),
        ])
    func kernels(_ installed: String, _ running: String, _ expected: Bool) {
        #expect(KernelRelease(installed).replaces(KernelRelease(running)) == expected)
    }

    @Test("with rpm a newer kernel asks for a restart, and dnf's caches say when it looked; nothing is said of updates")
    func rpmHost() throws {
        let host = FakeHost(
            """
            --- root/var/lib/rpm/rpmdb.sqlite
            SQLite
            --- proc/sys/kernel/osrelease
            5.14.0-362.8.1.el9_3.x86_64
            --- root/usr/lib/modules/5.14.0-362.8.1.el9_3.x86_64/vmlinuz
            --- root/usr/lib/modules/5.14.0-500.el9.x86_64/weak-updates/a.ko
            """)
        #expect(try host.samples(of: "updates") == "tocsin_reboot_required 0")
        host.write("root/usr/lib/modules/5.14.0-427.el9.x86_64/modules.dep", "")
        host.write("root/boot/vmlinuz-5.14.0-427.el9.x86_64", "kernel")
        #expect(try host.samples(of: "updates") == "tocsin_reboot_required 1")
        host.write("root/var/cache/dnf/baseos-0123456789abcdef/repodata/repomd.xml", "<repomd/>")
        let found = try host.samples(of: "updates").split(separator: "\n")
        #expect(found.count == 2)
        #expect(found.contains { $0.hasPrefix(#"tocsin_updates_lists_timestamp_seconds{manager="dnf"} 1."#) })
    }

    @Test("a container of an rpm distribution has no kernel, and nothing is said of a restart")
    func rpmContainer() throws {
        let host = FakeHost(
            "--- root/usr/lib/sysimage/rpm/rpmdb.sqlite\nSQLite\n--- proc/sys/kernel/osrelease\n6.1.0\n")
        #expect(try host.samples(of: "updates").isEmpty)
    }

    /// Of the reference tool: `Package: a`, `Version: 1` and the same of `bb`.
    private static let compressed =
        "04224d186440a726000000f5085061636b6167653a20610a56657273696f6e3a20310a0a17002462621800503a20310a0a00000000f4e1726e"

    private static var compressedBytes: [UInt8] {
        var bytes: [UInt8] = []
        var rest = compressed[...]
        while !rest.isEmpty {
            bytes.append(UInt8(rest.prefix(2), radix: 16) ?? 0)
            rest = rest.dropFirst(2)
        }
        return bytes
    }

    private func names(_ path: String) throws -> [String] {
        var names: [String] = []
        try DebianIndex(path).forEach { names.append("\($0.name) \($0.version)") }
        return names
    }

    @Test("a list in LZ4")
    func compressedList() throws {
        let host = FakeHost("")
        host.write("list", Self.compressedBytes)
        #expect(try names("\(host.root)/list") == ["a 1", "bb 1"])
    }

    @Test("a compressed list that is cut or changed is read in part or refused")
    func fuzz() throws {
        let seed = SeededRandom.seed()
        var random = SeededRandom(seed: seed)
        let host = FakeHost("")
        let whole = Self.compressedBytes
        for length in 0..<(whole.count - 8) {
            host.write("list", Array(whole.prefix(length)))
            if length >= 7 {
                #expect(throws: (any Error).self) { try names("\(host.root)/list") }
            } else {
                #expect(try names("\(host.root)/list").isEmpty)
            }
        }
        for _ in 0..<1000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255, using: &random)
            }
            host.write("list", bytes)
            _ = try? names("\(host.root)/list")
        }
    }
}
