import Bytes
import Exporter
import Telemetry

extension Router {
    /// Adds Prometheus's `/api/v1/targets` (`state`, `scrapePool`), `/api/v1/targets/metadata` (`metric`, `limit`,
    /// `match_target`) and `/api/v1/scrape_pools`.
    package mutating func addTargets(_ report: @escaping @Sendable () -> TargetsReport) {
        on(.get, "/api/v1/targets") { request in
            let state = request.query["state"] ?? ""
            guard let selection = TargetsReport.Selection(rawValue: state.isEmpty ? "any" : state.lowercased()) else {
                throw HTTPError(400, "state is \"\(state)\", expected active, dropped or any.")
            }
            let pool = request.query["scrapePool"].flatMap { $0.isEmpty ? nil : $0 }
            let report = report()
            return .json { report.write(selection, pool: pool, into: &$0) }
        }
        on(.get, "/api/v1/targets/metadata") { request in
            let metric = request.query["metric"].flatMap { $0.isEmpty ? nil : $0 }
            var limit: Int?
            if let text = request.query["limit"], !text.isEmpty {
                guard let number = Int(text), number >= 0 else {
                    throw HTTPError(400, "limit must be a number")
                }
                limit = number > 0 ? number : nil
            }
            let selector = try TargetSelector(request.query["match_target"] ?? "")
            let report = report()
            return .json {
                report.writeMetadata(metric: metric, limit: limit, matching: selector.matches, into: &$0)
            }
        }
        on(.get, "/api/v1/scrape_pools") { _ in
            let report = report()
            return .json { report.writePools(into: &$0) }
        }
    }
}

/// `{job="a",instance=~"b.*"}`: which targets `match_target` takes.
struct TargetSelector: Sendable {
    private struct Test: Sendable {
        var name: String
        var value: String
        /// Nil for plain equality.
        var regex: Regex?
        var isNegative: Bool
    }

    private var tests: [Test] = []

    /// Throws 400 with what is wrong. Empty text takes all.
    init(_ text: String) throws(HTTPError) {
        var rest = text.drop { $0 == " " }
        if rest.isEmpty { return }
        func wrong() -> HTTPError {
            HTTPError(400, "match_target is \(text), expected a selector such as {job=\"node\",instance=~\"10.*\"}.")
        }
        guard rest.popFirst() == "{" else { throw wrong() }
        while true {
            rest = rest.drop { $0 == " " || $0 == "," }
            if rest.first == "}" {
                guard rest.dropFirst().allSatisfy({ $0 == " " }) else { throw wrong() }
                return
            }
            let name = String(rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") })
            rest = rest.dropFirst(name.count).drop { $0 == " " }
            let sign = String(rest.prefix { "=!~".contains($0) })
            rest = rest.dropFirst(sign.count).drop { $0 == " " }
            guard !name.isEmpty, ["=", "!=", "=~", "!~"].contains(sign), let quote = rest.popFirst(),
                "\"'`".contains(quote), let value = Self.string(&rest, upTo: quote)
            else { throw wrong() }
            var test = Test(name: name, value: value, isNegative: sign.hasPrefix("!"))
            if sign.hasSuffix("~") {
                do throws(RegexError) { test.regex = try Regex(value, anchored: true) } catch {
                    throw HTTPError(400, "match_target: \(error.description)")
                }
            }
            tests.append(test)
        }
    }

    func matches(_ labels: LabelSet) -> Bool {
        tests.allSatisfy { test in
            let value = labels[test.name] ?? ""
            return (test.regex.map { $0.isMatch(value) } ?? (value == test.value)) != test.isNegative
        }
    }

    /// What stands up to the closing quote, which is taken too. Between backquotes a backslash is one.
    private static func string(_ rest: inout Substring, upTo quote: Character) -> String? {
        var result = ""
        while let character = rest.popFirst() {
            if character == quote { return result }
            guard character == "\\", quote != "`" else {
                result.append(character)
                continue
            }
            guard let escaped = rest.popFirst() else { return nil }
            result.append(escaped == "n" ? "\n" : escaped)
        }
        return nil
    }
}
