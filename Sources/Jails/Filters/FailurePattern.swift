import Bytes

/// A compiled `failregex`, `ignoreregex` or `prefregex`, what its groups mean, and how it has fared.
package final class FailurePattern {
    /// As the filter has it, tags and all.
    package let text: String
    /// Lines it matched.
    @exclusivity(unchecked) package internal(set) var matchCount = 0
    /// Matches given up because they took too many steps.
    package private(set) var limitCount = 0
    /// How often it was set aside for that.
    package private(set) var quarantineCount = 0
    /// Matches it was not asked for meanwhile.
    package private(set) var skippedCount = 0

    let matcher: TextMatcher
    let literals: RequiredLiterals?
    /// Named groups.
    private let groups: [(name: String, number: Int)]
    /// `<F-ALT_USER_1>`: what fills `user` where it is empty.
    private let alternatives: [(name: String, number: Int)]
    /// `<F-TUPLE_ID>`: what is added to `id`.
    private let tuples: [(name: String, number: Int)]
    // The same three by places in the names of the filter.
    @exclusivity(unchecked) private var groupSlots: [(slot: Int, number: Int)] = []
    @exclusivity(unchecked) private var alternativeSlots: [(slot: Int, number: Int)] = []
    @exclusivity(unchecked) private var tupleSlots: [(slot: Int, number: Int)] = []
    /// Groups of `<SKIPLINES>`.
    let skipGroups: [Int]
    let contentGroup: Int?

    private var recentLimits = 0
    private var recentSince = 0.0
    @exclusivity(unchecked) private var quarantinedUntil = -Double.infinity

    /// So many given up within a minute, each some 30 ms, and it rests for a minute: a line that was written to be slow
    /// may cost, but not without end.
    static let mostRecentLimits = 3
    static let quarantineTime = 60.0

    /// Which groups say who failed.
    private static let identities: Set<String> = ["fid", "ip4", "ip6", "dns", "mlfid"]

    init(_ text: String, usesDNS: Bool, isMultiline: Bool) throws(PatternError) {
        self.text = text
        let expanded = FailureTags.expand(text, usesDNS: usesDNS)
        do {
            matcher = try TextMatcher(expanded, isMultiline: isMultiline)
            let translated = try PythonPattern.translate(expanded)
            literals = RequiredLiterals(translated.pattern, isCaseless: translated.isCaseless)
        } catch {
            throw PatternError(pattern: text, offset: error.offset, reason: error.reason + ", in \"\(error.pattern)\"")
        }
        var plain: [(name: String, number: Int)] = []
        var alternatives = plain
        var tuples = plain
        for (name, number) in matcher.regex.groupNames.sorted(by: { $0.value < $1.value }) {
            if let base = Self.base(of: name, prefix: "alt_") {
                alternatives.append((base, number))
            } else if let base = Self.base(of: name, prefix: "tuple_") {
                tuples.append((base, number))
            } else {
                plain.append((name, number))
            }
        }
        skipGroups = plain.filter { $0.name.hasPrefix("skiplines") }.map(\.number)
        contentGroup = plain.first { $0.name == "content" }?.number
        groups = plain.filter { !$0.name.hasPrefix("skiplines") && $0.name != "content" && !$0.name.hasPrefix("_") }
        // Their names say the order, not their places.
        let names = matcher.regex.groupNames.sorted { $0.key < $1.key }.map(\.value)
        func rank(_ number: Int) -> Int { names.firstIndex(of: number) ?? 0 }
        self.alternatives = alternatives.sorted { rank($0.number) < rank($1.number) }
        self.tuples = tuples.sorted { rank($0.number) < rank($1.number) }
    }

    var hasIdentity: Bool { groups.contains { Self.identities.contains($0.name) } }

    /// `alt_user_1` is about `user`; a number needs its underscore.
    private static func base(of name: String, prefix: String) -> String? {
        guard name.hasPrefix(prefix) else { return nil }
        var base = name.utf8.dropFirst(prefix.utf8.count)
        if let mark = base.lastIndex(of: 0x5f), base.index(after: mark) < base.endIndex,
            base[base.index(after: mark)...].allSatisfy(ASCII.isDigit)
        {
            base = base[..<mark]
        }
        return base.isEmpty ? nil : FailureTags.groupName(of: String(base))
    }

    /// Whether it matches what is known to be UTF-8; false while it is set aside.
    func match(_ text: RawSpan, now: Double) -> Bool {
        if now < quarantinedUntil {
            skippedCount &+= 1
            return false
        }
        if matcher.match(text) { return true }
        if matcher.didGiveUp { gaveUp(now) }
        return false
    }

    private func gaveUp(_ now: Double) {
        limitCount &+= 1
        if now - recentSince > Self.quarantineTime || now < recentSince { (recentSince, recentLimits) = (now, 0) }
        recentLimits += 1
        guard recentLimits >= Self.mostRecentLimits else { return }
        recentLimits = 0
        quarantineCount &+= 1
        quarantinedUntil = now + Self.quarantineTime
    }

    /// The names that its failures have values for.
    var groupNames: [String] { (groups + alternatives + tuples).map(\.name) }

    /// Tells it the names of its filter's groups, before the first call of `fill`.
    func bind(_ names: GroupNames) {
        func slots(_ groups: [(name: String, number: Int)]) -> [(slot: Int, number: Int)] {
            groups.compactMap { group in names.all.firstIndex(of: group.name).map { ($0, group.number) } }
        }
        (groupSlots, alternativeSlots, tupleSlots) = (slots(groups), slots(alternatives), slots(tuples))
    }

    /// Puts what the groups of the last match took, alternatives and tuples merged, over what `groups` has.
    func fill(_ groups: inout FailureGroups, _ text: RawSpan) {
        guard alternativeSlots.isEmpty, tupleSlots.isEmpty else {
            var own = FailureGroups(groups.names)
            fillPlain(&own, text)
            fillMerged(&own, text)
            return groups.merge(own)
        }
        fillPlain(&groups, text)
    }

    private func fillPlain(_ groups: inout FailureGroups, _ text: RawSpan) {
        for index in groupSlots.indices {
            guard let range = matcher.range(of: groupSlots[index].number) else { continue }
            groups.set(groupSlots[index].slot, text.slice(range.lowerBound, range.upperBound))
        }
    }

    private func fillMerged(_ groups: inout FailureGroups, _ text: RawSpan) {
        for (slot, number) in alternativeSlots {
            guard let range = matcher.range(of: number), !range.isEmpty, !groups.isFilled(slot) else { continue }
            groups.set(slot, text.slice(range.lowerBound, range.upperBound))
        }
        for (slot, number) in tupleSlots {
            guard let range = matcher.range(of: number) else { continue }
            groups.append(slot, String(lossy: text.slice(range.lowerBound, range.upperBound)))
        }
    }
}
