import Glibc
import Testing

@testable import Jails

@Suite("Reading jails")
struct JailDefinitionTests {
    private static let files = [
        "jail.conf": """
        [INCLUDES]
        before = paths.conf
        [DEFAULT]
        findtime = 10m
        bantime = 1h30m
        maxretry = 5
        mode = normal
        filter = %(__name__)s[mode=%(mode)s]
        banaction = drop
        action = %(banaction)s[name=%(__name__)s, port="%(port)s"]
        port = 0:65535
        [sshd]
        port = ssh
        logpath = %(ssh_log)s
        [broken]
        maxretry = many
        filter = sshd
        [strict]
        filter = sshd[mode=strict]
        failregex = %(known/failregex)s
            ^also <HOST> 100%%
        logpath = /a tail
            /b
        [lost]
        filter = nowhere
        """,
        "paths.conf": "[DEFAULT]\nssh_log = /var/log/auth.log\n",
        "jail.local": "[sshd]\nenabled = true\n", "jail.d/x.conf": "[sshd]\nmaxretry = 9\n",
        "filter.d/sshd.conf":
            "[Definition]\nfailregex = <re-<mode>> on <logtype>\nre-normal = ^n <HOST>\nre-strict = ^s <HOST> \\d%%\n",
        "action.d/drop.conf":
            "[Definition]\nactionban = <tool> -A <name> <port> <ip>\n[Init]\nname = default\ntool = iptables\n[Init?family=inet6]\ntool = ip6tables\n",
    ]

    @Test(
        "the encoding of logs",
        arguments: [
            ("auto", ""), ("AUTO", ""), ("UTF-8", ""), ("utf8", ""), ("ascii", ""), ("latin-1", "latin-1"),
            ("iso-8859-15", "iso-8859-15"), ("utf-16", nil), ("klingon", nil),
        ] as [(String, String?)])
    func encodings(name: String, encoding: String?) throws {
        let files = try ConfigurationFiles(
            Self.files.merging(["jail.local": "[sshd]\nenabled = true\nlogencoding = \(name)\n"]) { $1 })
        let jail = try #require(try JailsConfiguration(directory: files.path).jails.first)
        do throws(JailConfigurationError) {
            guard case .files(let paths) = try jail.source() else {
                throw JailConfigurationError(file: "", message: "")
            }
            #expect(paths.map(\.encoding) == [encoding])
        } catch {
            #expect(encoding == nil && error.message.contains("[sshd]: logencoding: expected auto, utf-8, latin-1"))
        }
    }

    @Test("layers, filters with parameters, actions by family, and what is wrong with one jail concerns no other")
    func reads() throws {
        let files = try ConfigurationFiles(Self.files)
        let configuration = try JailsConfiguration(directory: files.path)
        #expect(configuration.jails.map(\.name) == ["sshd", "strict"])
        #expect(configuration.problems.map(\.jail) == ["broken", "lost"])
        #expect(
            configuration.problems[0].error.description.hasSuffix(
                "jail.conf:16: jail [broken]: maxretry: expected a number above 0, found \"many\""))
        let sshd = try #require(configuration.jails.first)
        #expect(sshd.isEnabled && sshd.maximumRetries == 9 && sshd.findTime == 600 && sshd.banTime == 5400)
        #expect(sshd.logPaths == [.init(pattern: "/var/log/auth.log", isFromTail: false)])
        #expect(sshd.filter?.failurePatterns == ["^n <HOST> on file"])
        #expect(sshd.actions.first?.options["actionban"] == "iptables -A sshd ssh <ip>")
        #expect(sshd.actions.first?.options["actionban?family=inet6"] == "ip6tables -A sshd ssh <ip>")
        let strict = try #require(configuration.jails.last)
        #expect(strict.filter?.failurePatterns == [#"^s <HOST> \d% on file"#, "^also <HOST> 100%"])
        #expect(strict.logPaths == [.init(pattern: "/a", isFromTail: true), .init(pattern: "/b", isFromTail: false)])
    }

    @Test(
        "times",
        arguments: [
            ("600", 600.0), ("10m", 600), ("1d12h", 129_600), ("1h 2m 3s", 3723), ("600/2", 300), ("1.5h", 5400),
            ("-1", -1), ("1h30", 3630),
            ("1year-6mo", 31_557_600 - 6 * 2_629_800), ("(1h+1m)*2", 7320),
        ] as [(String, Double)])
    func times(_ text: String, _ expected: Double) { #expect(TimeText.seconds(text) == expected) }

    @Test("what is no time", arguments: ["", "x", "1q", "1/0", "(1", "1 +"])
    func noTimes(_ text: String) { #expect(TimeText.seconds(text) == nil) }

    @Test("fail2ban's stock jails are read, all of them")
    func stock() throws {
        let named = getenv("TOCSIN_CONFORMANCE").map { String(cString: $0) }
        let folders = [named, "../shared/conformance", "../../../shared/conformance"].compactMap { $0 }.map {
            $0 + "/fail2ban"
        }
        guard let folder = folders.first(where: { access($0 + "/jail.conf", R_OK) == 0 }) else {
            print("skipped: no fail2ban/jail.conf; TOCSIN_CONFORMANCE names the directory")
            return
        }
        let configuration = try JailsConfiguration(directory: folder)
        print("\(configuration.jails.count) jails")
        for (jail, error, _) in configuration.problems { Issue.record("[\(jail)] \(error)") }
        #expect(configuration.jails.count > 80)
    }
}
