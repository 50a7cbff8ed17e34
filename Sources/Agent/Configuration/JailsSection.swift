import Bytes
import Configuration
import Glibc
import Jails
import Telemetry

/// `jails:` of the configuration file.
struct JailsSection: Sendable, Equatable, ConfigurationSection {
    /// What jails do that do not say.
    enum Mode: String, CaseIterable, Sendable {
        /// Everything but the ban.
        case observe
        case enforce
    }

    var mode = Mode.observe
    var fail2ban: Fail2banSection?
    /// What the file has, or, without a file, what watches sshd.
    var native = Self.defaultJails
    /// What native jails may do with bans beside the firewall, by names they use.
    var actions: [ActionConfiguration] = []
    /// Nobody on it is banned by any jail: addresses, networks, names of hosts, `file:/path`.
    var ignored: [String] = []
    /// Where bans are also written as fail2ban logs them.
    var banLog: String?
    /// Whether bans and their ends become lines of the log store, too.
    var isLogged = true
    /// Of jails that do not say.
    var alert = BanAlerting()
    /// Seconds, 0 for never: of jails that do not say and read more than the journal.
    var silentAfter = 86_400.0
    /// Of dates without a zone.
    var timeZone = "Local"
    var firewall = FirewallSection()
    /// fail2ban's database, whose bans are taken over once.
    var importPath: String?
    var lists: [BlockListSettings] = []
    var sharing: SharingSettings?

    static let configurationKeys = [
        ConfigurationKey(
            "mode", "observe or enforce", default: "observe",
            "What jails do that do not say: `observe` is everything but the ban. See [jails.md](jails.md)."),
        ConfigurationKey("fail2ban", "mapping", "fail2ban's jails, run as they are: see [fail2ban](#fail2ban)."),
        ConfigurationKey(
            "native", "list of jails",
            "Jails of our own: see [jails.md](jails.md#native-jails). Without this key and `fail2ban`: one for sshd."),
        ConfigurationKey(
            "actions", "list of actions", default: "[]",
            "What native jails may name in `actions` beside `firewall`: see [Actions of jails](#actions-of-jails)."),
        ConfigurationKey(
            "ignore", "list of strings", default: "[]",
            "Whom no jail bans: addresses, networks, names of hosts, `file:/path` of such a list."),
        ConfigurationKey(
            "ban_log", "path", "A file to which bans are also written, a line each, as fail2ban's log has them."),
        ConfigurationKey(
            "log", "bool", default: "true",
            "Whether bans, their ends and refusals are also lines of the log store: `{job=\"tocsin\", stream=\"bans\"}`."
        ),
        ConfigurationKey(
            "alert", "bool or mapping of labels", default: "false",
            "Whether bans raise an alert, one for each jail, and with which labels: see [jails.md](jails.md#alerts)."),
        ConfigurationKey(
            "silent_after", "duration", default: "1d",
            "An alert tells when a jail that reads files or stored logs has read no line for so long; 0 for never."),
        ConfigurationKey(
            "time_zone", "zone", default: "Local",
            "Of dates in logs that name none: `Europe/Oslo`, or a POSIX text such as `CET-1CEST,M3.5.0,M10.5.0`."),
        ConfigurationKey("firewall", "mapping", "How bans are enforced: see [firewall](#firewall)."),
        ConfigurationKey(
            "lists", "list of lists", default: "[]",
            "Networks by URL or file that the firewall keeps out, or that nobody bans: see [Block lists](#block-lists)."
        ),
        ConfigurationKey(
            "sharing", "mapping", "Bans that one's own hosts tell one another: see [sharing](#sharing)."),
        ConfigurationKey(
            "import", "path",
            "fail2ban's database, `/var/lib/fail2ban/fail2ban.sqlite3`: its bans and counts are taken over once, when jails first enforce."
        ),
    ]

    init() {}

    init(_ reader: MappingReader) {
        mode = reader.choice("mode") ?? mode
        fail2ban = reader.section("fail2ban")
        native = reader.value("native").map { NativeJail.read($0) } ?? (reader.has("fail2ban") ? [] : native)
        actions = reader.sections("actions") ?? actions
        checkActions(reader)
        ignored = reader.strings("ignore") ?? ignored
        banLog = reader.path("ban_log")
        isLogged = reader.bool("log") ?? isLogged
        alert = BanAlerting(reader, "alert") ?? alert
        silentAfter = reader.duration("silent_after") ?? silentAfter
        timeZone = reader.string("time_zone") ?? timeZone
        if zone == nil {
            reader.report(
                "time_zone: expected a zone such as Europe/Oslo or CET-1CEST,M3.5.0,M10.5.0, found \"\(timeZone)\"",
                at: "time_zone")
        }
        firewall = reader.section("firewall") ?? firewall
        importPath = reader.path("import")
        lists = reader.sections("lists") ?? lists
        for (index, list) in lists.enumerated() where lists[..<index].contains(where: { $0.name == list.name }) {
            reader.report("two lists are named \(list.name): give each its own `name`", at: "lists")
        }
        sharing = reader.section("sharing")
        reader.finish()
    }

