import Bytes
import Telemetry

/// A filter at work: reads one log line by line and says who failed. It remembers: forms of dates, open sessions, the last lines.
///
/// Not for several threads. In the steady state a line in which nothing is found allocates nothing.
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
    package private(set) var outcome = Outcome.missed

    package enum Outcome: Sendable, Equatable {
        case matched
        /// By `ignoreregex`.
        case ignored
        case missed
    }

    private let settings: Settings
    private let detector: DateDetector
    private var prefilter: LiteralPrefilter
    /// Few patterns to ignore are asked first, many only where there is something to ignore.
    private let ignoresFirst: Bool
    private var sessions = SessionCache()
    private var window: LineWindow

    // Reused from line to line.
    private var repaired = ByteBuffer()
    private var subject = ByteBuffer(capacity: 1024)
    private var content = ByteBuffer()
    private var date = ByteBuffer()
    private var dateTemplate: DateTemplate?
    private var dateTime: Double?
    private var lastTime: Double?

    /// So long the date of a line serves those after it that have none; seconds.
    private static let dateLifetime = 60.0
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
                    throw JailConfigurationError(
                        file: definition.path, line: definition.failureLine, message: "\(option): \(error)")
                }
            }
            return patterns
        }
        let prefix = try compile(definition.prefixPattern.map { [$0] } ?? [], "prefregex").first
        failurePatterns = try compile(definition.failurePatterns, "failregex")
        ignorePatterns = try compile(definition.ignorePatterns, "ignoreregex")
        prefixPattern = prefix
        for pattern in failurePatterns where !pattern.hasIdentity && prefix?.hasIdentity != true {
            throw JailConfigurationError(
                file: definition.path, line: definition.failureLine,
                message:
                    "failregex: expected <HOST>, <ADDR>, <F-ID> or another group that says who, in \"\(pattern.text)\"")
        }
        let year = max(CalendarTime(seconds: Int64(min(max(now, 0), 2.5e11))).year + 3, settings.latestYear)
        do {
            detector = DateDetector(
                try DateTemplates.make(definition.datePatterns, decades: 0...min(max(0, (year - 2000) / 10), 9)))
        } catch {
            throw JailConfigurationError(
                file: definition.path, line: definition.failureLine, message: "datepattern: \(error)")
        }
        prefilter = LiteralPrefilter(failurePatterns.map(\.literals))
        ignoresFirst = ignorePatterns.count < failurePatterns.count - 2
        window = LineWindow(capacity: definition.maximumLines)
    }

    /// Sessions that were forgotten before their time because too many were open.
    package var evictedSessions: Int { sessions.evicted }

    /// The forms of dates, and how often each was found.
    package var dateTemplates: [(name: String, hits: Int)] { detector.templates.map { ($0.name, $0.hits) } }

    /// What time a line has by its date; nil where it has none. Seconds since 1970.
    package func time(of line: RawSpan, now: Double) -> Double? {
        guard line.isUTF8, let found = detector.match(line, now: now) else { return nil }
        return dateValue(line, found, now)
    }

    /// Reads the next line, without its end.
    ///
    /// - Parameters:
    ///   - time: of the line where its source knows it, as the journal does; the line then has no date to look for.
    ///   - now: seconds since 1970.
    package func failures(in line: RawSpan, time: Double? = nil, now: Double) -> [Failure] {
        outcome = .missed
        let cut = line.slice(0, min(line.byteCount, Self.longestLine))
        guard cut.isUTF8 else {
            var text = ByteBuffer()
            swap(&text, &repaired)
            defer { swap(&text, &repaired) }
            text.removeAll()
            _ = text.append(repairing: cut)
            return read(text.bytes, time, now)
        }
        return read(cut, time, now)
    }

    private func read(_ line: RawSpan, _ given: Double?, _ now: Double) -> [Failure] {
        subject.removeAll()
        var time = given
        if given != nil, definition.cutsDates, !prefilter.scan(line) { return [] }
        if given == nil || definition.cutsDates, let found = detector.match(line, now: now) {
            subject.append(line.slice(0, found.cut.lowerBound))
            subject.append(line.slice(found.cut.upperBound, line.byteCount))
            time = given ?? dateValue(line, found, now)
        } else {
            subject.append(line)
        }
        if time == nil, let lastTime, lastTime > now - Self.dateLifetime { time = lastTime }
        if definition.maximumLines > 1 {
            window.append(subject.bytes)
            subject.removeAll()
            window.write(into: &subject)
        } else {
            subject.append(0x0a)
        }
        guard prefilter.scan(subject.bytes) else {
            if ignoresFirst, isIgnored(subject.bytes, now) { outcome = .ignored }
            return []
        }
        return find(line, time ?? now, now)
    }

    /// What a found date says, remembered for the lines after it. Most lines have the date of the line before.
    private func dateValue(_ line: RawSpan, _ found: DateDetector.Found, _ now: Double) -> Double? {
        guard !found.cut.isEmpty else { return nil }
        let template = detector.templates[found.template]
        let text = line.slice(found.cut.lowerBound, found.cut.upperBound)
        if template === dateTemplate, date.bytes.equals(text) { return dateTime }
        date.removeAll()
        date.append(text)
        dateTemplate = template
        dateTime = template.time(line, DateClock(now: now, zone: settings.zone))
        if let dateTime { lastTime = dateTime }
        return dateTime
    }

    private func find(_ line: RawSpan, _ time: Double, _ now: Double) -> [Failure] {
        if ignoresFirst, isIgnored(subject.bytes, now) {
            outcome = .ignored
            return []
        }
        var shared: [String: GroupValue] = [:]
        if let prefixPattern {
            guard prefixPattern.match(subject.bytes, now: now) else { return [] }
            prefixPattern.matchCount &+= 1
            shared = prefixPattern.values(subject.bytes)
            if let group = prefixPattern.contentGroup, let range = prefixPattern.matcher.range(of: group),
                !range.isEmpty
            {
                content.removeAll()
                content.append(subject.bytes.slice(range.lowerBound, range.upperBound))
                content.append(0x0a)
                swap(&subject, &content)
            }
        }
        var failures: [Failure] = []
        for (index, pattern) in failurePatterns.enumerated() where prefilter.isCandidate(index) {
            guard pattern.match(subject.bytes, now: now) else { continue }
            if !ignoresFirst, isIgnored(subject.bytes, now) {
                outcome = .ignored
                if definition.maximumLines > 1 { _ = takeLines(pattern) }
                if settings.triesAllPatterns, definition.maximumLines == 1 { continue }
                break
            }
            pattern.matchCount &+= 1
            outcome = .matched
            var failure = Failure(time: time, groups: shared, pattern: index)
            if index < definition.weights.count { failure.weight = definition.weights[index] }
            for (name, value) in pattern.values(subject.bytes)
            where value != .none || failure.groups[name] == nil {
                failure.groups[name] = value
            }
            if let failure = completed(failure, line, pattern, now) { failures.append(failure) }
            if !settings.triesAllPatterns || definition.maximumLines > 1 { break }
        }
        return failures
    }

    /// Puts together who failed; nil for what only the session has to know.
    private func completed(_ found: Failure, _ line: RawSpan, _ pattern: FailurePattern, _ now: Double) -> Failure? {
        var failure = found
        guard let name = failure.text("mlfid") else {
            failure.matches = definition.maximumLines > 1 ? takeLines(pattern) : [String(lossy: line)]
            failure.isNoFail = failure.text("nofail") != nil
            failure.identify()
            // Nobody, and no session that could tell who.
            return failure.id == nil ? nil : failure
        }
        let session = sessions.merge(failure, session: name, line: String(lossy: line), now: now)
        if session.failure.id == nil, !session.failure.isNoFail { session.isPending = true }
        return session.failure
    }

    private func isIgnored(_ text: RawSpan, _ now: Double) -> Bool {
        for pattern in ignorePatterns where pattern.match(text, now: now) {
            pattern.matchCount &+= 1
            return true
        }
        return false
    }

    private func takeLines(_ pattern: FailurePattern) -> [String] {
        let match = pattern.matcher.range(of: 0) ?? 0..<0
        return window.remove(match, skipped: pattern.skipGroups.compactMap { pattern.matcher.range(of: $0) })
    }
}
