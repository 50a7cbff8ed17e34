import Rules
import TestSupport

/// Writes random PromQL that is right in form and in types, in all of the ways in which it may be written.
struct ExpressionGenerator {
    var random: SeededRandom
    private var budget = 0

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    mutating func expression() -> String {
        budget = Int.random(in: 1...25, using: &random)
        return chance(4) ? scalar() : vector()
    }

    // MARK: - Choices

    private mutating func chance(_ oneIn: Int) -> Bool { Int.random(in: 0..<oneIn, using: &random) == 0 }

    private mutating func any(_ choices: [String]) -> String { choices.randomElement(using: &random) ?? "" }

    private mutating func space() -> String { any(["", "", "", " ", "  ", "\n", "\t", " # x\n"]) }

    private mutating func gap() -> String { any([" ", " ", "  ", "\n", " # comment )\n"]) }

    private mutating func list(_ count: ClosedRange<Int>, _ item: (inout Self) -> String) -> String {
        let items = (0..<Int.random(in: count, using: &random)).map { _ in item(&self) }
        return items.joined(separator: space() + "," + space())
    }

    private mutating func cased(_ keyword: String) -> String { chance(8) ? keyword.uppercased() : keyword }

    // MARK: - Scalars and strings

    private mutating func number() -> String {
        any([
            "0", "1", "42", "0.5", ".25", "1e3", "1E-2", "0x1f", "017", "(inf)", "1_000", "NaN", "5m", "1h30m", "1d",
            "2y",
            "100ms", "3.", "1.5e+2", "1234567.125", "1e21", "0.0000012",
        ])
    }

    private mutating func scalar() -> String {
        budget -= 1
        guard budget > 0 else { return number() }
        switch Int.random(in: 0..<9, using: &random) {
        case 0: return "-" + space() + scalar()
        case 1: return "(" + space() + scalar() + space() + ")"
        case 2: return "scalar(" + vector() + ")"
        case 3: return any(["time()", "pi( )", "start()", "end()", "step()", "range()"])
        case 4: return any(["max_of(", "min_of("]) + scalar() + ", " + scalar() + ")"
        case 5: return scalar() + gap() + any(["+", "-", "*", "/", "%", "^", "atan2"]) + gap() + scalar()
        case 6: return scalar() + gap() + any(["==", "!=", ">", "<", ">=", "<="]) + " bool " + scalar()
        default: return number()
        }
    }

    private mutating func string() -> String {
        any([
            "\"a\"", "'b'", "`c\\d`", "\"\\n\\t\\\"\"", "'\\x41\\u00e9'", "\"é ü\"", "'\\101'", "\"\"", "\"$1\"",
            "`x\ny`", "\"\\u200b\"",
        ])
    }

    // MARK: - Selectors

    private mutating func name() -> String {
        any([
            "foo", "bar_total", "job:x:rate5m", "sum", "by", "offset", "start", "fill", "and", "anchored", "min_of",
            "Up",
            "_x", "rate",
        ])
    }

    private mutating func label() -> String {
        any(["a", "job", "le", "instance", "on", "by", "sum", "group_left", "\"x.y\"", "\"with space\"", "'q'"])
    }

    private mutating func matcher() -> String {
        let label = any(["a", "job", "on", "\"x.y\"", "'le'", "__type__"])
        let regex = any(["\".+\"", "'a|b'", "`\\d+`", "\"\"", "\"(?i:x).*\""])
        return chance(2)
            ? label + space() + any(["=", "!="]) + space() + string()
            : label + space() + any(["=~", "!~"]) + space() + regex
    }

    private mutating func matchers(_ count: ClosedRange<Int>) -> String {
        let list = list(count) { $0.matcher() }
        return "{" + space() + list + (list.isEmpty || chance(2) ? "" : ",") + space() + "}"
    }

    private mutating func bareSelector() -> String {
        switch Int.random(in: 0..<5, using: &random) {
        case 0: "{__name__=~\"a.+\", b=\"c\"}"
        case 1: "{\"utf8.name\", " + matcher() + "}"
        case 2: name() + space() + matchers(0...3)
        default: name()
        }
    }

    private mutating func modifiers(_ isRange: Bool) -> String {
        var parts: [String] = []
        if chance(4) {
            parts.append(cased("offset") + gap() + offset())
        }
        if chance(4) { parts.append("@" + space() + any(["1", "1609746000.123", "-5", "start()", "end( )", "0x10"])) }
        if chance(12) { parts.append(any(["anchored", "smoothed"])) }
        parts.shuffle(using: &random)
        return parts.isEmpty ? "" : gap() + parts.joined(separator: gap())
    }

