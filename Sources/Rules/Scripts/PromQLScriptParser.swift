import Bytes
import Telemetry

/// Reads a script line by line.
struct PromQLScriptParser {
    private let lines: [String]
    private var index = 0

    init(_ text: String) {
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let trimmed = PromQLScriptParser.trim(line)
            return trimmed.hasPrefix("#") ? "" : trimmed
        }
    }

    /// The next command; nil at the end. After an error the rest of the block is passed over.
    mutating func next() throws(PromQLScriptError) -> PromQLScript.Command? {
        while index < lines.count, lines[index].isEmpty { index += 1 }
        guard index < lines.count else { return nil }
        do throws(PromQLScriptError) {
            return try command()
        } catch {
            while index < lines.count, !lines[index].isEmpty { index += 1 }
            throw error
        }
    }

    private mutating func command() throws(PromQLScriptError) -> PromQLScript.Command {
        let word = (words(lines[index], limit: 1).first ?? "").lowercased()
        if word == "clear" {
            index += 1
            return .clear
        }
        if word.hasPrefix("load") { return .load(try load()) }
        if word.hasPrefix("eval") { return .evaluate(try evaluation()) }
        throw problem("invalid command \(GoQuoted.quote(lines[index]))")
    }

    // MARK: - Data

    private mutating func load() throws(PromQLScriptError) -> PromQLScript.Load {
        let parts = words(lines[index])
        guard parts.count == 2, parts[0] == "load" || parts[0] == "load_with_nhcb" else {
            throw problem("invalid load command. (load[_with_nhcb] <step:duration>)")
        }
        var load = PromQLScript.Load(
            line: index + 1, step: try duration(parts[1]), addsNativeHistograms: parts[0] != "load")
        index += 1
        var starts: (labels: LabelSet, values: [Int64?])?
        while index < lines.count, !lines[index].isEmpty {
            let line = lines[index]
            let parts = words(line, limit: 2)
            if parts.count == 2, parts[0].hasSuffix("@st") {
                guard starts == nil else { throw problem("@st line has no following sample line") }
                starts = (try series(parts[0].dropLast(3) + " _").labels, try startSequence(parts[1]))
                index += 1
                continue
            }
            let series = try series(line)
            if let starts {
                guard starts.labels == series.labels else {
                    throw problem("@st metric does not match the following sample line metric")
                }
                guard starts.values.count == series.values.count else {
                    throw problem(
                        "@st line has \(starts.values.count) values but sample line has \(series.values.count)")
                }
            }
            // A series that is given twice in one load is the second one.
            load.series.removeAll { $0.series.labels == series.labels }
            load.series.append((series, starts?.values))
            starts = nil
            index += 1
        }
        if starts != nil { throw problem("@st line has no following sample line") }
        return load
    }

    private func startSequence(_ text: String) throws(PromQLScriptError) -> [Int64?] {
        var result: [Int64?] = []
        for item in words(text) {
            let (body, count) = try repetition(item)
            if body == "_" {
                guard count != 0 else { throw problem("invalid repeat count") }
                result.append(contentsOf: repeatElement(nil, count: count ?? 1))
                continue
            }
            let times = (count ?? 0) + 1
            // `-1m`, `-1m+30s`: an offset and what is added at every value.
            let (first, rest) = try signedDuration(body[...])
            var change: Int64 = 0
            if !rest.isEmpty {
                guard count != nil else { throw problem("expected 'x<count>' after step duration") }
                let (value, left) = try signedDuration(rest)
                guard left.isEmpty else { throw problem("unexpected \(left) after duration") }
                change = value
            }
            for place in 0..<times { result.append(first + Int64(place) * change) }
        }
        return result
    }

    private func repetition(_ item: String) throws(PromQLScriptError) -> (String, Int?) {
        guard let x = item.lastIndex(of: "x") else { return (item, nil) }
        guard let count = Int(item[item.index(after: x)...]), count >= 0, count <= SeriesDescription.maximumCount else {
            throw problem("invalid repeat count in \(item)")
        }
        return (String(item[..<x]), count)
    }

    private func signedDuration(_ text: Substring) throws(PromQLScriptError) -> (Int64, Substring) {
        var rest = text
        let isNegative = rest.first == "-"
        if rest.first == "-" || rest.first == "+" { rest.removeFirst() }
        let end = rest.firstIndex { $0 == "-" || $0 == "+" } ?? rest.endIndex
        let value = try duration(String(rest[..<end]))
        return (isNegative ? -value : value, rest[end...])
    }

    // MARK: - Queries

    private mutating func evaluation() throws(PromQLScriptError) -> PromQLScript.Evaluation {
        let line = lines[index]
        let lineNumber = index + 1
        let parts = words(line, limit: 2)
        guard parts.count == 2 else { throw problem("invalid evaluation command") }
        var evaluation: PromQLScript.Evaluation
        let kind = words(parts[1], limit: 2)
        guard kind.count == 2 else { throw problem("invalid evaluation command") }
        switch kind[0] {
        case "instant":
            let at = words(kind[1], limit: 3)
            if at.count == 3, at[0] == "at" {
                evaluation = .init(line: lineNumber, query: at[2], time: .instant(try duration(at[1])))
            } else {
                evaluation = .init(line: lineNumber, query: kind[1], time: .instant(0))
            }
        case "range":
            let range = words(kind[1], limit: 7)
            guard range.count == 7, range[0] == "from", range[2] == "to", range[4] == "step" else {
                throw problem("invalid evaluation command: range from <from> to <to> step <step> <query> was expected")
            }
            evaluation = .init(
                line: lineNumber, query: range[6],
                time: .range(
                    start: try duration(range[1]), end: try duration(range[3]), step: try duration(range[5])))
        default: throw problem("invalid evaluation command: instant or range was expected")
        }
        switch parts[0] {
        case "eval": break
        case "eval_fail": evaluation.expectation.failure = .any
        case "eval_warn": evaluation.expectation.warnings = [.any]
        case "eval_info": evaluation.expectation.infos = [.any]
        case "eval_ordered": evaluation.expectation.isOrdered = true
        default: throw problem("invalid evaluation command \(parts[0])")
        }
        index += 1
        try results(of: &evaluation)
        return evaluation
    }

    private mutating func results(of evaluation: inout PromQLScript.Evaluation) throws(PromQLScriptError) {
        while index < lines.count, !lines[index].isEmpty {
            let line = lines[index]
            let first = words(line, limit: 1).first ?? ""
            if first == "expected_fail_message" || first == "expected_fail_regexp",
                evaluation.expectation.failure != nil
            {
                let text = PromQLScriptParser.trim(line.dropFirst(first.count))
                evaluation.expectation.failure =
                    first == "expected_fail_message" ? .text(text) : .regex(try regex(text))
            } else if first == "expect" {
                try expect(line, &evaluation)
            } else if let number = Double(line) {
                evaluation.expectation.scalar = number
            } else {
                let series = try series(line)
                if case .instant = evaluation.time, evaluation.expectation.steps == nil, series.values.count > 1 {
                    throw problem("an instant evaluation gives one value for each series")
                }
                evaluation.expectation.series.removeAll { $0.labels == series.labels }
                evaluation.expectation.series.append(series)
            }
            index += 1
        }
    }

    private func expect(_ line: String, _ evaluation: inout PromQLScript.Evaluation) throws(PromQLScriptError) {
        let parts = words(line, limit: 3)
        guard parts.count >= 2 else { throw problem("invalid expect statement") }
        let rest = parts.count > 2 ? parts[2] : ""
        switch parts[1] {
        case "string":
            guard let expression = try? Expression.parse(rest), case .string(let literal) = expression else {
                throw problem("expected string literal not valid")
            }
            evaluation.expectation.string = literal.value
            evaluation.isInstantOnly = true
        case "range":
            let range = words(rest)
            guard range.count == 7, range[0] == "vector", range[1] == "from", range[3] == "to", range[5] == "step"
            else {
                throw problem("invalid range vector definition \(GoQuoted.quote(line))")
            }
            evaluation.expectation.steps = (
                try duration(range[2]), try duration(range[4]), try duration(range[6])
            )
            evaluation.isInstantOnly = true
        case "ordered": evaluation.expectation.isOrdered = true
        case "no_warn": evaluation.expectation.forbidsWarnings = true
        case "no_info": evaluation.expectation.forbidsInfos = true
        case "fail":
            guard evaluation.expectation.failure == nil else {
                throw problem("multiple expect fail lines are not allowed")
            }
            evaluation.expectation.failure = try pattern(rest)
        case "warn": evaluation.expectation.warnings.append(try pattern(rest))
        case "info": evaluation.expectation.infos.append(try pattern(rest))
        default: throw problem("invalid expected error/annotation type \(parts[1])")
        }
        let expectation = evaluation.expectation
        if expectation.forbidsWarnings, !expectation.warnings.isEmpty {
            throw problem("warn and no_warn cannot be used together")
        }
        if expectation.forbidsInfos, !expectation.infos.isEmpty {
            throw problem("info and no_info cannot be used together")
        }
    }

    private func pattern(_ text: String) throws(PromQLScriptError) -> PromQLScript.TextPattern {
        if text.isEmpty { return .any }
        for (prefix, isRegex) in [("msg:", false), ("regex:", true)] where text.hasPrefix(prefix) {
            let body = PromQLScriptParser.trim(text.dropFirst(prefix.count))
            return isRegex ? .regex(try regex(body)) : .text(body)
        }
        throw problem("invalid expect statement, must match `expect <type> <match_type>: <string>` format")
    }

    // MARK: - Pieces

    private func regex(_ text: String) throws(PromQLScriptError) -> Regex {
        do {
            return try Regex(text)
        } catch {
            throw problem("\(error)")
        }
    }

    private func series(_ text: String) throws(PromQLScriptError) -> SeriesDescription {
        do {
            return try SeriesDescription.parse(text)
        } catch {
            throw problem("\(error)")
        }
    }

    private func duration(_ text: String) throws(PromQLScriptError) -> Int64 {
        do {
            return try PrometheusDuration.milliseconds(text)
        } catch {
            throw problem("\(error)")
        }
    }

    private func problem(_ reason: String) -> PromQLScriptError {
        PromQLScriptError(line: min(index + 1, lines.count), reason: reason)
    }

    private static func trim(_ text: some StringProtocol) -> String {
        let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\r" || $0 == "\r\n" }
        let start = text.drop(while: isSpace)
        let end = start.lastIndex { !isSpace($0) }
        return end.map { String(start[...$0]) } ?? ""
    }

    /// Words between white space, up to so many; the last one is then all that is left.
    private func words(_ text: String, limit: Int = .max) -> [String] {
        var result: [String] = []
        var rest = text[...]
        let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        while true {
            rest = rest.drop(while: isSpace)
            if rest.isEmpty { return result }
            if limit != 1, result.count == limit - 1 {
                result.append(String(rest))
                return result
            }
            let end = rest.firstIndex(where: isSpace) ?? rest.endIndex
            result.append(String(rest[..<end]))
            if limit == 1 { return result }
            rest = rest[end...]
        }
    }
}
