import Bytes
import Configuration
import Glibc
import Logs

/// What becomes of an installed fail2ban: a configuration of ours that runs its jails, and what is different about them.
package struct Fail2banMigration: Sendable {
    /// `jails:` as YAML, with comments for people.
    package private(set) var document = ""
    /// What is done otherwise or not at all, a sentence each, with file and line where one is to blame.
    package private(set) var notes: [String] = []

    private let directory: String
    private let layers: ConfigurationLayers
    private let now: Double

    /// Reads; changes nothing.
    ///
    /// - Parameters:
    ///   - directory: such as `/etc/fail2ban`.
    ///   - database: in place of the `dbfile` that `fail2ban.conf` names.
    ///   - now: seconds since 1970.
    package init(directory: String, database: String? = nil, now: Double) throws(JailConfigurationError) {
        self.directory = directory
        self.now = now
        layers = try ConfigurationLayers(stem: directory + "/jail")
        let configuration = try JailsConfiguration(directory: directory)
        let server = serverSettings()
        let jails = configuration.jails.filter(\.isEnabled)
        // What is off may be broken.
        for (jail, error, isEnabled) in configuration.problems where isEnabled {
            notes.append("\(error); jail [\(jail)] does not run")
        }
        var lines: [String] = []
        var equivalents: [String] = []
        for jail in jails {
            lines += about(jail)
            if let entry = NativeJailText.entry(for: jail, layers, directory: directory) { equivalents.append(entry) }
        }
        if jails.isEmpty { notes.append("\(directory): no jail is enabled; nothing would be banned") }
        document = """
            # \(directory) as the agent runs it: \(jails.count) of \(configuration.jails.count + configuration.problems.count) jails.
            jails:
              # Only tells who would be banned. `enforce` when fail2ban is stopped: see the end.
              mode: observe
              fail2ban:
                config_dir: \(Self.yaml(directory))

            """
        for line in lines { document += "    # \(line)\n" }
        addImport(database ?? server.database)
        if let log = server.log {
            document += "  # For programs that read fail2ban's log:\n  # ban_log: \(Self.yaml(log))\n"
        }
        if !equivalents.isEmpty {
            document +=
                "  # Without fail2ban's files, each in place of its jail (IPv6 counts by /64, names are not resolved):\n"
            document += "  # native:\n" + equivalents.map { "  #   - \($0)\n" }.joined()
        }
        document += farewell(jails, process: server.process)
    }

    /// What `fail2ban.conf` says of the server.
    private mutating func serverSettings() -> (database: String?, log: String?, process: Int32?) {
        var values = [
            "dbfile": "/var/lib/fail2ban/fail2ban.sqlite3", "logtarget": "/var/log/fail2ban.log",
            "pidfile": "/var/run/fail2ban/fail2ban.pid",
        ]
        do throws(JailConfigurationError) {
            let layers = try ConfigurationLayers(stem: directory + "/fail2ban")
            for option in values.keys {
                if let value = try layers.value(of: option, in: "Definition")?.trimmed { values[option] = value }
            }
        } catch {
            notes.append("\(error); fail2ban's own defaults are taken for the database and the log")
        }
        func path(_ option: String) -> String? { values[option].flatMap { $0.hasPrefix("/") ? $0 : nil } }
        var process: Int32?
        if let file = path("pidfile"), case .success(let text) = ConfigurationSurroundings.process.read(file) {
            process = Int32(String(text).trimmed).flatMap { kill($0, 0) == 0 || errno == EPERM ? $0 : nil }
        }
        return (path("dbfile"), path("logtarget"), process)
    }

    private mutating func addImport(_ database: String?) {
        guard let database else {
            notes.append("\(directory)/fail2ban.conf: dbfile names no file, so that there are no bans to take over")
            return
        }
        do throws(Fail2BanDatabase.Failure) {
            let found = try Fail2BanDatabase(path: database).counts(now: now)
            document += """
                  # \(found.active) bans that stand and the counts of \(found.ended) that are over, taken over when jails first enforce.
                  import: \(Self.yaml(database))

                """
            if found.skipped > 0 { notes.append("\(database): \(found.skipped) rows have no ban in them") }
        } catch {
            document += "  # import: \(Self.yaml(database))\n"
            notes.append("\(error); its bans would not be taken over, so that `import` is left out")
        }
    }

    // MARK: Jails

    /// What a jail does, for people; notes of what is different.
    private mutating func about(_ jail: JailDefinition) -> [String] {
        var parts: [String] = []
        let ignored: [String]
        do throws(JailConfigurationError) {
            let settings = try JailSettings(jail)
            ignored = settings.ignoring.entries
            if let filter = jail.filter { _ = try Filter(filter, now: now) }
            switch try jail.source() {
            case .bans:
                parts.append("the bans of the other jails, without their log")
            case .files(let paths):
                parts.append(paths.map(\.pattern).joined(separator: " "))
                if paths.allSatisfy({ JailReader.paths(matching: $0.pattern).isEmpty }) {
                    note(jail, "logpath", "no such log is there; fail2ban would not start, here the jail waits for it")
                }
            case let source: parts.append(source.description)
            }
            parts.append(
                "\(settings.maximumRetries) failures in \(DurationText.text(settings.findTime)), "
                    + (settings.banTime < 0 ? "for ever" : DurationText.text(settings.banTime)))
        } catch {
            notes.append("\(error); jail [\(jail.name)] does not run")
            return []
        }
        parts += actions(jail)
        if jail.filter?.failurePatterns.isEmpty == true {
            note(jail, "filter", "there is no failregex, so that nobody is banned")
        }
        for remark in IgnoreSettings.remarks(on: ignored) { note(jail, "ignoreip", remark) }
        return ["[\(jail.name)] " + parts.joined(separator: "; ")]
    }

    private mutating func actions(_ jail: JailDefinition) -> [String] {
        var native: [NativeEquivalent] = []
        var others: [String] = []
        for action in jail.actions {
            if action.isPython {
                note(jail, "action", "\(action.name) is written in Python and does not run")
            } else if let equivalent = NativeEquivalent(action) {
                if !native.contains(equivalent) { native.append(equivalent) }
            } else {
                others.append(action.identifier)
            }
        }
        if jail.actions.isEmpty { note(jail, "action", "there is none, so that a ban does nothing") }
        if native.count > 1 {
            note(
                jail, "action",
                "\(native.count) actions close different ports; the agent's firewall closes those of the last: set `ban_with: commands`, or give the jail one action"
            )
        }
        let firewall = native.last.map { "firewall (\(NativeJailText.ports($0)))" }
        return [firewall].compactMap { $0 } + (others.isEmpty ? [] : ["runs " + others.joined(separator: ", ")])
    }

    private mutating func note(_ jail: JailDefinition, _ option: String, _ text: String) {
        let value = layers.sections[jail.name]?[option] ?? layers.defaults[option]
        notes.append(
            JailConfigurationError(
                file: value?.file ?? layers.stem + ".conf", line: value?.line ?? 0,
                message: "jail [\(jail.name)]: \(option): \(text)"
            ).description)
    }

    // MARK: fail2ban itself

    private func farewell(_ jails: [JailDefinition], process: Int32?) -> String {
        var left: [String] = []
        func add(_ line: String) { if !left.contains(line) { left.append(line) } }
        for action in jails.flatMap(\.actions) where NativeEquivalent(action) != nil {
            if action.name.hasPrefix("nftables") {
                let family = action.options["table_family"] ?? "inet"
                add("nft delete table \(family) \(action.options["table"] ?? "f2b-table")")
            } else if action.name.contains("ipset") {
                add("ipset list -n | grep '^f2b-'       and the rules that name these sets")
            } else if action.name.hasPrefix("iptables") {
                add("iptables-save | grep f2b-; ip6tables-save | grep f2b-")
            } else {
                add("firewall-cmd --direct --get-all-rules; firewall-cmd --list-rich-rules")
            }
        }
        var text = """
            # fail2ban \(process.map { "is running (process \($0))" } ?? "is not running here"). Both may run while jails observe; compare `tocsin bans` with
            # `fail2ban-client status JAIL`. Then
            #   systemctl disable --now fail2ban     which takes its own rules and sets away
            #   mode: enforce, here; and reload the agent

            """
        if !left.isEmpty {
            text += "# Only where it was killed, its rules are still there:\n" + left.map { "#   \($0)\n" }.joined()
        }
        return text
    }

    /// A text as a value of YAML.
    static func yaml(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { ASCII.isWord($0) || [0x2d, 0x2e, 0x2f].contains($0) }
        if isPlain, text.utf8.first.map({ $0 == 0x2f || ASCII.isLetter($0) }) == true { return text }
        var json = JSONWriter()
        json.string(text)
        return String(json.written())
    }
}
