import Bytes

/// What a filter made of a log, as `fail2ban-regex` tells it.
package struct FilterReport: Sendable {
    package private(set) var lines = 0
    /// Lines with a failure, also of somebody whom only a later line of the session names.
    package private(set) var matched = 0
    /// Lines that `ignoreregex` matched, or that only tell about a session.
    package private(set) var ignored = 0
    package private(set) var missed = 0
    /// The first lines of each kind.
    package private(set) var missedLines: [String] = []
    package private(set) var failures: [Failure] = []

    package static let mostLines = 20
    package static let mostFailures = 1000

    package init() {}

    /// Takes one line through the filter.
    package mutating func take(_ line: RawSpan, _ filter: any LineFilter, now: Double) {
        if line.isEmpty { return }
        lines += 1
        var isMatched = false
        filter.read(line, time: nil, now: now) { failure in
            guard !failure.isNoFail else { return }
            isMatched = true
            if failure.id != nil, failures.count < Self.mostFailures { failures.append(failure) }
        }
        if isMatched {
            matched += 1
        } else if filter.outcome != .missed {
            ignored += 1
        } else {
            missed += 1
            if missedLines.count < Self.mostLines { missedLines.append(String(lossy: line)) }
        }
    }

    /// For people, without a line feed at the end.
    package func text(_ reader: any LineFilter) -> String {
        let filter = reader.textFilter
        var parts = ["Lines: \(lines), \(matched) matched, \(ignored) ignored, \(missed) missed"]
        func list(_ title: String, _ patterns: [FailurePattern]) {
            guard !patterns.isEmpty else { return }
            parts.append("\n\(title): \(patterns.reduce(0) { $0 + $1.matchCount }) matches")
            for (index, pattern) in patterns.enumerated() where pattern.matchCount + pattern.limitCount > 0 {
                let limit = pattern.limitCount > 0 ? " (given up \(pattern.limitCount) times)" : ""
                parts.append("  \(index): [\(pattern.matchCount)]\(limit) \(pattern.text)")
            }
        }
        list("prefregex", filter?.prefixPattern.map { [$0] } ?? [])
        list("failregex", filter?.failurePatterns ?? [])
        list("ignoreregex", filter?.ignorePatterns ?? [])
        let dates = (filter?.dateTemplates ?? []).filter { $0.hits > 0 }
        if !dates.isEmpty {
            parts.append("\nDates:")
            for date in dates { parts.append("  [\(date.hits)] \(date.name)") }
        }
        if !missedLines.isEmpty {
            parts.append(
                "\nMissed lines\(missed > missedLines.count ? ", the first \(missedLines.count) of \(missed)" : ""):")
            parts += missedLines.map { "  " + $0 }
        }
        return parts.joined(separator: "\n")
    }

    package func write(_ reader: any LineFilter, into writer: inout JSONWriter) {
        writer.beginObject()
        for (name, count) in [("lines", lines), ("matched", matched), ("ignored", ignored), ("missed", missed)] {
            writer.key(name)
            writer.integer(count)
        }
        let filter = reader.textFilter
        let prefix = filter?.prefixPattern.map { [$0] } ?? []
        for (name, patterns) in [
            ("prefregex", prefix), ("failregex", filter?.failurePatterns ?? []),
            ("ignoreregex", filter?.ignorePatterns ?? []),
        ] {
            writer.key(name)
            writer.beginArray()
            for pattern in patterns {
                writer.beginObject()
                writer.key("pattern")
                writer.string(pattern.text)
                writer.key("matches")
                writer.integer(pattern.matchCount)
                writer.key("given_up")
                writer.integer(pattern.limitCount)
                writer.endObject()
            }
            writer.endArray()
        }
        writer.key("dates")
        writer.beginArray()
        for date in filter?.dateTemplates ?? [] where date.hits > 0 {
            writer.beginObject()
            writer.key("template")
            writer.string(date.name)
            writer.key("hits")
            writer.integer(date.hits)
            writer.endObject()
        }
        writer.endArray()
        writer.key("failures")
        writer.beginArray()
        for failure in failures { FilterDialogue.write(failure, &writer) }
        writer.endArray()
        writer.key("missed_lines")
        writer.beginArray()
        for line in missedLines { writer.string(line) }
        writer.endArray()
        writer.endObject()
    }
}