    /// For sshd, from the journal where there is one, else from the files that syslog daemons write.
    static let defaultJails: [NativeJail] = {
        let hasJournal = ["/var/log/journal", "/run/log/journal"].contains { (path: String) in access(path, F_OK) == 0 }
        let source =
            hasJournal ? "journal: [_COMM=sshd, _COMM=sshd-session]" : "files: [/var/log/auth.log, /var/log/secure]"
        let text = "{name: sshd, filter: sshd, ports: [22], \(source)}"
        return (try? ConfigurationFile<NativeJail>(Array(text.utf8), file: "built-in jails").contents).map { [$0] }
            ?? []
    }()

    private func checkActions(_ reader: MappingReader) {
        var names = ["firewall"]
        for action in actions {
            if names.contains(action.name) {
                reader.report("two actions are named \(action.name): give each its own `name`", at: "actions")
            }
            names.append(action.name)
        }
        for jail in native {
            for name in jail.actions where !name.isEmpty && !names.contains(name) {
                let hint =
                    NearestKey.of(name, among: names).map { "did you mean \($0)?" }
                    ?? "there are \(names.joined(separator: ", "))"
                reader.report("jail \(jail.settings.name): no action is named \(name); \(hint)", at: "native")
            }
        }
    }

    var enforcesLists: Bool { mode == .enforce && lists.contains { $0.kind == .block } }
    var zone: ZoneFile? { TimeZones.zone(named: timeZone) ?? ZoneFile(rule: timeZone) }
}

/// `jails.fail2ban:` of the configuration file.
struct Fail2banSection: Sendable, Equatable, ConfigurationSection {
    /// Who bans.
    enum Enforcement: String, CaseIterable, Sendable {
        /// The agent's own firewall in place of actions that only set up one; all others run.
        case firewall
        /// All actions run as they are written.
        case commands
    }

    var directory = "/etc/fail2ban"
    /// Nil for those that its configuration enables.
    var jails: [String]?
    var mode: JailsSection.Mode?
    var enforcement = Enforcement.firewall

    static let configurationKeys = [
        ConfigurationKey(
            "config_dir", "path", default: "/etc/fail2ban", "Where `jail.conf`, `filter.d` and `action.d` are."),
        ConfigurationKey(
            "jails", "list of names", "Only these jails, enabled or not. By default those that are enabled."),
        ConfigurationKey("mode", "observe or enforce", "As `jails.mode`, for fail2ban's jails."),
        ConfigurationKey(
            "ban_with", "firewall or commands", default: "firewall",
            "`firewall`: the agent's own in place of actions that drive nftables, iptables, ipset or firewalld; other actions "
                + "run as they are. `commands`: every action runs as it is."),
    ]

    init() {}

    init(_ reader: MappingReader) {
        directory = reader.path("config_dir") ?? directory
        jails = reader.strings("jails")
        mode = reader.choice("mode")
        enforcement = reader.choice("ban_with") ?? enforcement
        reader.finish()
    }
}

/// `jails.firewall:` of the configuration file.
struct FirewallSection: Sendable, Equatable, ConfigurationSection {
    var table = "tocsin"
    /// Ports of which the sessions' peers are not banned.
    var adminPorts = [22]
    var bansPerMinute = 1000

    static let configurationKeys = [
        ConfigurationKey("table", "name", default: "tocsin", "The nftables table, of the family inet."),
        ConfigurationKey(
            "admin_ports", "list of ports", default: "[22]",
            "Whoever is logged in over one of these ports is not banned meanwhile."),
        ConfigurationKey(
            "max_bans_per_minute", "integer", default: "1000", "Further bans wait, and it is told."),
    ]

    init() {}

    init(_ reader: MappingReader) {
        if let text = reader.string("table") {
            let isName =
                !text.isEmpty && text.utf8.count <= 32
                && text.utf8.allSatisfy {
                    (0x61...0x7a).contains($0 | 0x20) || (0x30...0x39).contains($0) || $0 == 0x5f
                }
                && !(0x30...0x39).contains(text.utf8.first ?? 0x30)
            if isName {
                table = text
            } else {
                reader.report("table: expected up to 32 letters, digits and _, found \"\(text)\"", at: "table")
            }
        }
        if let texts = reader.strings("admin_ports") {
            adminPorts = texts.compactMap { text in
                guard let port = Int(text), (1...65_535).contains(port) else {
                    reader.report("admin_ports: expected ports from 1 to 65535, found \"\(text)\"", at: "admin_ports")
                    return nil
                }
                return port
            }
        }
        bansPerMinute = reader.int("max_bans_per_minute", in: 1...1_000_000) ?? bansPerMinute
        reader.finish()
    }
}

extension FirewallSection {
    /// Whom bans must not hit.
    func guarding(allowed: [IPNetwork], listed: AllowedNetworks) -> LockoutGuard {
        var settings = LockoutGuard.Settings()
        settings.adminPorts = Set(adminPorts.map { UInt16(clamping: $0) })
        settings.allowed = allowed
        return LockoutGuard(settings, listed: listed)
    }
}
