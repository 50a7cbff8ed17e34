import Glibc
import Synchronization
import Testing

@testable import Jails

@Suite struct ActionFactsTests {
    @Test(arguments: [("0\n", true), ("1\n", false), ("", false)])
    func `IPv6 is there unless it is switched off`(text: String, isThere: Bool) throws {
        let files = try ConfigurationFiles(["disable_ipv6": text])
        #expect(ActionFacts.hasIPv6(by: files.path + "/disable_ipv6") == isThere)
        #expect(!ActionFacts.hasIPv6(by: files.path + "/nothing"))
    }
}

@Suite("Shell actions")
struct ShellActionTests {
    private typealias Step = Fail2banOracle.Step

    static func ban(_ target: String, _ groups: [String: String] = [:], matches: [String] = ["one", "two"]) -> Ban {
        var ban = Ban(jail: "j", target: BanTarget(target), time: 1_700_000_000, duration: 600)
        ban.failures = 5
        ban.matches = matches
        ban.groups = groups
        return ban
    }

    private static let all = """
        actionstart = rec start <name> <timeout> <time>
        actionstop = rec stop <name>
        actionban = rec ban <ip> "<matches>" <failures> <bantime> <bancount> <restored> <F-USER>
        actionunban = rec unban <ip>
        """

    /// Actions, and what happens to them.
    private static let scenarios: [(String, String, [Step])] = [
        (
            "one family", all,
            [.start, .ban(ban("192.0.2.1")), .ban(ban("2001:db8::1")), .unban(ban("192.0.2.1")), .stop]
        ),
        ("nothing banned", all, [.start, .stop]),
        (
            "families", all + "\n[Init]\ntool = four\n[Init?family=inet6]\ntool = six\n",
            [.start, .ban(ban("2001:db8::1")), .ban(ban("192.0.2.1")), .ban(ban("2001:db8::2")), .stop]
        ),
        (
            "families that differ",
            "actionstart = rec start <tool> <family>\nactionstop = rec stop <tool>\nactionflush = rec flush <tool>\n"
                + "actionban = rec ban <tool> <ip> <family>\nactionunban = rec unban <tool> <ip>\n"
                + "[Init]\ntool = four\n[Init?family=inet6]\ntool = six\n",
            [.start, .ban(ban("2001:db8::1")), .ban(ban("192.0.2.1")), .unban(ban("192.0.2.1")), .reload, .stop]
        ),
        (
            "not on demand",
            "actionstart_on_demand = false\nactionstart = rec start <tool>\nactionstop = rec stop <tool>\n"
                + "actionreload = rec reload <tool>\nactionban = rec ban <tool> <ip>\nactionunban = rec unban <ip>\n"
                + "[Init]\ntool = four\n[Init?family=inet6]\ntool = six\n",
            [.start, .ban(ban("192.0.2.1")), .reload, .unban(ban("192.0.2.1")), .stop]
        ),
        (
            "on demand", "actionstart_on_demand = true\n" + all,
            [.start, .ban(ban("192.0.2.1")), .ban(ban("2001:db8::1")), .stop]
        ),
        ("a ban that fails", all, [.start, .breaks("ban"), .ban(ban("192.0.2.1")), .unban(ban("192.0.2.1")), .stop]),
        (
            "a check that succeeds", all + "\nactioncheck = rec check",
            [.start, .breaks("ban"), .ban(ban("192.0.2.1")), .mends("ban"), .check, .stop]
        ),
        (
            "a check that fails",
            all.replacing(each: "<time>", by: "; rm -f $REC/broken-*") + "\nactioncheck = rec check",
            [.start, .breaks("ban"), .breaks("check"), .ban(ban("192.0.2.1")), .unban(ban("192.0.2.1")), .stop]
        ),
        (
            "a start that does not help", all + "\nactioncheck = rec check",
            [.start, .breaks("ban"), .breaks("check"), .ban(ban("192.0.2.1")), .stop]
        ),
        (
            "a repair", all + "\nactioncheck = rec check\nactionrepair = rec repair; rm -f $REC/broken-*",
            [.start, .breaks("ban"), .breaks("check"), .ban(ban("192.0.2.1")), .stop]
        ),
        (
            "a repair that fails", all + "\nactioncheck = rec check\nactionrepair = rec repair",
            [.start, .breaks("repair"), .breaks("ban"), .breaks("check"), .ban(ban("192.0.2.1")), .stop]
        ),
        (
            "an unban that fails", all + "\nactioncheck = rec check",
            [.start, .ban(ban("192.0.2.1")), .breaks("unban"), .breaks("check"), .unban(ban("192.0.2.1")), .stop]
        ),
        (
            "an unban that is repaired",
            all
                + "\nactioncheck = rec check\nactionrepair_on_unban = yes\nactionrepair = rec repair; rm -f $REC/broken-*",
            [.start, .ban(ban("192.0.2.1")), .breaks("unban"), .breaks("check"), .unban(ban("192.0.2.1")), .stop]
        ),
        (
            "a flush that fails", all + "\nactionflush = rec flush\nactioncheck = rec check",
            [.start, .ban(ban("192.0.2.1")), .ban(ban("192.0.2.7")), .breaks("flush"), .breaks("check"), .stop]
        ),
        (
            "a start that fails", all,
            [.breaks("start"), .start, .ban(ban("192.0.2.1")), .unban(ban("192.0.2.1")), .stop]
        ),
        (
            "a start on demand that fails", "actionstart_on_demand = 1\n" + all,
            [.breaks("start"), .start, .ban(ban("192.0.2.1")), .stop]
        ),
        (
            "prolonging", all + "\nactionprolong = rec prolong <ip> <bantime>",
            [.start, .ban(ban("192.0.2.1")), .prolong(longer(ban("192.0.2.1"))), .stop]
        ),
        ("nothing to prolong", all, [.start, .ban(ban("192.0.2.1")), .prolong(longer(ban("192.0.2.1"))), .stop]),
        (
            "restored", "norestored = true\n" + all,
            [.start, .ban(restored(ban("192.0.2.1"))), .ban(ban("192.0.2.2")), .unban(ban("192.0.2.1")), .stop]
        ),
        ("restored too", all, [.start, .ban(restored(ban("192.0.2.1"))), .unban(ban("192.0.2.1")), .stop]),
        (
            "lines of shell",
            "actionban = if test <failures> -gt 3; then\n    rec ban <ip>\n  else rec few\n  fi\n  printf %%s \"<br>\" | while read x; do rec line; done\n"
                + "  rec <sh-hostname> <fq-hostname> a<sp>b\n",
            [.start, .ban(ban("192.0.2.1")), .stop]
        ),
    ]

