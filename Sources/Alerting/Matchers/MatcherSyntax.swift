import Bytes
import Rules
import Telemetry

/// What a text of matchers is wrong about, in one sentence.
package struct MatcherError: Error, Equatable, CustomStringConvertible {
    package var description: String
    package init(_ description: String) { self.description = description }
}

/// Matchers as Alertmanager writes them: `severity="page"`, `{team=~"db|web", env!="test"}`.
///
/// There are two parsers, as in Alertmanager since 0.27: the one that takes any UTF-8 as names, and the classic one that it had
/// before. A text that only the classic one takes, or that the two read differently, means what it meant before.
package enum MatcherSyntax {
    /// What a text says, and whether it should be written otherwise.
    package struct Result {
        package var matchers: [LabelMatcher]
        /// Why it is unwise to write it so; nil where all is well.
        package var warning: String?
    }

    /// The longest text that is looked at.
    static let longestText = 64 << 10

    /// Any number of matchers, separated by commas, braces around them allowed.
    package static func matchers(_ text: String) throws(MatcherError) -> Result {
        guard text.utf8.count <= longestText else { throw MatcherError("longer than \(longestText) bytes") }
        let classic: [LabelMatcher]?
        let classicError: MatcherError?
        do throws(MatcherError) {
            classic = try ClassicMatcherParser.matchers(text)
            classicError = nil
        } catch {
            classic = nil
            classicError = error
        }
        do throws(MatcherError) {
            var parser = UTF8MatcherParser(text)
            let matchers = try parser.matchers()
            guard let classic, !classic.isSame(as: matchers) else { return Result(matchers: matchers) }
            return Result(
                matchers: classic,
                warning: "read as \(classic.alertmanagerText), as Alertmanager before 0.27 did; its newer parser reads "
                    + "\(matchers.alertmanagerText): put values into double quotes")
        } catch {
            guard let classic else { throw classicError ?? error }
            return Result(
                matchers: classic,
                warning: "newer Alertmanagers will not take this (\(error)); better: "
                    + classic.map(\.alertmanagerText).joined(separator: ","))
        }
    }

    /// Exactly one matcher, without braces: a filter of the API.
    package static func matcher(_ text: String) throws(MatcherError) -> LabelMatcher {
        if text.hasPrefix("{") || text.hasSuffix("}") { throw MatcherError("unexpected open or close brace: \(text)") }
        let found: [LabelMatcher]
        if let classic = try? ClassicMatcherParser.matcher(Substring(text)) {
            // Where both can read it, the classic reading wins.
            found = [classic]
        } else {
            found = try matchers(text).matchers
        }
        guard found.count == 1, let matcher = found.first else {
            throw MatcherError(found.isEmpty ? "no matchers" : "expected 1 matcher, found \(found.count)")
        }
        return matcher
    }

    /// Characters that stand in names and values only inside quotes.
    static func isReserved(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "{", "}", "!", "=", "~", ",", "\\", "\"", "'", "`": true
        default: isSpace(scalar)
        }
    }

    /// As Go's `unicode.IsSpace`.
    static func isSpace(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.isWhitespace }

    static func make(
        _ name: String, _ operation: LabelMatcher.Operation, _ value: String
    ) throws(MatcherError) -> LabelMatcher {
        if operation == .matches || operation == .notMatches, let problem = RegexSyntax.problem(in: value) {
            throw MatcherError(problem)
        }
        do throws(RegexError) {
            return try LabelMatcher(name, operation, value)
        } catch {
            throw MatcherError(error.description)
        }
    }
}
