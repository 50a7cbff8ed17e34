import Configuration
import Glibc
import Testing

@testable import Jails

@Suite("Moving from fail2ban")
struct Fail2banMigrationTests {
    private static let files = [
        "fail2ban.conf": "[Definition]\nlogtarget = /var/log/fail2ban.log\ndbfile = /nowhere/fail2ban.sqlite3\n",
        "jail.conf": """
        [DEFAULT]
        enabled = false
        mode = normal
        filter = %(__name__)s[mode=%(mode)s]
        bantime = 1h
        ignoreip = 192.0.2.0/24
        action = nftables[port="%(port)s"]
        [sshd]
        port = 22,2200
        logpath = LOGS/auth.log
        [dovecot]
        port = 143
        logpath = LOGS/gone.log
        failregex = ^own <HOST>
        logencoding = latin1
        [mail]
        port = 25
        filter = sshd
        action = smtp.py[dest=root]
            other
        [recidive]
        port = 1
        [off]
        maxretry = 9
        [broken]
        maxretry = none
        filter = sshd
        port = 5
        """,
        "jail.local": """
        [sshd]
        enabled = true
        mode = ddos
        [dovecot]
        enabled = true
        [mail]
        enabled = true
        logpath = LOGS/auth.log
        [broken]
        enabled = true
        [recidive]
        enabled = true

        """,
        "filter.d/sshd.conf": "[Definition]\nfailregex = ^no <HOST> <mode>\n",
        "filter.d/dovecot.conf": "[Definition]\nfailregex = ^no <HOST>\n",
        "filter.d/recidive.conf": "[Definition]\nfailregex = ^ban <HOST>\n",
        "action.d/nftables.conf":
            "[Definition]\nactionban = nft add element <table> <ip>\n[Init]\ntable = f2b-own\ntable_family = inet\nblocktype = reject\nprotocol = tcp\n",
        "action.d/other.conf": "[Definition]\nactionban = tell <ip>\n",
        "auth.log": "",
    ]

    private func migrate() throws -> (ConfigurationFiles, Fail2banMigration) {
        let files = try ConfigurationFiles([:])
        for (name, text) in Self.files { try files.write(name, text.replacing(each: "LOGS", by: files.path)) }
        return (files, try Fail2banMigration(directory: files.path, now: 1_700_000_000))
    }

    @Test("a section that runs the jails, and what is different about them, with file and line")
    func notes() throws {
        let (files, migration) = try migrate()
        let text = migration.document
        #expect(text.contains("config_dir: \(files.path)\n"))
        #expect(text.contains("4 of 6 jails"))
        #expect(text.contains("[sshd] \(files.path)/auth.log; 3 failures in 10m, 1h; firewall (tcp 22, 2200, refused)"))
        #expect(text.contains("[mail] \(files.path)/auth.log; 3 failures in 10m, 1h; runs other"))
        #expect(text.contains("[recidive] the bans of the other jails"))
        #expect(text.contains("# ban_log: /var/log/fail2ban.log"))
        #expect(text.contains("nft delete table inet f2b-own"))
        #expect(text.contains("\n  # import: /nowhere/fail2ban.sqlite3\n"))
        func has(_ note: String) -> Bool { migration.notes.contains { $0.contains(note) } }
        let place = "\(files.path)/jail.conf"
        #expect(has("\(place):19: jail [mail]: action: smtp.py is written in Python"))
        #expect(has("\(place):13: jail [dovecot]: logpath: no such log"))
        #expect(has("\(place):26: jail [broken]: maxretry: expected a number above 0"))
        #expect(has("/nowhere/fail2ban.sqlite3"))
        #expect(migration.notes.count == 4)
    }

    @Test("simple stock jails have an equivalent that is read as a native jail, changed ones have none")
    func equivalents() throws {
        let (files, migration) = try migrate()
        let lines = migration.document.split(separator: "\n").filter { $0.hasPrefix("  #   - {") }
        try #require(lines.count == 1)
        let jail = try ConfigurationFile<NativeJail>(Array(lines[0].dropFirst(8).utf8), file: "x").contents
        #expect(jail.settings.name == "sshd")
        #expect(jail.sources.files == [files.path + "/auth.log"])
        #expect(jail.settings.maximumRetries == 3 && jail.settings.banTime == 3600 && jail.settings.findTime == 600)
        #expect(!jail.settings.increment.isEnabled && jail.settings.rejects)
        #expect(jail.settings.ports?.ranges == [22...22, 2200...2200])
        #expect(jail.settings.ignoring.entries == ["192.0.2.0/24"])
    }

    @Test("without a configuration it throws; without its database's directory and a jail it still tells what there is")
    func nothing() throws {
        let files = try ConfigurationFiles(["jail.conf": "[DEFAULT]\nbantime = 1h\n"])
        let migration = try Fail2banMigration(directory: files.path, database: "/nowhere/x", now: 1)
        #expect(migration.notes.contains { $0.contains("no jail is enabled") })
        #expect(migration.notes.contains { $0.contains("fail2ban.conf: there is no such file") })
        #expect(throws: JailConfigurationError.self) { try Fail2banMigration(directory: files.path + "/x", now: 1) }
    }

    @Test("the installed stock configuration has a section and its equivalents are native jails")
    func stock() throws {
        guard access("/etc/fail2ban/jail.conf", R_OK) == 0 else {
            print("skipped: no /etc/fail2ban/jail.conf")
            return
        }
        let migration = try Fail2banMigration(directory: "/etc/fail2ban", now: 1_700_000_000)
        for line in migration.document.split(separator: "\n") where line.hasPrefix("  #   - {") {
            _ = try ConfigurationFile<NativeJail>(Array(line.dropFirst(8).utf8), file: "x").contents
        }
    }
}