    private static func longer(_ ban: Ban) -> Ban {
        var ban = ban
        ban.duration = 1200
        return ban
    }

    private static func restored(_ ban: Ban) -> Ban {
        var ban = ban
        ban.isRestored = true
        return ban
    }

    @Test("fail2ban's own actions run the same commands in the same order", .enabled(if: Fail2banOracle.isThere))
    func likeFail2ban() throws {
        let recorder = try ShellRecorder()
        let files = try Self.scenarios.map {
            try Self.configuration("x", ["action.d/x.conf": "[Definition]\n" + $0.1])
        }
        let cases = zip(files, Self.scenarios).map { (configuration: $0.path, steps: $1.2) }
        let expected = try Fail2banOracle.run(cases, jail: "j", recorder: recorder)
        for (index, scenario) in Self.scenarios.enumerated() {
            let found = try Self.run(scenario.2, files: files[index], recorder: recorder)
            system("rm -f '\(recorder.files.path)'/broken-*")
            #expect(found == expected[index], "\(scenario.0)")
            #expect(!expected[index].isEmpty, "\(scenario.0)")
        }
    }

    /// Actions that come with fail2ban, as long as all that they run can be recorded in place of running it.
    private static let stock = [
        "iptables-multiport", "iptables-ipset-proto6", "nftables-multiport", "firewallcmd-ipset", "ufw", "route",
        "cloudflare", "abuseipdb", "mail-whois", "sendmail-whois", "dummy",
    ]
    private static let programs = [
        "iptables", "ip6tables", "ipset", "nft", "firewall-cmd", "ufw", "ip",
        "curl", "mail", "whois", "date", "hostname", "sendmail",
    ]

    @Test(
        "fail2ban's stock actions run the same commands",
        .enabled(if: Fail2banOracle.isThere && access("/etc/fail2ban/action.d/dummy.conf", R_OK) == 0))
    func stockActions() throws {
        let recorder = try ShellRecorder(names: Self.programs)
        var attack = Self.ban("192.0.2.1", ["user": "$(id)"], matches: ["one `id` \"two\"", "three; four"])
        attack.count = 2
        let steps: [Step] = [
            .start, .ban(attack), .ban(Self.ban("2001:db8::1")), .ban(Self.ban("192.0.2.3")),
            .unban(Self.ban("2001:db8::1")), .stop,
        ]
        let files = try Self.stock.map { name in
            let files = try Self.configuration(
                "\(name)[port=\"80,443\", mailcmd=\"rec stdin\", target=\"\(recorder.files.path)/dummy\", agent=x]", [:]
            )
            symlink("/etc/fail2ban/action.d", files.path + "/action.d")
            return files
        }
        let cases = files.map { (configuration: $0.path, steps: steps) }
        let expected = try Fail2banOracle.run(cases, jail: "j", recorder: recorder)
        for (index, name) in Self.stock.enumerated() {
            let found = try Self.run(steps, files: files[index], recorder: recorder)
            // Which program of a pipeline begins first is chance.
            #expect(found.sorted() == expected[index].sorted(), "\(name)")
            #expect(name == "dummy" || expected[index].count > 1, "\(name)")
        }
    }