    private mutating func offset() -> String {
        any([
            "5m", "-1h", "+ 30", "0", "step()", "-range()", "(5m)", "(1h - step())", "-(5m*2)", "max_of(5m, step())",
            "0.25", "--5m", "90",
        ])
    }

    private mutating func duration() -> String {
        any([
            "5m", "1h30m", "300", "0.5", "step()", "5m + step()", "(5m)", "1h / 2", "2 ^ 3", "((step() + 1m)) * 3",
            "max_of(step(), 1m)", "-(-5m)", "min_of(1h, range() * 0.3333)", "1d % 7h", "- -5m",
        ])
    }

    private mutating func range() -> String {
        budget -= 1
        if chance(5), budget > 0 {
            let step = chance(2) ? "" : duration()
            let inner = chance(2) ? bareSelector() : "(" + vector() + ")"
            let modifiers = modifiers(true).contains("ed") ? "" : gap() + cased("offset") + " " + offset()
            // Comments are no part of brackets.
            let space = any(["", " ", "\n"])
            return inner + "[" + space + "1h" + space + ":" + space + step + space + "]" + modifiers
        }
        return bareSelector() + "[" + any(["", " "]) + duration() + "]" + modifiers(true)
    }

    // MARK: - Vectors

    private mutating func vector() -> String {
        budget -= 1
        guard budget > 0 else { return bareSelector() }
        switch Int.random(in: 0..<14, using: &random) {
        case 0: return any(["rate", "increase", "avg_over_time", "deriv", "mad_over_time"]) + "(" + range() + ")"
        case 1: return any(["abs", "ceil", "sort_desc", "absent", "timestamp"]) + space() + "(" + vector() + ")"
        case 2: return aggregation()
        case 3: return vector() + gap() + comparison() + gap() + (chance(2) ? scalar() : vector())
        case 4:
            let operation = gap() + any(["+", "-", "*", "/", "%", "^", "atan2"])
            // Both operands have to be vectors whatever stands around them.
            return chance(2)
                ? vector() + operation + gap() + vector()
                : "(" + vector() + ")" + operation + matching() + gap() + "(" + vector() + ")"
        case 5: return vector() + gap() + cased(any(["and", "or", "unless"])) + setMatching() + gap() + vector()
        case 6: return "(" + space() + vector() + space() + ")"
        case 7: return any(["-", "+", "- "]) + vector()
        case 8: return "vector(" + scalar() + ")"
        case 9: return "label_replace(" + vector() + ", \"a\", \"$1\", 'b', \"(.*)\")"
        case 10: return any(["hour()", "month(" + bareSelector() + ")", "info(foo, {a=~\".*\"})", "info(foo)"])
        case 11: return "quantile_over_time(" + scalar() + "," + range() + ")"
        default:
            let modifiers = modifiers(false)
            // An offset that begins with a parenthesis would take the operators behind it in.
            return modifiers.contains("(") || modifiers.contains("--")
                ? "(" + bareSelector() + modifiers + ")" : bareSelector() + modifiers
        }
    }

    private mutating func comparison() -> String {
        any(["==", "!=", ">", "<", ">=", "<=", "> bool", "==bool", "</", ">/"])
    }

    private mutating func labels() -> String {
        let list = list(0...3) { $0.label() }
        return "(" + list + (list.isEmpty || chance(3) ? "" : ",") + ")"
    }

    private mutating func setMatching() -> String {
        chance(2) ? "" : gap() + any(["on", "ignoring", "ON"]) + space() + labels()
    }

    private mutating func matching() -> String {
        var text = ""
        switch Int.random(in: 0..<4, using: &random) {
        case 0: text = gap() + any(["on", "ignoring"]) + labels()
        case 1: text = gap() + "on (x, y)" + gap() + any(["group_left", "group_right"]) + any(["", "()", " (z)"])
        default: break
        }
        if chance(6) {
            text += gap() + any(["fill(0)", "fill_left (-1.5)", "fill_right(1e30) fill_left(2)", "fill (5m)"])
        }
        // A vector in parentheses would be the list of `group_left`.
        return text + (text.isEmpty ? "" : gap() + bareSelector() + " +")
    }

    private mutating func aggregation() -> String {
        let operation = cased(any(["sum", "avg", "count", "min", "max", "group", "stddev", "stdvar"]))
        let grouping = chance(3) ? "" : cased(any(["by", "without"])) + space() + labels()
        switch Int.random(in: 0..<5, using: &random) {
        case 0: return any(["topk", "quantile", "limitk", "limit_ratio"]) + "(" + scalar() + "," + vector() + ")"
        case 1: return "count_values(" + string() + "," + vector() + ")" + gap() + grouping
        case 2: return operation + space() + "(" + vector() + ")" + gap() + grouping
        default: return operation + gap() + grouping + space() + "(" + vector() + ")"
        }
    }
}
