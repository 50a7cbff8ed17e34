import Configuration
import Logs

/// A jail of `jail.conf` with its filter and its actions; nothing compiled, no log looked for.
package struct JailDefinition: Sendable, Equatable {
    /// A log, or a pattern of names of logs.
    package struct LogPath: Sendable, Equatable {
        package var pattern: String
        /// Only what is written from now on counts.
        package var isFromTail: Bool
        /// As `Transcoder` knows them; empty for UTF-8.
        package var encoding = ""

        package init(pattern: String, isFromTail: Bool = false) {
            self.pattern = pattern
            self.isFromTail = isFromTail
        }
    }

    package var name: String
    package var isEnabled: Bool
    package var backend: String
    package var filter: FilterDefinition?
    package var actions: [ActionDefinition]
    package var logPaths: [LogPath]
    package var maximumRetries: Int
    /// Seconds.
    package var findTime: Double
    /// Seconds; -1 for ever.
    package var banTime: Double
    /// All other options, interpolated: `bantime.increment`, `ignoreip` and their like.
    package var options: [String: String]
    package let places: OptionPlaces

    private static let mainOptions = [
        "enabled", "backend", "maxretry", "findtime", "bantime", "filter", "logpath", "action",
    ]
    private static let otherOptions = [
        "bantime.increment", "bantime.factor", "bantime.formula", "bantime.multipliers", "bantime.maxtime",
        "bantime.rndtime",
        "bantime.overalljails", "ignorecommand", "ignoreself", "ignoreip", "ignorecache", "logtimezone", "logencoding",
        "maxmatches",
        "skip_if_nologs", "systemd_if_nologs", "usedns", "port", "protocol",
    ]

    /// Of the others, those that only we read: actions do not see them.
    private static let ownOptions = ["port", "protocol"]

    init(
        _ name: String, _ configuration: ConfigurationLayers, known: Set<String>, directory: String,
        surroundings: ConfigurationSurroundings
    ) throws(JailConfigurationError) {
        var layers = configuration
        self.name = name
        let enabled = layers.sections[name]?["enabled"]
        let places = OptionPlaces(
            options: layers.defaults.merging(layers.sections[name] ?? [:]) { $1 }.mapValues {
                .init(file: $0.file, line: $0.line)
            }, file: enabled?.file ?? layers.files.first ?? layers.stem, line: enabled?.line ?? 0,
            prefix: "jail [\(name)]: ")
        self.places = places
        /// What no line is to blame for is the option's that asked for it.
        func blaming(_ option: String, _ error: JailConfigurationError) -> JailConfigurationError {
            error.line == 0 ? places.error(option, error.description) : error
        }
        func list(_ option: String, _ text: String) throws(JailConfigurationError) -> ParameterList {
            do {
                return try ParameterList(text)
            } catch {
                throw places.error(option, error.message)
            }
        }
        isEnabled = Self.isTrue(try layers.value(of: "enabled", in: name) ?? "false")
        backend = try layers.value(of: "backend", in: name) ?? "auto"
        filter = nil
        if let text = try layers.value(of: "filter", in: name), !text.isEmpty {
            var used = try list("filter", text)
            let stem = used.name.hasPrefix("/") ? used.name : directory + "/filter.d/" + used.name
            let options: DefinitionOptions
            var definition: FilterDefinition
            do throws(JailConfigurationError) {
                let filterLayers = try ConfigurationLayers(stem: stem, surroundings: surroundings)
                if !used.parameters.contains(where: { $0.name == "logtype" }),
                    filterLayers.sections["Definition"]?["logtype"] == nil
                {
                    used.parameters.append(("logtype", backend.hasPrefix("systemd") ? "journal" : "file"))
                }
                options = try DefinitionOptions(filterLayers, parameters: used.parameters)
                definition = try FilterDefinition(name: used.name, options: options)
            } catch {
                throw blaming("filter", error)
            }
            // `failregex = %(known/failregex)s` in a jail is about its filter's.
            for option in Set(FilterDefinition.options).union(options.ownNames) where known.contains(option) {
                guard let value = try options.value(of: option) else { continue }
                layers.set(
                    "known/" + option, in: name,
                    to: .init(text: value.replacing(each: "%", by: "%%"), file: stem + ".conf", line: 0))
            }
            var replaced: [String: String] = [:]
            for option in FilterDefinition.options
            where layers.sections[name]?[option] != nil || layers.defaults[option] != nil {
                replaced[option] = try layers.value(of: option, in: name)
            }
            try definition.replace(replaced, places)
            filter = definition
        }
        var jailOptions: [String: String] = [:]
        for option in FilterDefinition.options + Self.otherOptions + Self.mainOptions
        where !Self.ownOptions.contains(option) {
            jailOptions[option] = try layers.value(of: option, in: name)
        }
        actions = []
        for entry in ParameterList.entries(try layers.value(of: "action", in: name) ?? "") {
            let used = try list("action", entry)
            do throws(JailConfigurationError) {
                actions.append(
                    try ActionDefinition(
                        used, jail: name, jailOptions: jailOptions, directory: directory, surroundings: surroundings))
            } catch {
                throw blaming("action", error)
            }
        }
        logPaths = []
        for line in (try layers.value(of: "logpath", in: name) ?? "").lines.map(\.trimmed) where !line.isEmpty {
            let isTail = line.hasSuffix(" tail")
            let pattern = isTail || line.hasSuffix(" head") ? String(line.dropLast(5)).trimmed : line
            logPaths.append(LogPath(pattern: pattern, isFromTail: isTail))
        }
        let retries = try layers.value(of: "maxretry", in: name) ?? "3"
        guard let number = Int(retries.trimmed), number > 0 else {
            throw places.error("maxretry", "expected a number above 0, found \"\(retries)\"")
        }
        maximumRetries = number
        func seconds(_ option: String) throws(JailConfigurationError) -> Double {
            let text = try layers.value(of: option, in: name) ?? "10m"
            guard let value = TimeText.seconds(text) else {
                throw places.error(option, "expected a time such as 10m or 1d12h, found \"\(text)\"")
            }
            return value
        }
        findTime = try seconds("findtime")
        banTime = try seconds("bantime")
        options = [:]
        for option in Self.otherOptions { options[option] = try layers.value(of: option, in: name) }
    }

    /// With `auto` the journal is read where none of the logs is there: Debian has written none since 12.
    fileprivate var readsJournalInstead: Bool {
        guard backend == "auto", isEnabled, let filter, !filter.journalMatches.isEmpty else { return false }
        return Self.isTrue(options["systemd_if_nologs"] ?? "true")
            && logPaths.allSatisfy { JailReader.paths(matching: $0.pattern).isEmpty }
    }

    /// Where its lines come from.
    package func source() throws(JailConfigurationError) -> JailSource {
        if filter?.name == "recidive" { return .bans }
        let backend: ParameterList
        do {
            backend = try ParameterList(self.backend)
        } catch {
            throw places.error("backend", error.message)
        }
        guard backend.name == "systemd" else {
            let encoding = try self.encoding()
            guard !logPaths.isEmpty else {
                throw places.error("logpath", "expected the logs to read, found none")
            }
            return .files(
                logPaths.map { path in
                    var path = path
                    path.encoding = encoding
                    return path
                })
        }
        func parameter(_ name: String) -> String { backend.parameters.last { $0.name == name }?.value ?? "" }
        let match = (filter?.journalMatches ?? []).joined(separator: "\n")
        do throws(JournalMatchError) {
            _ = try JournalMatcher(match)
        } catch {
            throw (filter?.places ?? places).error("journalmatch", error.description)
        }
        return .journal(
            JournalPlace(directory: parameter("journalpath"), namespace: parameter("namespace")), match: match)
    }

    /// `logencoding`, of which `auto`, as UTF-8 is what hosts have, and UTF-8 are empty.
    private func encoding() throws(JailConfigurationError) -> String {
        let name = (options["logencoding"] ?? "auto").trimmed
        if name.lowercasedASCII == "auto" { return "" }
        do throws(TranscoderError) {
            let transcoder = try Transcoder(encoding: name)
            if transcoder.unitSize == 1 { return transcoder.isIdentity ? "" : name }
        } catch {}
        throw places.error(
            "logencoding",
            "expected auto, utf-8, latin-1 or another encoding with ASCII in it that iconv knows, found \"\(name)\"")
    }

    /// Python's spellings of true.
    static func isTrue(_ text: String) -> Bool { ["1", "yes", "true", "on"].contains(text.trimmed.lowercasedASCII) }
}

