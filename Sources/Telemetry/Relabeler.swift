import Bytes

/// Compiled `relabel_configs`: Prometheus's relabelling, rule by rule.
package struct Relabeler: Sendable {
    package let rules: [RelabelRule]
    private let steps: [Step]
    /// The labels that rules read by name, sorted: source labels, and targets of `keepequal` and `dropequal`.
    package let sourceNames: [String]

    /// One rule with what it needs, compiled.
    fileprivate struct Step: Sendable {
        var rule: RelabelRule
        var regex: Regex
        var target: RegexTemplate
        var replacement: RegexTemplate
    }

    package init(_ rules: [RelabelRule]) throws(RelabelError) {
        var steps: [Step] = []
        var names: Set<String> = []
        for (index, rule) in rules.enumerated() {
            if let problem = rule.problem { throw RelabelError(rule: index, reason: problem) }
            let regex: Regex
            do {
                regex = try Regex(rule.regex, anchored: true, dotMatchesNewline: true)
            } catch {
                throw RelabelError(rule: index, reason: error.description)
            }
            steps.append(
                Step(
                    rule: rule, regex: regex, target: RegexTemplate(rule.targetLabel, for: regex),
                    replacement: RegexTemplate(rule.replacement, for: regex)))
            names.formUnion(rule.sourceLabels)
            if rule.action == .keepequal || rule.action == .dropequal { names.insert(rule.targetLabel) }
        }
        self.rules = rules
        self.steps = steps
        sourceNames = names.sorted()
    }

    /// Whether a label of this name can change what becomes of other labels: a cache key needs these, and those
    /// labels that are in the result by themselves.
    package func reads(_ name: String) -> Bool {
        if sourceNames.contains(name) { return true }
        return steps.contains { $0.rule.action == .labelmap && $0.regex.isMatch(name) }
    }

    /// The labels after all rules, or nil where a rule drops the target. Labels in `__` are still there.
    package func apply(_ labels: LabelSet) -> LabelSet? {
        var result = labels
        for step in steps {
            guard step.apply(to: &result) else { return nil }
        }
        return result
    }

    /// Matches that PCRE2 gave up, over all rules; each counted as no match.
    package var limitHits: Int { steps.reduce(0) { $0 + $1.regex.limitHits } }
}

extension Relabeler.Step {
    /// Whether the target is kept.
    func apply(to labels: inout LabelSet) -> Bool {
        switch rule.action {
        case .replace: replace(in: &labels)
        case .keep: return regex.isMatch(source(labels))
        case .drop: return !regex.isMatch(source(labels))
        case .keepequal: return labels[rule.targetLabel] ?? "" == source(labels)
        case .dropequal: return labels[rule.targetLabel] ?? "" != source(labels)
        case .lowercase: labels[rule.targetLabel] = source(labels).lowercased()
        case .uppercase: labels[rule.targetLabel] = source(labels).uppercased()
        case .hashmod:
            // Prometheus takes the last eight bytes of the digest, big-endian.
            labels[rule.targetLabel] = String(MD5.digest(Array(source(labels).utf8)).low % max(rule.modulus, 1))
        case .labelmap:
            let before = labels
            for label in before.labels {
                guard let name = expand(replacement, matching: label.name) else { continue }
                labels[name] = label.value
            }
        case .labeldrop: labels = LabelSet(labels.labels.filter { !regex.isMatch($0.name) })
        case .labelkeep: labels = LabelSet(labels.labels.filter { regex.isMatch($0.name) })
        }
        return true
    }

    private func source(_ labels: LabelSet) -> String {
        if rule.sourceLabels.count == 1 { return labels[rule.sourceLabels[0]] ?? "" }
        return rule.sourceLabels.map { labels[$0] ?? "" }.joined(separator: rule.separator)
    }

    /// A value that does not match changes nothing, nor does a target that is no label name; an empty replacement
    /// removes the target.
    private func replace(in labels: inout LabelSet) {
        let source = source(labels)
        guard let name = expand(target, matching: source), LabelSet.isValidName(name) else { return }
        labels[name] = expand(replacement, matching: source)
    }

    private func expand(_ template: RegexTemplate, matching text: String) -> String? {
        var matcher = Matcher(regex)
        let bytes = Array(text.utf8)
        guard matcher.match(bytes.span.bytes) else { return nil }
        var output = ByteBuffer()
        template.expand(matcher, of: bytes.span.bytes, into: &output)
        return String(lossy: output.bytes)
    }
}

/// A rule that Prometheus would refuse too.
package struct RelabelError: Error, Equatable, CustomStringConvertible {
    /// Index of the rule.
    package var rule: Int
    package var reason: String

    package var description: String { "relabel rule \(rule + 1): \(reason)" }
}
