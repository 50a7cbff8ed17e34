import Bytes

extension RelabelRule {
    /// What is wrong with the rule as Prometheus checks it, the regular expression itself aside; nil if nothing.
    package var problem: String? {
        switch action {
        case .replace:
            if targetLabel.isEmpty { return missingTarget }
            guard RelabelRule.isNameTemplate(targetLabel) else { return badTarget }
        case .hashmod:
            if modulus == 0 { return "action hashmod needs a modulus of at least 1" }
            return targetProblem
        case .lowercase, .uppercase: return targetProblem
        case .keepequal, .dropequal:
            if let problem = targetProblem { return problem }
            let plain = RelabelRule()
            if regex != plain.regex || separator != plain.separator || modulus != plain.modulus
                || replacement != plain.replacement
            {
                return "action \(action.rawValue) takes only source_labels and target_label"
            }
        case .labelmap:
            guard RelabelRule.isNameTemplate(replacement) else {
                return "action labelmap needs a replacement that makes a label name, found \"\(replacement)\""
            }
        case .labeldrop, .labelkeep:
            let plain = RelabelRule()
            if !sourceLabels.isEmpty || !targetLabel.isEmpty || separator != plain.separator
                || modulus != plain.modulus || replacement != plain.replacement
            {
                return "action \(action.rawValue) takes only regex"
            }
        case .keep, .drop: break
        }
        return nil
    }

    private var missingTarget: String { "action \(action.rawValue) needs a target_label" }
    private var badTarget: String {
        "target_label must be a label name ([a-zA-Z_][a-zA-Z0-9_]*), found \"\(targetLabel)\""
    }

    private var targetProblem: String? {
        if targetLabel.isEmpty { return missingTarget }
        return LabelSet.isValidName(targetLabel) ? nil : badTarget
    }

    /// Whether a text is a label name once its `$1`, `${1}` and `${name}` are filled in.
    private static func isNameTemplate(_ text: String) -> Bool {
        var rest = Array(text.utf8)[...]
        func isWord(_ byte: UInt8) -> Bool {
            (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte) || byte == 0x5f
        }
        var isFirst = true
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "$") {
                let braced = rest.first == UInt8(ascii: "{")
                if braced { rest.removeFirst() }
                let name = rest.prefix { isWord($0) }
                guard !name.isEmpty else { return false }
                rest = rest.dropFirst(name.count)
                if braced, rest.popFirst() != UInt8(ascii: "}") { return false }
            } else if !isWord(byte) || (isFirst && (0x30...0x39).contains(byte)) {
                return false
            }
            isFirst = false
        }
        return !isFirst
    }
}
