import Configuration
import Telemetry

/// A jail of `jails.native:` in the configuration file.
package struct NativeJail: Sendable, Equatable, ConfigurationSection {
    package enum Mode: String, Sendable, CaseIterable {
        /// Says who would be banned.
        case observe
        case enforce
    }

    /// Where its lines come from. At least one of them.
    package struct Sources: Sendable, Equatable {
        /// Streams of what the agent reads anyway.
        package var logs: [LogSelector] = []
        /// Patterns of paths.
        package var files: [String] = []
        /// Matches as journalctl(1) takes them, alternatives one by one: `["_SYSTEMD_UNIT=ssh.service", "_COMM=sshd"]`.
        package var journal: [String] = []
    }

    package var settings = JailSettings(name: "")
    package var sources = Sources()
    /// What looks through the lines, its own patterns after those of the filters it names.
    package var filter = NativeFilter()
    /// Names of actions; the firewall's is `firewall`.
    package var actions = ["firewall"]
    /// Nil for that of all jails. `settings.isObserving` says so where it is given.
    package var mode: Mode?
    package var isEnabled = true
    /// Nil for that of all jails.
    package var alert: BanAlerting?
    /// Seconds, 0 for never; nil for that of all jails.
    package var silentAfter: Double?
    /// Where it stands.
    package var file = ""
    package var position = SourcePosition(line: 1, column: 1)

    static let mostRetries = 100_000

    package init(_ reader: MappingReader) {
        file = reader.context.file
        position = reader.position
        settings.scope = BanScope(ipv4Bits: 32, ipv6Bits: 64)
        settings.usesDNS = .ignore
        settings.increment = BanTimeIncrement()
        settings.increment.isEnabled = true
        settings.increment.maximum = 7 * 86_400

        readName(reader)
        isEnabled = reader.bool("enabled") ?? isEnabled
        readSources(reader)
        readFilter(reader)
        readLimits(reader)
        settings.increment = reader.valueOrNull("ban_time_increment").flatMap(Self.increment) ?? settings.increment
        settings.scope = reader.section("scope", BanScope.self) ?? settings.scope
        settings.ignoring.entries = reader.strings("ignore_ips") ?? []
        settings.ignoring.ignoresSelf = reader.bool("ignore_self") ?? true
        settings.ports = PortSelection.read(reader)
        settings.rejects = reader.bool("reject") ?? false
        actions = reader.strings("actions") ?? actions
        if actions.contains(where: \.isEmpty) { reader.report("expected names of actions, found none", at: "actions") }
        mode = reader.choice("mode", Mode.self)
        settings.isObserving = mode == .observe
        alert = BanAlerting(reader, "alert")
        silentAfter = reader.duration("silent_after")
        reader.finish()
    }

    /// What reads its lines. An error names the file.
    ///
    /// - Parameters:
    ///   - now: seconds since 1970.
    ///   - zone: for dates without one.
    package func makeFilter(now: Double, zone: ZoneFile = .utc) throws(JailConfigurationError) -> any LineFilter {
        try filter.makeFilter(name: settings.name, path: file, zone: zone, now: now)
    }

    /// Reads `jails.native:`, a list of jails with a name each.
    package static func read(_ value: ValueReader?) -> [NativeJail] {
        var jails: [NativeJail] = []
        for item in value?.items() ?? [] {
            guard let jail = item.section(NativeJail.self) else { continue }
            if !jail.settings.name.isEmpty, jails.contains(where: { $0.settings.name == jail.settings.name }) {
                item.report("expected another name than \(jail.settings.name), which a jail before it has")
            }
            jails.append(jail)
        }
        return jails
    }
}

extension NativeJail {
    private mutating func readName(_ reader: MappingReader) {
        settings.name = reader.requiredString("name")
        let isPlain = settings.name.utf8.allSatisfy { ASCII.isWord($0) || $0 == 0x2d || $0 == 0x2e }
        if !isPlain || settings.name.utf8.count > 64 {
            reader.report(
                "name: expected at most 64 letters, digits, \"-\", \"_\" and \".\", found \"\(settings.name.prefix(80))\"",
                at: "name")
        }
    }

