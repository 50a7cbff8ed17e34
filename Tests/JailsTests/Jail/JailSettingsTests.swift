import Testing

@testable import Jails

@Suite("A jail's settings from jail.conf")
struct JailSettingsTests {
    private func settings(_ options: String, actions: String = "") throws -> JailSettings {
        let files = try ConfigurationFiles([
            "jail.conf":
                "[DEFAULT]\nmaxretry = 5\nmaxmatches = %(maxretry)s\n[test]\nfilter = test\n\(options)\n\(actions)",
            "filter.d/test.conf": "[Definition]\nfailregex = ^x <HOST>\n",
            "action.d/close.conf": "[Definition]\nactionban = close <port>\n",
            "action.d/mail.conf": "[Definition]\nactionban = mail <ip>\n",
        ])
        let configuration = try JailsConfiguration(directory: files.path)
        for (_, error, _) in configuration.problems { throw error }
        return try JailSettings(try #require(configuration.jails.first))
    }

    @Test("what is not said is as fail2ban has it")
    func defaults() throws {
        var expected = JailSettings(name: "test")
        expected.ports = nil
        #expect(try settings("") == expected)
    }

    @Test("every option arrives")
    func all() throws {
        let settings = try settings(
            """
            maxretry = 3
            findtime = 1d
            bantime = 1h
            maxmatches = 20
            bantime.increment = true
            bantime.factor = 3/2
            bantime.formula = ban.Time * (1<<ban.Count) * banFactor
            bantime.multipliers = 1 2 4 8.5
            bantime.maxtime = 5w
            bantime.rndtime = 8m
            bantime.overalljails = yes
            ignoreself = no
            ignoreip = 127.0.0.1/8 ::1,10.0.0.0/8
              admin.example file:/etc/list
            ignorecommand = /bin/check <ip>
            ignorecache = key="<ip>", max-time=1m
            usedns = raw
            port = 0:65535
            protocol = tcp,udp
            """)
        #expect(settings.maximumRetries == 3 && settings.findTime == 86_400 && settings.banTime == 3600)
        #expect(settings.maximumMatches == 20 && settings.usesDNS == .raw)
        var increment = BanTimeIncrement()
        increment.isEnabled = true
        increment.factor = 1.5
        increment.formula = "ban.Time * (1<<ban.Count) * banFactor"
        increment.multipliers = [1, 2, 4, 8.5]
        increment.maximum = 35 * 86_400
        increment.random = 480
        increment.countsAllJails = true
        #expect(settings.increment == increment)
        var ignoring = IgnoreSettings()
        ignoring.ignoresSelf = false
        ignoring.entries = ["127.0.0.1/8", "::1", "10.0.0.0/8", "admin.example", "file:/etc/list"]
        ignoring.command = "/bin/check <ip>"
        ignoring.cache = #"key="<ip>", max-time=1m"#
        #expect(settings.ignoring == ignoring)
        #expect(settings.ports == PortSelection(ranges: [], isTCP: true, isUDP: true))
    }

    @Test(
        "ports are those of the first action that is told any, else the jail's",
        arguments: [
            ("port = ssh", "", PortSelection(ranges: [22...22])),
            ("port = http,https", "", PortSelection(ranges: [80...80, 443...443])),
            ("port = 2222, 6000:6100 22-30", "", PortSelection(ranges: [2222...2222, 6000...6100, 22...30])),
            ("port = 0:65535", "", PortSelection(ranges: [])), ("port = 1-65535\nprotocol = all", "", nil),
            ("port = 53\nprotocol = udp", "", PortSelection(ranges: [53...53], isTCP: false, isUDP: true)),
            ("port = 53\nprotocol = all", "", PortSelection(ranges: [53...53], isTCP: true, isUDP: true)),
            (
                "port = ssh", #"action = mail close[port="25", protocol=udp]"#,
                PortSelection(ranges: [25...25], isTCP: false, isUDP: true)
            ),
            ("port = ssh", "action = close[protocol=udp]", PortSelection(ranges: [22...22], isTCP: false, isUDP: true)),
            ("", "action = close[protocol=tcp]", PortSelection(ranges: [])), ("", "action = mail", nil),
        ] as [(String, String, PortSelection?)])
    func ports(_ options: String, _ actions: String, _ expected: PortSelection?) throws {
        #expect(try settings(options, actions: actions).ports == expected)
    }

    @Test(
        "what is wrong is named with the jail and the option",
        arguments: [
            (
                "port = nosuchservice",
                "port: expected a number to 65535, a range such as 6000:6100 or a service's name, found \"nosuchservice\""
            ),
            ("port = 70000", "found \"70000\""), ("port = 30:20", "a range that ascends, found \"30:20\""),
            ("port = 1:2:3", "found \"1:2:3\""),
            ("protocol = sctp", "protocol: expected tcp, udp or all, found \"sctp\""),
            ("usedns = maybe", "usedns: expected yes, warn, no or raw"),
            ("maxmatches = many", "maxmatches: expected a number"),
            ("findtime = 0", "findtime: expected a time above 0"),
            ("bantime.maxtime = long", "bantime.maxtime: expected a time such as 10m"),
            ("bantime.multipliers = 1 x", "bantime.multipliers: expected numbers, found \"x\""),
            ("bantime.factor = 1 +", "bantime.factor: expected a number, a name or \"(\", found the end in \"1 +\""),
            ("bantime.formula = ban.time", "bantime.formula: expected a number, ban.Time"),
            ("bantime.increment = 1\nbantime.formula = 1/0", "a division by 0 in \"1/0\""),
            ("ignorecache = max-count=2", "ignorecache: expected key="),
        ])
    func errors(_ options: String, _ message: String) {
        #expect {
            _ = try settings(options)
        } throws: { error in
            "\(error)".contains("jail [test]: ") && "\(error)".contains(message)
        }
    }

    @Test("fail2ban's stock jails give settings, all of them")
    func stock() throws {
        let folders = Fail2ban.configurations
        if folders.isEmpty { print("skipped: no jail.conf here") }
        for folder in folders.prefix(1) {
            let jails = try JailsConfiguration(directory: folder).jails
            for jail in jails { #expect(throws: Never.self) { try JailSettings(jail) } }
            let sshd = try JailSettings(try #require(jails.first { $0.name == "sshd" }))
            #expect(sshd.ports == PortSelection(ranges: [22...22]) && sshd.usesDNS == .warn)
            print("\(jails.count) jails of \(folder)")
        }
    }
}
