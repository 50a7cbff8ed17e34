import Telemetry

/// Asks an index, which is locked only for as long as no regular expression runs.
struct SeriesQuery {
    let matchers: [LabelMatcher]

    /// Values that a matcher has to be tried on.
    struct Question {
        var matcher: Int
        var values: [SeriesIndex.Value]
        var version: UInt64
        /// The answer.
        var matched: [UInt32] = []

        mutating func answer(_ matcher: LabelMatcher) {
            for (place, value) in values.enumerated() where matcher.matches(value.text) {
                matched.append(UInt32(place))
            }
        }
    }

    enum Answer {
        case series([UInt32])
        case questions([Question])
    }

    /// The series, in order, or what has to be found out first. With `answers` it asks again only where values have come
    /// since.
    func ask(_ index: inout SeriesIndex, answers: [Question]) -> Answer {
        for answer in answers {
            index.keep(answer.matched, of: SeriesIndex.MatcherKey(matchers[answer.matcher]), version: answer.version)
        }
        var questions: [Question] = []
        for (place, matcher) in matchers.enumerated() {
            guard matcher.operation == .matches || matcher.operation == .notMatches,
                let name = index.names[matcher.name],
                index.matches(of: SeriesIndex.MatcherKey(matcher), version: name.version) == nil
            else { continue }
            questions.append(Question(matcher: place, values: name.values, version: name.version))
        }
        if !questions.isEmpty { return .questions(questions) }
        index.settle()
        let capacity = index.capacity
        var result: SeriesSet?
        for matcher in matchers {
            let (set, isComplement) = Self.set(matcher, index, capacity)
            switch (result, isComplement) {
            case (nil, false): result = set
            case (nil, true):
                var all = SeriesSet(capacity: capacity)
                for series in index.all { all.insert(series) }
                all.subtract(set)
                result = all
            case (_, false): result?.formIntersection(set)
            case (_, true): result?.subtract(set)
            }
        }
        guard let result else { return .series(index.all) }
        return .series(index.ordered(result))
    }

    /// The series that a matcher takes, or those that it does not take where it takes the absence of the label.
    private static func set(
        _ matcher: LabelMatcher, _ index: borrowing SeriesIndex, _ capacity: Int
    ) -> (SeriesSet, isComplement: Bool) {
        var set = SeriesSet(capacity: capacity)
        let takesAbsence = matcher.matches("")
        guard let name = index.names[matcher.name] else { return (set, takesAbsence) }
        switch matcher.operation {
        case .equal, .notEqual:
            // Either way the set is that of the value; with an empty one, that of all values.
            if matcher.value.isEmpty {
                for value in name.values { value.forEach { set.insert($0) } }
            } else if let place = name.find(matcher.value) {
                name.values[place].forEach { set.insert($0) }
            }
        case .matches, .notMatches:
            let matched = index.matches(of: SeriesIndex.MatcherKey(matcher), version: name.version) ?? []
            if takesAbsence {
                var next = 0
                for (place, value) in name.values.enumerated() {
                    if next < matched.count, Int(matched[next]) == place {
                        next += 1
                    } else {
                        value.forEach { set.insert($0) }
                    }
                }
            } else {
                for place in matched { name.values[Int(place)].forEach { set.insert($0) } }
            }
        }
        return (set, takesAbsence)
    }
}
