import Bytes

/// The filters of all jails that read one log: a line is checked and dated once, and searched once for the literals of all their
/// patterns; only filters that may find something in it go on by themselves.
///
/// Not for several threads; a filter may be in several groups, all on one thread. A line in which nothing is found allocates nothing.
package final class FilterGroup {
    package let filters: [Filter]

    private let parts: [Part]
    @exclusivity(unchecked) private var repaired = ByteBuffer()
    /// Lines without a date that could be read, by part.
    @exclusivity(unchecked) private var undated: [Int]

    /// The filters with the same settings for dates.
    private struct Part {
        /// Of the first of them.
        let dater: LineDater
        let cutsDates: Bool
        let expectsDates: Bool
        let prefilter: LiteralPrefilter
        var members: [Member] = []
        /// Those that match several lines together.
        var multiline: [Member] = []
    }

    private struct Member {
        let filter: Filter
        /// In `filters`.
        let place: Int
        /// Of its first pattern, in the prefilter; in whole words.
        var first = 0
    }

    package init(_ filters: [Filter]) {
        self.filters = filters
        var parts: [Part] = []
        var rest = filters.enumerated().map { Member(filter: $1, place: $0) }
        while let leader = rest.first?.filter {
            func isLike(_ member: Member) -> Bool {
                member.filter.definition.datePatterns == leader.definition.datePatterns
                    && member.filter.definition.cutsDates == leader.definition.cutsDates
                    && member.filter.settings.zone == leader.settings.zone
                    && member.filter.settings.latestYear == leader.settings.latestYear
            }
            let members = rest.filter(isLike)
            rest.removeAll(where: isLike)
            var literals: [RequiredLiterals?] = []
            var single = members.filter { !$0.filter.isMultiline }
            for index in single.indices {
                // No literals at all is none of any pattern's.
                while literals.count % 64 != 0 { literals.append(RequiredLiterals.impossible) }
                single[index].first = literals.count
                literals += single[index].filter.failurePatterns.map(\.literals)
            }
            parts.append(
                Part(
                    dater: leader.dater, cutsDates: leader.definition.cutsDates,
                    expectsDates: leader.definition.datePatterns != ["{NONE}"], prefilter: LiteralPrefilter(literals),
                    members: single,
                    multiline: members.filter(\.filter.isMultiline)))
        }
        self.parts = parts
        undated = [Int](repeating: 0, count: parts.count)
    }

    /// Reads the next line of the log, without its end, and tells `body` what was found: the place of a filter in `filters`, and a
    /// failure of it, one with `isNoFail` or without `id` among them.
    ///
    /// - Parameters:
    ///   - time: of the line where its source knows it, as the journal does; seconds since 1970.
    ///   - now: seconds since 1970.
    ///   - dateNow: what dates without a year count from, where that is another time than `now`.
    package func read(
        _ line: RawSpan, time: Double?, now: Double, dateNow: Double? = nil, _ body: (Int, Failure) -> Void
    ) {
        line.withText(&repaired, longest: Filter.longestLine) { text in
            // By index: an iterator of an array allocates where nothing is optimised, and tests count.
            for index in parts.indices {
                let part = parts[index]
                let dater = part.dater
                dater.read(text, given: time, cuts: part.cutsDates, now: dateNow ?? now)
                if dater.time == nil, part.expectsDates { undated[index] &+= 1 }
                for index in part.multiline.indices {
                    let member = part.multiline[index]
                    member.filter.readLines(text, dater, now: now) { body(member.place, $0) }
                }
                find(part, dater.subject, text, dater.time ?? now, now, body)
            }
        }
    }

    /// How many lines since the last time had no date that could be read, by the place of each filter that wants one.
    func takeUndated(_ body: (Int, Int) -> Void) {
        for index in parts.indices where undated[index] > 0 {
            for member in parts[index].members + parts[index].multiline { body(member.place, undated[index]) }
            undated[index] = 0
        }
    }

    private func find(
        _ part: Part, _ subject: borrowing ByteBuffer, _ line: RawSpan, _ time: Double, _ now: Double,
        _ body: (Int, Failure) -> Void
    ) {
        guard part.prefilter.scan(subject.bytes) else { return }
        for index in part.members.indices {
            let member = part.members[index]
            guard part.prefilter.hasCandidate(from: member.first, count: member.filter.failurePatterns.count) else {
                continue
            }
            member.filter.find(subject, line: line, time: time, now: now, part.prefilter, first: member.first) {
                body(member.place, $0)
            }
        }
    }
}
