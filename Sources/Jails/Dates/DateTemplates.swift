/// The templates that a filter's `datepattern` stands for.
enum DateTemplates {
    /// What fail2ban looks for by itself, in its order.
    private static let builtIn = [
        #"%ExY(?P<_sep>[-/.])%m(?P=_sep)%d(?:T|  ?)%H:%M:%S(?:[.,]%f)?(?:\s*%z)?"#,
        #"(?:%a )?%b %d %k:%M:%S(?:\.%f)?(?: %ExY)?"#,
        #"(?:%a )?%b %d %ExY %k:%M:%S(?:\.%f)?"#,
        #"%d(?P<_sep>[-/])%m(?P=_sep)(?:%ExY|%Exy) %k:%M:%S"#,
        #"%d(?P<_sep>[-/])%b(?P=_sep)%ExY[ :]?%H:%M:%S(?:\.%f)?(?: %z)?"#,
        #"%m/%d/%ExY:%H:%M:%S"#,
        #"%m-%d-%ExY %k:%M:%S(?:\.%f)?"#,
        "EPOCH",
        "{^LN-BEG}%H:%M:%S",
        "^<%m/%d/%Exy@%H:%M:%S>",
        "%Exy%Exm%Exd  ?%H:%M:%S",
        "%b %d, %ExY %I:%M:%S %p",
        "^%b-%d-%Exy %k:%M:%S",
        #"%ExY%Exm%Exd(?:T|  ?)%ExH%ExM%ExS(?:[.,]%f)?(?:\s*%z)?"#,
        #"(?:%Z )?(?:%a )?%b %d %k:%M:%S(?:\.%f)?(?: %ExY)?"#,
        #"(?:%z )?(?:%a )?%b %d %k:%M:%S(?:\.%f)?(?: %ExY)?"#,
        "TAI64N",
    ]

    private static let epoch = #"\d{10,11}\b(?:\.\d{3,6})?"#
    private static let longEpoch = #"\d{10,11}(?:\d{3}(?:\.\d{1,6}|\d{3})?)?"#

    /// - Parameters:
    ///   - patterns: the lines of `datepattern`; none stands for `{DEFAULT}`.
    ///   - decades: see `DatePattern`.
    static func make(_ patterns: [String], decades: ClosedRange<Int>) throws(PatternError) -> [DateTemplate] {
        if patterns.isEmpty || patterns == ["{DEFAULT}"] { return try all(decades) }
        var templates: [DateTemplate] = []
        for pattern in patterns {
            for template in try one(pattern, decades, isSole: patterns.count == 1) {
                // The same twice would only be tried twice.
                if !templates.contains(where: { $0.pattern == template.pattern }) { templates.append(template) }
            }
        }
        return templates
    }

    private static func one(_ pattern: String, _ decades: ClosedRange<Int>, isSole: Bool) throws(PatternError)
        -> [DateTemplate]
    {
        if pattern == "{^LN-BEG}" { return try all(decades).filter(\.pattern.isAtLineBegin) }
        // It adds nothing to others: so it is in fail2ban.
        if pattern == "{DEFAULT}" { return [] }
        if pattern.contains("{DATE}") {
            // The two without tokens are not put into a pattern by fail2ban either.
            var templates: [DateTemplate] = []
            for text in builtIn where text.contains("%") {
                let plain =
                    text.hasPrefix(DatePattern.lineBegin) ? String(text.dropFirst(DatePattern.lineBegin.count)) : text
                let whole = pattern.replacing(each: "{DATE}", by: plain)
                templates.append(DateTemplate(name: whole, pattern: try DatePattern(whole, decades: decades)))
            }
            return templates
        }
        if let template = try special(pattern) {
            try template.compile()
            return [template]
        }
        let text = pattern == "{NONE}" ? DatePattern.unbound + "^" : pattern
        let template = DateTemplate(name: pattern, pattern: try DatePattern(text, decades: decades))
        try template.compile()
        return [template]
    }

    private static func all(_ decades: ClosedRange<Int>) throws(PatternError) -> [DateTemplate] {
        var anchored: [DateTemplate] = []
        var free: [DateTemplate] = []
        for text in builtIn {
            guard let template = try special(text) else {
                let pattern = try DatePattern(text, decades: decades)
                free.append(DateTemplate(name: text, pattern: pattern))
                if !pattern.isAtLineBegin {
                    let name = DatePattern.lineBegin + text
                    anchored.append(
                        DateTemplate(
                            name: name, pattern: try DatePattern(name, decades: decades), worth: 100, isPlain: true))
                }
                continue
            }
            free.append(template)
            if let copy = try special(DatePattern.lineBegin + text, worth: 100) { anchored.append(copy) }
        }
        return anchored + free
    }

    /// Templates that are not made of strptime's tokens.
    private static func special(_ pattern: String, worth: Double = 1) throws(PatternError) -> DateTemplate? {
        guard !pattern.contains("%") else { return nil }
        let key = String(pattern.utf8.map { (0x61...0x7a).contains($0) ? $0 & 0xdf : $0 })
        let isLineBegin = key.hasPrefix(DatePattern.lineBegin) || key.hasPrefix("^")
        let bounds: DatePattern.Bounds = isLineBegin ? .lineBegin : .wordEnd
        func template(_ regex: String, _ kind: DateTemplate.Kind, _ bounds: DatePattern.Bounds) -> DateTemplate {
            DateTemplate(
                name: pattern, pattern: DatePattern(regex: regex, isCaseless: false, bounds: bounds), kind: kind,
                worth: worth)
        }
        switch key {
        case "EPOCH", "{^LN-BEG}EPOCH", "^EPOCH", "LEPOCH", "{^LN-BEG}LEPOCH", "^LEPOCH":
            let isLong = key.hasSuffix("LEPOCH")
            let digits = isLong ? longEpoch : epoch
            let regex =
                isLineBegin
                ? #"((?P<square>(?<=^\[))?\#(digits))(?(square)(?=\]))"#
                : #"((?:^|(?P<square>(?<=^\[))|(?P<selinux>(?<=\baudit\()))\#(digits))(?:(?(selinux)(?=:\d+\)))|(?(square)(?=\])))"#
            return template(regex, .epoch(group: 1, isLong: isLong), bounds)
        case "TAI64N", "{^LN-BEG}TAI64N", "^TAI64N":
            return template("(@[0-9a-f]{24})", .tai64n, bounds)
        default:
            for (mark, digits, isLong) in [("{EPOCH}", epoch, false), ("{LEPOCH}", longEpoch, true)]
            where key.contains(mark) {
                let place = key.utf8.distance(from: key.startIndex, to: first(mark, in: key))
                let bytes = [UInt8](pattern)
                let regex = String(bytes[..<place]) + "(\(digits))" + String(bytes[(place + mark.utf8.count)...])
                return template("(" + regex + ")", .epoch(group: 2, isLong: isLong), .words)
            }
            return nil
        }
    }

    private static func first(_ mark: String, in text: String) -> String.Index {
        var index = text.startIndex
        while index < text.endIndex, !text[index...].hasPrefix(mark) { index = text.index(after: index) }
        return index
    }
}
