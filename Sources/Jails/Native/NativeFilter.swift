import Bytes
import Configuration
import Telemetry

/// What a native jail looks for in lines: patterns, rules for JSON lines, or both.
package struct NativeFilter: Sendable, Equatable, ConfigurationSection {
    /// One pattern as it is written.
    struct Pattern: Sendable, Equatable {
        var text: String
        /// For how many failures a match counts.
        var score = 1
        /// Programs whose syslog prefix may stand before the message.
        var programs: [String]
    }

    /// What it finds, for people.
    package var summary = ""
    var patterns: [Pattern] = []
    var ignored: [String] = []
    /// Empty for all known forms.
    var dates: [String] = []
    var json: [JSONRule] = []

    /// The keys by which a jail says what to look for, and by which our own filters do.
    package static let ownKeys = [
        ConfigurationKey(
            "patterns", "list of patterns or {pattern, score}",
            "What a failure looks like; the first that matches counts, for 1 or for its score."),
        ConfigurationKey("ignore", "list of patterns", "A line that one of these matches is no failure after all."),
        ConfigurationKey(
            "programs", "list of strings",
            "Programs whose `host program[pid]: ` may stand before the message, as in syslog's files and in the journal; `*` for any."
        ),
        ConfigurationKey(
            "date", "string or list of strings",
            "Forms of dates as fail2ban's `datepattern`; `none` for lines without. By default all known forms are looked for."
        ),
        ConfigurationKey("json", "mapping, or list of them", "For lines that are JSON objects: see below."),
    ]

    package static let configurationKeys =
        [ConfigurationKey("summary", "string", "What it finds.")] + ownKeys

    private static let patternKeys = [
        ConfigurationKey("pattern", "pattern", "What a failure looks like."),
        ConfigurationKey("score", "integer", default: "1", "For how many failures a match counts."),
    ]

    init() {}

    package init(_ reader: MappingReader) {
        summary = reader.string("summary") ?? ""
        readOwn(reader)
        reader.finish()
    }

    /// Reads `ownKeys`.
    mutating func readOwn(_ reader: MappingReader) {
        let programs = reader.strings("programs") ?? []
        for item in reader.value("patterns")?.items() ?? [] {
            var text = item
            var score = 1
            if case .mapping = item.node.content {
                guard let inner = item.mapping(Self.patternKeys) else { continue }
                score = inner.int("score", in: 1...NativeJail.mostRetries) ?? score
                let pattern = inner.requiredValue("pattern")
                inner.finish()
                guard let pattern else { continue }
                text = pattern
            }
            guard let written = text.literal(), Self.check(written, text, needsIdentity: true) else { continue }
            patterns.append(Pattern(text: written, score: score, programs: programs))
        }
        for item in reader.value("ignore")?.items() ?? [] {
            guard let written = item.literal(), Self.check(written, item, needsIdentity: false) else { continue }
            // In terms of the message as well.
            do {
                ignored.append(try NativePattern.translate(written, programs: programs))
            } catch {
                item.report("\(error)")
            }
        }
        readDates(reader.value("date"))
        if let value = reader.value("json") {
            if case .sequence = value.node.content {
                json += value.items()?.compactMap { $0.section(JSONRule.self) } ?? []
            } else if let rule = value.section(JSONRule.self) {
                json.append(rule)
            }
        }
    }

    private mutating func readDates(_ value: ValueReader?) {
        guard let value else { return }
        let items: [ValueReader]
        if case .sequence = value.node.content { items = value.items() ?? [] } else { items = [value] }
        for item in items {
            guard let text = item.literal() else { continue }
            let pattern = text == "none" ? "{NONE}" : text
            do {
                _ = try DateTemplates.make([pattern], decades: 0...9)
                dates.append(pattern)
            } catch {
                item.report("\(error)")
            }
        }
    }

    /// Whether it compiles; warns of what is unwise.
    private static func check(_ written: String, _ value: ValueReader, needsIdentity: Bool) -> Bool {
        do {
            let translated = try NativePattern.translate(written, programs: [])
            let pattern = try FailurePattern(translated, usesDNS: false, isMultiline: false)
            guard !needsIdentity || pattern.hasIdentity else {
                value.report("expected <ip> or <id> in it to say who failed, found \"\(written)\"")
                return false
            }
        } catch {
            value.report("\(error)")
            return false
        }
        let remarks = needsIdentity ? JailLint.remarks(on: written) : JailLint.loops(of: written)
        for remark in remarks { value.context.warn("\(value.name): \(remark)", at: value.position) }
        return true
    }

    /// What another finds as well.
    mutating func add(_ other: NativeFilter) {
        // All forms are looked for where one of them needs that.
        dates = patterns.isEmpty || other.patterns.isEmpty ? dates + other.dates : []
        patterns += other.patterns
        ignored += other.ignored
        json += other.json
    }

    /// What reads lines with it. An error names the file.
    ///
    /// - Parameters:
    ///   - name: of the jail.
    ///   - path: of the file that says so.
    ///   - zone: for dates without one.
    ///   - now: seconds since 1970.
    package func makeFilter(name: String, path: String, zone: ZoneFile, now: Double) throws(JailConfigurationError)
        -> any LineFilter
    {
        let definition: FilterDefinition
        var rules: [JSONLineFilter] = []
        var exceptions: [TextMatcher] = []
        do throws(PatternError) {
            definition = try self.definition(name: name, path: path)
            for rule in json { rules.append(try JSONLineFilter(rule, zone: zone)) }
            for pattern in json.isEmpty ? [] : ignored {
                exceptions.append(try TextMatcher(FailureTags.expand(pattern, usesDNS: false)))
            }
        } catch {
            throw JailConfigurationError(file: path, message: "jail \(name): \(error)")
        }
        let text =
            patterns.isEmpty ? nil : try Filter(definition, now: now, settings: Filter.Settings(zone: zone))
        // Those of text alone read together with fail2ban's.
        if let text, rules.isEmpty { return text }
        return NativeLineFilter(text: text, json: rules, ignored: exceptions)
    }

    /// The same for the engine that runs fail2ban's filters.
    func definition(name: String, path: String) throws(PatternError) -> FilterDefinition {
        var texts: [String] = []
        for pattern in patterns {
            texts.append(try NativePattern.translate(pattern.text, programs: pattern.programs))
        }
        var definition = FilterDefinition(
            name: name, path: path, failurePatterns: texts, ignorePatterns: ignored, datePatterns: dates)
        definition.weights = patterns.map(\.score)
        definition.cutsDates = dates != ["{NONE}"]
        definition.usesDNS = "no"
        return definition
    }
}