    static func configuration(_ action: String, _ more: [String: String]) throws -> ConfigurationFiles {
        var files = more
        files["jail.conf"] = "[j]\nenabled = true\nfilter = f\nlogpath = /dev/null\nbantime = 600\naction = \(action)\n"
        files["filter.d/f.conf"] = "[Definition]\nfailregex = ^<HOST>\n"
        return try ConfigurationFiles(files)
    }

    /// The same steps for ours.
    private static func run(_ steps: [Step], files: ConfigurationFiles, recorder: ShellRecorder) throws -> [String] {
        let jail = try #require(try JailsConfiguration(directory: files.path).jails.first)
        let definition = try #require(jail.actions.first)
        let context = ActionContext(name: "j/x")
        let held = Mutex<[Ban]>([])
        let action = ShellAction(
            definition, jail: "j", facts: facts { held.withLock { $0 } }, runner: recorder.runner, context: context)
        let now = 1_700_000_100.0
        for step in steps {
            switch step {
            case .start: action.start(restoring: [], now: now)
            case .check: action.check(now: now)
            case .reload: action.reload(now: now)
            case .stop: action.stop(isRemoved: false)
            case .breaks(let name): try recorder.files.write("broken-" + name, "")
            case .mends(let name): unlink(recorder.files.path + "/broken-" + name)
            case .ban(let ban):
                action.apply([.ban(ban)], now: now)
                held.withLock { $0.append(ban) }
            case .prolong(let ban): action.apply([.prolong(ban)], now: now)
            case .unban(let ban):
                held.withLock { $0.removeAll { $0.target == ban.target } }
                action.apply([.unban(ban)], now: now)
            }
        }
        return try recorder.take()
    }

    static func facts(holding: @escaping @Sendable () -> [Ban] = { [] }) -> ActionFacts {
        var facts = ActionFacts()
        facts.hostName = { $0 ? "host.example" : "host" }
        facts.nameOf = { $0 == "192.0.2.1" ? "name.example" : nil }
        facts.counts = {
            var counts = ActionFacts.Counts()
            (counts.banned, counts.bannedTotal, counts.found, counts.foundTotal) = (3, 30, 7, 70)
            return counts
        }
        facts.holding = holding
        facts.now = { 1_700_000_100 }
        return facts
    }

    /// What somebody might write where a log takes a name from.
    private static let attempts = [
        "root", "a b", "$(touch /tmp/x)", "`id`", "'; rm -rf /;'", "\"x\"", "a\nb", "a\r\nb", "x;y", "a&&b", "|cat",
        ">f", "<ip>",
        "<F-USER>", "$0", "${f2bV_ip}", "\\", "*", "?[a]", "~root", "#c", "ü€😀", "tab\there", "!x", "-e", "%s", "", " ",
        "a<br>b", "f2bV_F_user", "\u{7f}\u{80}\u{200b}",
    ]

    private static let commands = [
        "rec <ip> <family> <ip-rev> <ip-host> <fid> <failures> <time> <bantime> <bancount> <restored>",
        "rec \"<matches>\" '<F-USER>' <F-PORT> <F-ID>|<F-NONE>x <F-user> <F-USER>",
        "rec <ipmatches> <ipfailures> <ipjailmatches> <ipjailfailures> <raw-ticket>",
        "rec <jail.banned> <jail.banned_total> <jail.found> <jail.found_total> <fq-hostname> <sh-hostname>",
        "rec <unknown> <a b> <<ip>> <a<ip>> < ip> <> <br> <sp> <matches> <F-MATCHES> <F-FAILURES> <STDIN",
    ]

    @Test("tags become the same text and the same variables as fail2ban's", .enabled(if: Fail2banOracle.isThere))
    func tags() throws {
        var cases: [(command: String, ban: Ban)] = []
        for attempt in Self.attempts {
            for command in Self.commands {
                for target in ["192.0.2.1", "192.0.2.0/24", "2001:db8::12", "fe80::/10", "some user"] {
                    let ban = Self.ban(
                        target, ["user": attempt, "fport": "22"], matches: ["first \(attempt)", attempt])
                    cases.append((command, ban))
                }
            }
        }
        var named = Self.ban("the $(id)", ["fid": "the $(id)", "ip4": "192.0.2.1"])
        named.duration = -1
        cases.append((Self.commands[0] + Self.commands[2], named))
        let files = try ConfigurationFiles([:])
        let expected = try Fail2banOracle.scripts(cases, files: files)
        try #require(expected.count == cases.count)
        for (index, item) in cases.enumerated() {
            let script = BanTags(ban: item.ban, facts: Self.facts()).tags.script(item.command)
            #expect([script.text] + script.parameters == expected[index], "\(item)")
        }
    }
}
