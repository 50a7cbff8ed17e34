"""Random PromQL that Prometheus 2.42 reads as Prometheus 3 does, whole and damaged."""
import random

NAMES = ["foo", "bar_total", "job:x:rate5m", "sum", "by", "offset", "and", "Up", "_x", "rate", "unless", "stddev"]
LABELS = ["a", "job", "le", "instance", "on", "by", "sum", "group_left", "offset", "bool"]
STRINGS = ['"a"', "'b'", "`c\\d`", '"\\n\\t\\""', "'\\x41\\u00e9'", '"\u00e9 \u00fc"', '""', '"$1"', "`x\ny`", "'\\101'"]
REGEXES = ['".+"', "'a|b'", "`\\d+`", '"(?i:x).*"', '"[[:alpha:]]"', '"a{2,3}?"', '"\\\\pL"']
NUMBERS = ["0", "1", "42", "0.5", ".25", "100000", "0x1f", "017", "NaN", "(inf)", "3."]
DURATIONS = ["5m", "1h30m", "1d", "90s", "100ms", "2w", "1y", "36h"]
SCRAPS = list("(){}[],:+-*/%^=!~<>\"'`\\#.123abcxyzm _\n") + ["offset ", " by (", "5m", " bool ", "group_left", "\u00e9", "@ ", "1h:"]


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.budget = 0

    def any(self, choices):
        return self.random.choice(choices)

    def chance(self, one_in):
        return self.random.randrange(one_in) == 0

    def space(self):
        return self.any(["", "", "", " ", "  ", "\n", "\t", " # x\n"])

    def gap(self):
        return self.any([" ", " ", "\n", " # comment )\n"])

    def expression(self):
        self.budget = self.random.randrange(1, 22)
        return self.scalar() if self.chance(5) else self.vector()

    def damaged(self):
        text = self.expression()
        for _ in range(self.random.randrange(1, 3)):
            place = self.random.randrange(len(text) + 1)
            kind = self.random.randrange(5)
            if kind < 2:
                text = text[:place] + text[place + self.random.randrange(1, 5):]
            elif kind < 4:
                text = text[:place] + self.any(SCRAPS) + text[place:]
            else:
                text = text[:place]
        return text

    def items(self, most, item):
        return (self.space() + "," + self.space()).join(item() for _ in range(self.random.randrange(most + 1)))

    def scalar(self):
        self.budget -= 1
        kind = self.random.randrange(8) if self.budget > 0 else 7
        if kind == 0:
            return "-" + self.scalar()
        if kind == 1:
            return "(" + self.space() + self.scalar() + self.space() + ")"
        if kind == 2:
            return "scalar(" + self.vector() + ")"
        if kind == 3:
            return self.any(["time()", "pi( )"])
        if kind == 4:
            return self.scalar() + self.gap() + self.any("+-*/%^") + self.gap() + self.scalar()
        if kind == 5:
            return self.scalar() + self.any(["==", " != ", ">", "<", ">=", "<="]) + " bool " + self.scalar()
        return self.any(NUMBERS)

    def matcher(self):
        label = self.any(LABELS)
        if self.chance(2):
            return label + self.space() + self.any(["=", "!="]) + self.space() + self.any(STRINGS)
        return label + self.space() + self.any(["=~", "!~"]) + self.space() + self.any(REGEXES)

    def bare(self):
        kind = self.random.randrange(4)
        if kind == 0:
            return '{__name__=~"a.+", b="c"}'
        if kind == 1:
            matchers = self.items(3, self.matcher)
            return self.any(NAMES) + "{" + matchers + ("," if matchers and self.chance(3) else "") + self.space() + "}"
        return self.any(NAMES)

    def modifiers(self):
        parts = []
        if self.chance(4):
            parts.append("offset" + self.gap() + self.any(["", "-"]) + self.any(DURATIONS))
        if self.chance(4):
            parts.append("@" + self.space() + self.any(["1", "1609746000.123", "-5", "start()", "end( )"]))
        self.random.shuffle(parts)
        return "".join(self.gap() + part for part in parts)

    def ranged(self):
        self.budget -= 1
        if self.chance(5) and self.budget > 0:
            inner = self.bare() if self.chance(2) else "(" + self.vector() + ")"
            return inner + "[1h:" + self.any([""] + DURATIONS) + "]" + self.modifiers()
        return self.bare() + "[" + self.any(DURATIONS) + "]" + self.modifiers()

    def labels(self):
        return "(" + self.items(3, lambda: self.any(LABELS)) + ")"

    def matching(self):
        kind = self.random.randrange(4)
        if kind == 0:
            return self.gap() + self.any(["on", "ignoring"]) + self.labels()
        if kind == 1:
            return self.gap() + "on (x, y)" + self.any([" group_left", " group_right"]) + self.any(["()", " (z)"])
        return ""

    def aggregation(self):
        name = self.any(["sum", "avg", "count", "MIN", "max", "group", "stddev", "stdvar"])
        grouping = "" if self.chance(3) else self.any(["by", "without", "BY"]) + self.space() + self.labels()
        kind = self.random.randrange(5)
        if kind == 0:
            return self.any(["topk", "quantile", "bottomk"]) + "(" + self.scalar() + "," + self.vector() + ")"
        if kind == 1:
            return "count_values(" + self.any(STRINGS) + "," + self.vector() + ")" + self.gap() + grouping
        if kind == 2:
            return name + self.space() + "(" + self.vector() + ")" + self.gap() + grouping
        return name + self.gap() + grouping + self.space() + "(" + self.vector() + ")"

    def vector(self):
        self.budget -= 1
        kind = self.random.randrange(14) if self.budget > 0 else 13
        if kind == 0:
            return self.any(["rate", "increase", "avg_over_time", "deriv"]) + "(" + self.ranged() + ")"
        if kind == 1:
            return self.any(["abs", "ceil", "sort_desc", "absent"]) + self.space() + "(" + self.vector() + ")"
        if kind == 2:
            return self.aggregation()
        if kind == 3:
            other = self.scalar() if self.chance(2) else self.vector()
            return self.vector() + self.gap() + self.any(["==", "!=", ">", "<", ">=", "<=", "> bool"]) + self.gap() + other
        if kind == 4:
            return "(" + self.vector() + ")" + self.any("+-*/%^") + self.matching() + self.gap() + "(" + self.vector() + ")"
        if kind == 5:
            on = "" if self.chance(2) else self.gap() + self.any(["on", "ignoring", "ON"]) + self.space() + self.labels()
            return self.vector() + self.gap() + self.any(["and", "or", "unless", "AND"]) + on + self.gap() + self.vector()
        if kind == 6:
            return "(" + self.space() + self.vector() + self.space() + ")"
        if kind == 7:
            return self.any(["-", "+", "- "]) + self.vector()
        if kind == 8:
            return "vector(" + self.scalar() + ")"
        if kind == 9:
            return "label_replace(" + self.vector() + ", \"a\", \"$1\", 'b', \"(.*)\")"
        if kind == 10:
            return self.any(["hour()", "month(" + self.bare() + ")"])
        if kind == 11:
            return "quantile_over_time(" + self.scalar() + "," + self.ranged() + ")"
        return self.bare() + self.modifiers()
