import Bytes
import Telemetry

/// A filter at work: reads one log line by line and says who failed. It remembers: forms of dates, open sessions, the last lines.
///
/// Not for several threads. In the steady state a line in which nothing is found allocates nothing.
/// For that reason nothing here asks at run time whether it is used twice at once (`@exclusivity(unchecked)`): no call within comes back
/// to the filter, and the question would be a sixth of a line's cost.
package final class Filter: LineFilter {
    /// How it is used.
    package struct Settings: Sendable {
        /// For dates without one.
        package var zone = ZoneFile.utc
        /// Goes on after the first pattern that matches, as a test of all patterns wants it.
        package var triesAllPatterns = false
        /// The latest year that `%ExY` must know, beside what `now` asks for.
        package var latestYear = 0

        package init(zone: ZoneFile = .utc, triesAllPatterns: Bool = false, latestYear: Int = 0) {
            self.zone = zone
            self.triesAllPatterns = triesAllPatterns
            self.latestYear = latestYear
        }
    }

    package let definition: FilterDefinition
    package let failurePatterns: [FailurePattern]
    package let ignorePatterns: [FailurePattern]
    package let prefixPattern: FailurePattern?
    /// What became of the last line.
    @exclusivity(unchecked) package private(set) var outcome = Outcome.missed

    package enum Outcome: Sendable, Equatable {
        case matched
        /// By `ignoreregex`.
        case ignored
        case missed
    }

    let settings: Settings
    /// Dates lines by the filter's `datepattern`.
    let dater: LineDater
    private let prefilter: LiteralPrefilter
    /// Few patterns to ignore are asked first, many only where there is something to ignore.
    private let ignoresFirst: Bool
    @exclusivity(unchecked) private var sessions = SessionCache()
    @exclusivity(unchecked) private var window: LineWindow

    // Reused from line to line.
    @exclusivity(unchecked) private var repaired = ByteBuffer()
    @exclusivity(unchecked) private var lines = ByteBuffer()
    @exclusivity(unchecked) private var content = ByteBuffer()
    @exclusivity(unchecked) private var scratch: FailureGroups

    /// Longer lines are cut.
    package static let longestLine = 64 << 10

    /// Compiles the filter. An error names the file and the pattern.
    ///
    /// - Parameter now: seconds since 1970.
    package init(_ definition: FilterDefinition, now: Double, settings: Settings = Settings())
        throws(JailConfigurationError)
    {
        self.definition = definition
        self.settings = settings
        let isMultiline = definition.maximumLines > 1
        let usesDNS = definition.usesDNS?.lowercasedASCII != "no"
        func compile(_ texts: [String], _ option: String) throws(JailConfigurationError) -> [FailurePattern] {
            var patterns: [FailurePattern] = []
            for text in texts {
                do {
                    patterns.append(try FailurePattern(text, usesDNS: usesDNS, isMultiline: isMultiline))
                } catch {
                    throw definition.places.error(option, "\(error)")
                }
            }
            return patterns
        }
        let prefix = try compile(definition.prefixPattern.map { [$0] } ?? [], "prefregex").first
        failurePatterns = try compile(definition.failurePatterns, "failregex")
        ignorePatterns = try compile(definition.ignorePatterns, "ignoreregex")
        prefixPattern = prefix
        for pattern in failurePatterns where !pattern.hasIdentity && prefix?.hasIdentity != true {
            throw definition.places.error(
                "failregex",
                "expected <HOST>, <ADDR>, <F-ID> or another group that says who, in \"\(pattern.text)\"")
        }
        let year = max(CalendarTime(seconds: Int64(min(max(now, 0), 2.5e11))).year + 3, settings.latestYear)
        do {
            dater = LineDater(
                try DateTemplates.make(definition.datePatterns, decades: 0...min(max(0, (year - 2000) / 10), 9)),
                zone: settings.zone)
        } catch {
            throw definition.places.error("datepattern", "\(error)")
        }
        prefilter = LiteralPrefilter(failurePatterns.map(\.literals))
        ignoresFirst = ignorePatterns.count < failurePatterns.count - 2
        window = LineWindow(capacity: definition.maximumLines)
        let patterns = failurePatterns + (prefix.map { [$0] } ?? [])
        let names = GroupNames(patterns.flatMap(\.groupNames))
        scratch = FailureGroups(names)
        for pattern in patterns { pattern.bind(names) }
    }

    /// Sessions that were forgotten before their time because too many were open.
    package var evictedSessions: Int { sessions.evicted }

    /// The forms of dates, and how often each was found.
    package var dateTemplates: [(name: String, hits: Int)] { dater.templates }

    package var textFilter: Filter? { self }

    /// Whether it matches the last lines together.
    var isMultiline: Bool { definition.maximumLines > 1 }

    /// What time a line has by its date; nil where it has none. Seconds since 1970.
    package func time(of line: RawSpan, now: Double) -> Double? {
        dater.time(of: line, now: now)
    }

    package func read(_ line: RawSpan, time: Double?, now: Double, _ body: (Failure) -> Void) {
        outcome = .missed
        line.withText(&repaired, longest: Self.longestLine) { text in
            dater.read(text, given: time, cuts: definition.cutsDates, now: now)
            if isMultiline {
                readLines(text, dater, now: now, body)
            } else {
                judge(dater.subject, text, dater.time ?? now, now, body)
            }
        }
    }

    /// Looks for failures in the last lines, the one that `dater` read last among them.
    func readLines(_ line: RawSpan, _ dater: LineDater, now: Double, _ body: (Failure) -> Void) {
        window.append(dater.subject)
        lines.removeAll()
        window.write(into: &lines)
        judge(lines, line, dater.time ?? now, now, body)
    }

    private func judge(
        _ subject: borrowing ByteBuffer, _ line: RawSpan, _ time: Double, _ now: Double, _ body: (Failure) -> Void
    ) {
        outcome = .missed
        if prefilter.scan(subject.bytes) {
            find(subject, line: line, time: time, now: now, prefilter, first: 0, body)
        } else if ignoresFirst, isIgnored(subject.bytes, now) {
            outcome = .ignored
        }
    }

    /// Looks for failures in what a prefilter has scanned.
    ///
    /// - Parameters:
    ///   - line: with its date.
    ///   - first: the place of the first pattern in the prefilter.
    func find(
        _ subject: borrowing ByteBuffer, line: RawSpan, time: Double, now: Double, _ prefilter: LiteralPrefilter,
        first: Int,
        _ body: (Failure) -> Void
    ) {
        outcome = .missed
        if ignoresFirst, isIgnored(subject.bytes, now) {
            outcome = .ignored
            return
        }
        guard let prefixPattern else {
            return search(subject, subject, line, time, now, prefilter, first, body)
        }
        guard prefixPattern.match(subject.bytes, now: now) else { return }
        prefixPattern.matchCount &+= 1
        guard let group = prefixPattern.contentGroup, let range = prefixPattern.matcher.range(of: group), !range.isEmpty
        else { return search(subject, subject, line, time, now, prefilter, first, body) }
        content.removeAll()
        content.append(subject.bytes.slice(range.lowerBound, range.upperBound))
        content.append(0x0a)
        search(content, subject, line, time, now, prefilter, first, body)
    }

    /// - Parameters:
    ///   - text: what the patterns are about.
    ///   - subject: what the prefix has matched.
    private func search(
        _ text: borrowing ByteBuffer, _ subject: borrowing ByteBuffer, _ line: RawSpan, _ time: Double, _ now: Double,
        _ prefilter: LiteralPrefilter, _ first: Int, _ body: (Failure) -> Void
    ) {
        var next = 0
        while let candidate = prefilter.candidate(from: first + next, below: first + failurePatterns.count) {
            let index = candidate - first
            next = index + 1
            let pattern = failurePatterns[index]
            guard pattern.match(text.bytes, now: now) else { continue }
            if !ignoresFirst, isIgnored(text.bytes, now) {
                outcome = .ignored
                if isMultiline { _ = takeLines(pattern) }
                if settings.triesAllPatterns, !isMultiline { continue }
                break
            }
            pattern.matchCount &+= 1
            outcome = .matched
            scratch.removeAll()
            prefixPattern?.fill(&scratch, subject.bytes)
            pattern.fill(&scratch, text.bytes)
            complete(index, line, time, now, body)
            if !settings.triesAllPatterns || isMultiline { break }
        }
    }

    /// Puts together who failed after what the groups in `scratch` took.
    private func complete(
        _ index: Int, _ line: RawSpan, _ time: Double, _ now: Double, _ body: (Failure) -> Void
    ) {
        let weight = index < definition.weights.count ? definition.weights[index] : 1
        guard let name = scratch.text(GroupNames.mlfid) else {
            var failure = Failure(time: time, groups: scratch, pattern: index)
            failure.weight = weight
            failure.matches = isMultiline ? takeLines(failurePatterns[index]) : [String(utf8: line)]
            failure.isNoFail = failure.groups.isFilled(GroupNames.noFail)
            failure.identify()
            // Nobody, and no session that could tell who.
            if failure.id != nil { body(failure) }
            return
        }
        let session = sessions.merge(
            &scratch, time: time, pattern: index, weight: weight, session: name, line: line, now: now)
        if session.failure.id == nil, !session.failure.isNoFail { session.isPending = true }
        session.tell(body)
    }

    private func isIgnored(_ text: RawSpan, _ now: Double) -> Bool {
        for index in ignorePatterns.indices where ignorePatterns[index].match(text, now: now) {
            ignorePatterns[index].matchCount &+= 1
            return true
        }
        return false
    }

    private func takeLines(_ pattern: FailurePattern) -> [String] {
        let match = pattern.matcher.range(of: 0) ?? 0..<0
        return window.remove(match, skipped: pattern.skipGroups.compactMap { pattern.matcher.range(of: $0) })
    }
}