/// `jail.conf` and all that lies over it.
package struct JailsConfiguration: Sendable {
    /// In the order of the files.
    package private(set) var jails: [JailDefinition] = []
    /// What is wrong, jail by jail; the others stand.
    package private(set) var problems: [(jail: String, error: JailConfigurationError, isEnabled: Bool)] = []

    /// Reads `directory/jail.conf`, `jail.d` and `jail.local`. Throws where one of these cannot be read at all.
    ///
    /// - Parameter only: no other jails than these, which are enabled whatever the files say.
    package init(
        directory: String, only: [String]? = nil, surroundings: ConfigurationSurroundings = .process
    ) throws(JailConfigurationError) {
        var layers = try ConfigurationLayers(stem: directory + "/jail", surroundings: surroundings)
        layers.setDefault("fail2ban_confpath", to: .init(text: directory, file: directory, line: 0))
        // Of the release whose configuration we read.
        layers.setDefault("fail2ban_version", to: .init(text: "1.1.1", file: directory, line: 0))
        // Hardly any jail asks for one, and each would cost as much as its option costs to put together.
        let known = layers.namesAskedAsKnown
        for name in layers.names where only?.contains(name) ?? true {
            if only != nil { layers.set("enabled", in: name, to: .init(text: "true", file: directory, line: 0)) }
            do throws(JailConfigurationError) {
                let jail = try JailDefinition(
                    name, layers, known: known, directory: directory, surroundings: surroundings)
                guard jail.readsJournalInstead else {
                    jails.append(jail)
                    continue
                }
                layers.set("backend", in: name, to: .init(text: "systemd", file: directory, line: 0))
                jails.append(
                    try JailDefinition(name, layers, known: known, directory: directory, surroundings: surroundings))
            } catch {
                let enabled = (try? layers.value(of: "enabled", in: name)) ?? "false"
                problems.append((name, error, JailDefinition.isTrue(enabled)))
            }
        }
    }
}