    private mutating func readSources(_ reader: MappingReader) {
        if let value = reader.value("logs") {
            for item in Self.oneOrMore(value) {
                guard let text = item.literal() else { continue }
                do {
                    sources.logs.append(try LogSelector(text))
                } catch {
                    item.report("\(error.reason); a selector is {label=\"value\", …}, found \"\(text)\"")
                }
            }
        }
        if let value = reader.value("files") {
            sources.files = Self.oneOrMore(value).compactMap { $0.string().map(reader.context.resolve) }
        }
        if let value = reader.value("journal") {
            for item in Self.oneOrMore(value) {
                guard let text = item.string() else { continue }
                let fields = text.split(separator: " " as Character).filter { $0 != "+" }
                let isMatch = fields.allSatisfy { field in
                    guard let equals = field.utf8.firstIndex(of: 0x3d), equals > field.startIndex else { return false }
                    return field.utf8[..<equals].allSatisfy {
                        (0x41...0x5a).contains($0) || ASCII.isDigit($0) || $0 == 0x5f
                    }
                }
                guard isMatch, !fields.isEmpty else {
                    item.report(
                        "expected journalctl's FIELD=value, such as _SYSTEMD_UNIT=ssh.service, found \"\(text)\"")
                    continue
                }
                sources.journal.append(text)
            }
        }
        if !["logs", "files", "journal"].contains(where: reader.has) {
            reader.report("expected logs, files or journal: where its lines come from")
        }
    }

    private mutating func readFilter(_ reader: MappingReader) {
        var isNamed = false
        if let value = reader.value("filter") {
            isNamed = true
            for item in Self.oneOrMore(value) {
                guard let name = item.string() else { continue }
                do {
                    guard let known = try NativeFilters.filter(name) else {
                        item.report("there is no filter \"\(name)\"; \(NativeFilters.hint(name))")
                        continue
                    }
                    filter.add(known)
                } catch {
                    item.report("\(error)")
                }
            }
        }
        let hasOwn = ["patterns", "json"].contains(where: reader.has)
        var own = NativeFilter()
        own.readOwn(reader)
        let dates = own.dates
        filter.add(own)
        if reader.has("date") { filter.dates = dates }
        if !isNamed, !hasOwn { reader.report("expected filter, patterns or json: what a failure looks like") }
    }

    private mutating func readLimits(_ reader: MappingReader) {
        let retries = reader.int("max_retry", in: 1...Self.mostRetries)
        let score = reader.int("max_score", in: 1...Self.mostRetries)
        if reader.has("max_retry"), reader.has("max_score") {
            reader.report("expected only one of max_retry and max_score, which mean the same", at: "max_score")
        }
        settings.maximumRetries = retries ?? score ?? settings.maximumRetries
        settings.findTime = reader.duration("find_time", in: 1...100 * 86_400) ?? settings.findTime
        if let value = reader.value("ban_time") {
            if case .scalar("forever", _) = value.node.content {
                settings.banTime = -1
            } else {
                settings.banTime = value.duration(in: 1...100 * 365 * 86_400) ?? settings.banTime
            }
        }
    }

    /// `true` or `false`, or a mapping.
    private static func increment(_ value: ValueReader) -> BanTimeIncrement? {
        if case .scalar = value.node.content, !value.node.isNull {
            guard let isEnabled = value.bool() else { return nil }
            var increment = BanTimeIncrement()
            increment.isEnabled = isEnabled
            increment.maximum = isEnabled ? 7 * 86_400 : nil
            return increment
        }
        return value.section(BanTimeIncrement.self)
    }

    /// A list, or its only item without brackets.
    private static func oneOrMore(_ value: ValueReader) -> [ValueReader] {
        if case .sequence = value.node.content { value.items() ?? [] } else { [value] }
    }
}
